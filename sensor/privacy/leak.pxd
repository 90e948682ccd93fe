# Types for the compiled form of leak.py; see setup.py.
cimport cython

cdef class LeakCounter:
    cdef Py_ssize_t _max_tracked
    cdef object _times
    cdef public long long forgotten

    @cython.locals(times="long long")
    cpdef long long see(self, tuple key) except -1
