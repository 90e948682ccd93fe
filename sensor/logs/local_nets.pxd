# Types for the compiled form of local_nets.py; see setup.py.
cimport cython

cdef Py_ssize_t _MAX_REMEMBERED

@cython.final
cdef class LocalNets:
    cdef dict _known
    cdef list _by_octet, _v6

    cpdef tuple look_at(self, str address)
    @cython.locals(packed=bytes, nets=list)
    cdef tuple _look_at(self, str address)
