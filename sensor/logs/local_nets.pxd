# Types for the compiled form of local_nets.py; see setup.py.
cimport cython

cdef Py_ssize_t _MAX_REMEMBERED

@cython.final
cdef class LocalNets:
    cdef dict _known
    cdef list _by_octet, _v6

    @cython.locals(number="long long", octet="long long", letter="Py_UCS4", net="long long", mask="long long", pair=tuple)
    cpdef bint is_local(self, str address) except -1
    cdef bint _is_local_v6(self, str address) except -1
