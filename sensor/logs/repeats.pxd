# Types for the compiled form of repeats.py; see setup.py.
cimport cython

@cython.final
cdef class NoticeMemory:
    cdef long long _window
    cdef Py_ssize_t _max
    cdef dict _told

    @cython.locals(ts="long long", told="long long")
    cpdef bint is_new(self, tuple leak) except -1
