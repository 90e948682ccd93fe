# Types for the compiled form of local_nets.py; see setup.py.
cimport cython

cdef Py_ssize_t _MAX_REMEMBERED

cdef bint _COMPILED
cdef bytearray _OCTETS
@cython.locals(octets="unsigned char *", place=int, octet=int, letter="Py_UCS4")
cpdef bytes pack_address(str address)
@cython.locals(number="long long", octet=int, letter="Py_UCS4")
cdef long long _number_of(str address) except -1

@cython.final
cdef class LocalNets:
    cdef dict _known
    cdef list _by_octet, _v6
    cdef bytearray _whole

    @cython.locals(number="long long", octet=int, letter="Py_UCS4", net="long long", mask="long long", pair=tuple, nets=list)
    cpdef bint is_local(self, str address) except -1
    cdef bint _is_local_v6(self, str address) except -1
