# Types for the compiled form of local_nets.py; see setup.py.
cimport cython

cdef Py_ssize_t _MAX_REMEMBERED
cdef int _SOME, _ALL, _DOT, _DOTS

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const unsigned char* PyUnicode_DATA(object text)

cdef bint _COMPILED
cdef bytearray _OCTETS
@cython.locals(octets="unsigned char *", place=int, octet=int, letter="Py_UCS4")
cpdef bytes pack_address(str address)

@cython.final
cdef class LocalNets:
    cdef dict _known
    cdef list _v4, _v6
    cdef bytearray _pairs

    @cython.locals(text="const unsigned char *", place=Py_ssize_t, octet=int, dots=int, known=int, number="long long", net="long long", mask="long long", letter=int)
    cpdef bint is_local(self, str address) except -1
    cdef bint _is_local_v6(self, str address) except -1
