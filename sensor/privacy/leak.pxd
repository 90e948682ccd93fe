# Types for the compiled form of leak.py; see setup.py.
cimport cython

@cython.final
cdef class LeakCounter:
    cdef Py_ssize_t _max_tracked
    cdef object _times
    cdef public long long forgotten

    @cython.locals(times=Py_ssize_t)
    cpdef Py_ssize_t see(self, tuple key) except -1
