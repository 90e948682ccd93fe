# Types for the compiled form of local_nets.py; see setup.py.
cimport cython

cdef Py_ssize_t _MAX_REMEMBERED
cdef int _SOME, _ALL

cdef bint _COMPILED
cdef bytearray _OCTETS
@cython.locals(octets="unsigned char *", place=int, octet=int, letter="Py_UCS4")
cpdef bytes pack_address(str address)

@cython.final
cdef class LocalNets:
    cdef dict _known
    cdef list _v4, _v6
    cdef bytearray _pairs

    @cython.locals(pair=int, octet=int, dots=int, known=int, byte=int, number="long long", net="long long", mask="long long", letter="Py_UCS4")
    cpdef bint is_local(self, str address) except -1
    cdef bint _is_local_v6(self, str address) except -1
