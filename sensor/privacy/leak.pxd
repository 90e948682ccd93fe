# Types for the compiled form of leak.py; see setup.py.
cimport cython
from sensor.recent cimport Recent

@cython.final
cdef class LeakCounter:
    cdef Recent _times
    cdef bint _deferred
    cdef public long long forgotten

    cpdef defer(self)
    cpdef Py_ssize_t see(self, tuple key) except -1
    @cython.locals(times=Py_ssize_t, place=int)
    cpdef Py_ssize_t see_number(self, Py_ssize_t number) except -1
