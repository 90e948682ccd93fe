# Types for the compiled form of head.py; see setup.py.
cimport cython

cdef int _HOST, _USER_AGENT, _CONTENT_LENGTH, _TRANSFER_ENCODING, _CONTENT_ENCODING, _CONTENT_TYPE
cdef int _CONTENT_DISPOSITION, _CONNECTION, _UPGRADE, _CONTENT_RANGE, _NOTABLE, _ALSO_NOTABLE
cdef int FRAMING, HOST
cdef dict _memo

@cython.final
cdef class Head:
    cdef public list fields, oddities
    cdef public int count, chunked, doubts
    cdef public long long length
    cdef public bytes host, user_agent, content_type, disposition, content_range
    cdef public tuple codings
    cdef public bint coded, bad_length, upgrade, connection_upgrade, close, keep_alive, notable

    cpdef odd(self, str name, bytes detail=*)

cpdef Py_ssize_t find_end(object data, Py_ssize_t start, Py_ssize_t scan)
@cython.locals(fields=list, count=int, i=Py_ssize_t, line=bytes, entry=tuple)
cpdef bint read_fields(Head head, list lines, int max_fields, Py_ssize_t max_line)
cdef tuple _entry(bytes line)
cdef int _code(bytes name, bytes value) except -1
cdef bint _is_marked(bytes name) except -1
cdef _take(Head head, int code, bytes value)
@cython.locals(number="long long")
cdef _take_length(Head head, bytes value)
cdef _take_connection(Head head, bytes value)
cdef _take_transfer_encoding(Head head, bytes value)
