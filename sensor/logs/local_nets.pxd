cimport cython

cdef class LocalNets:
    cdef dict _known
    cdef list _by_octet
    cdef list _v6
    cpdef bint contains(self, str address) except -1
    cpdef bint _look(self, str address) except -1
