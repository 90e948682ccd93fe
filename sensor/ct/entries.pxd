cimport cython

cdef Py_ssize_t _KEY_HASH
cdef int _PRECERT

@cython.final
cdef class EntryFrame:
    cdef public object timestamp
    cdef public int kind
    cdef public Py_ssize_t start, stop

    @cython.locals(kind=int)
    cpdef Py_ssize_t read(self, bytes data, Py_ssize_t pos) except -1

@cython.locals(start=Py_ssize_t, length=Py_ssize_t, i=Py_ssize_t)
cpdef Py_ssize_t vector_end(bytes data, Py_ssize_t pos, int octets) except -1
