# Types for the compiled form of grammar.py; see setup.py.
cimport cython

cdef extern from *:
    """
    static CYTHON_INLINE Py_ssize_t find_crlf(const unsigned char *octets, Py_ssize_t at, Py_ssize_t size) {
        while (at < size) {
            const unsigned char *found = (const unsigned char *)memchr(octets + at, 13, (size_t)(size - at));
            if (!found) break;
            at = found - octets + 1;
            if (at < size && octets[at] == 10) return at - 1;
        }
        return -1;
    }
    """
    Py_ssize_t find_crlf(const unsigned char* octets, Py_ssize_t at, Py_ssize_t size)  # data.find of CRLF costs 5 times as much

cdef bint _COMPILED
cdef Py_ssize_t _SHORTEST
cdef bytes _GET, _POST
cdef frozenset METHODS

cpdef bint is_known(bytes method) except -1

cdef bytes _OCSP_TYPE
cdef Py_ssize_t _SHORTEST_OCSP
@cython.locals(size=Py_ssize_t, at=Py_ssize_t)
cpdef bint is_ocsp_head(bytes target, bytes content_type) except -1

cpdef bint is_token(bytes text)
cpdef bint is_keyword(bytes octets, Py_ssize_t at) except -1
cdef bint _is_1(const unsigned char* octets, Py_ssize_t at) noexcept
cpdef Py_ssize_t line_end(bytes data, Py_ssize_t at)
@cython.locals(number=object)
cpdef object parse_number(bytes text)
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, method=bytes, target=bytes, begin=Py_ssize_t)
cpdef tuple parse_request_line(bytes line)
@cython.locals(known=tuple)
cpdef tuple parse_status_line(bytes line)
cdef dict _statuses
cpdef tuple parse_field(bytes line)
