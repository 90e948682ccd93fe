# Types for the compiled form of crl_reader.py; see setup.py.
cimport cython

cdef int _HEAD, _ENTRIES, _EXTENSIONS, _SIGNATURE, _DONE, _BROKEN
cdef Py_ssize_t _REASON_ONLY

@cython.final
cdef class CrlReader:
    cdef object _settings, _index, _watch, _on_entry, _head, _extensions, _error, _digest
    cdef long long _max_part
    cdef int _state
    cdef bytes _buffer, _issuer, _prefix, _algorithm, _signature
    cdef long long _base, _retry, _start, _length, _tbs_start, _tbs_end, _entries_end, _outer_end
    cdef long long _entries, _issuers_total, _hits_total, _kept_bytes, _trailing, _reached
    cdef dict _issuers
    cdef object _watching
    cdef list _hits, _kept

    @cython.locals(room="long long", too_large=bint)
    cpdef bint feed(self, bytes data) except -1
    cpdef fail(self, str reason)
    cdef _read_held_head(self)
    cdef _advance(self, bytes buffer)
    cdef _fail(self, object error)
    @cython.locals(pos="long long", size="long long", end="long long", need="long long")
    cdef Py_ssize_t _run(self, bytes data) except -1
    @cython.locals(size="long long", tag=int, length="long long", octets=int, i="long long")
    cdef int _header(self, bytes data, long long pos) except -2
    @cython.locals(size="long long", tag=int, pos="long long", first="long long", stop="long long")
    cdef Py_ssize_t _read_head(self, bytes data) except -1
    @cython.locals(tag=int)
    cdef bint _times_before(self, bytes data, long long pos, long long end) except -1
    @cython.locals(start="long long", stop="long long")
    cdef _sign(self, bytes data, long long at)
    @cython.locals(size="long long", end="long long", first="long long", keys=list, length="long long",
                   start="long long", stop="long long", serial="long long", date="long long", rest="long long")
    cdef Py_ssize_t _read_entries(self, bytes data, long long pos) except -1
    cdef _set_issuer(self, bytes issuer)
    @cython.locals(pos="long long", end="long long")
    cdef _take(self, list keys, bytes data, long long first)
