cimport cython

from sensor.ct.entries cimport EntryFrame, vector_end
from sensor.pki.der cimport DerReader, decode_time
from sensor.pki.extensions cimport decode_extensions

cdef int _PRECERT
cdef Py_ssize_t _KEY_HASH, _MAX_SERIAL, _MAX_ISSUER, _MAX_CHAINS

@cython.locals(pos=Py_ssize_t, end=Py_ssize_t, frame=EntryFrame)
cpdef check_tile(bytes data, Py_ssize_t width)

@cython.final
cdef class EntryDecoder:
    cdef bint _ocsp, _crl
    cdef object _exact
    cdef tuple _below
    cdef object _valid_from
    cdef bytes _log_id, _given
    cdef dict _chains
    cdef Py_ssize_t _max_names, _max_bytes
    cdef EntryFrame _frame
    cdef public list hashes, entries
    cdef public object timestamp
    cdef public dict skipped, refused

    @cython.locals(chain=Py_ssize_t, end=Py_ssize_t)
    cpdef add_leaf(self, bytes leaf_input, bytes extra_data)
    @cython.locals(pos=Py_ssize_t, end=Py_ssize_t, number=Py_ssize_t, wanted=bint, frame=EntryFrame)
    cpdef add_tile(self, bytes data, Py_ssize_t width, Py_ssize_t first, Py_ssize_t until)
    @cython.locals(start=Py_ssize_t, stop=Py_ssize_t, key_hash=bytes, der=bytes, issuers=bytes, frame=EntryFrame)
    cdef _decode(self, bytes data, bytes chain_data, Py_ssize_t chain, Py_ssize_t chain_end, bint by_fingerprint)
    @cython.locals(data=bytes, pos=Py_ssize_t, end=Py_ssize_t, number=Py_ssize_t, serial=bytes, issuer=Py_ssize_t,
                   validity=Py_ssize_t, subject=Py_ssize_t, key=Py_ssize_t, tag=int)
    cdef _certificate(self, DerReader reader, Py_ssize_t start, Py_ssize_t stop, bytes key_hash)
    @cython.locals(dns=tuple, ips=tuple, emails=tuple)
    cdef _logged(self, object found, bytes key_hash, bytes issuer, bytes serial, object not_before, object not_after,
                 bytes subject)
    @cython.locals(text=str)
    cdef bint _is_wanted(self, dict names) except -1
    cdef _skip(self, str reason)
    cdef _refuse(self, str reason)
