# Types for the compiled form of windows.py; see setup.py. Times are nanoseconds, spans a year at most.
cimport cython

cdef object _VALUE_COUNT
cdef Py_ssize_t _MAX_TIMES

cpdef Window make_window(object rule, Py_ssize_t max_events, object least=*)
cpdef bint within(object value, object bounds) except -1

cdef class Window:
    cdef public Py_ssize_t size, late, dropped

    cpdef object add(self, long long ts, Py_ssize_t place, object value)

cdef class _Counted(Window):
    cdef long long _span, _newest
    cdef tuple _bounds
    cdef Py_ssize_t _max
    cdef bint _summed
    cdef list _heap
    cdef double _sum

    @cython.locals(heap=list)
    cpdef object add(self, long long ts, Py_ssize_t place, object value)

cdef class _Distinct(Window):
    cdef long long _span, _newest
    cdef tuple _bounds
    cdef double _least
    cdef Py_ssize_t _max
    cdef list _heap
    cdef dict _last

    @cython.locals(heap=list, last=dict, first=tuple, begin="long long", counted=Py_ssize_t)
    cpdef object add(self, long long ts, Py_ssize_t place, object value)

cdef class _Together(Window):
    cdef long long _span
    cdef tuple _bounds
    cdef double _least
    cdef dict _last

    @cython.locals(last=dict, counted=Py_ssize_t)
    cpdef object add(self, long long ts, Py_ssize_t place, object value)

cdef class _Ordered(Window):
    cdef long long _span
    cdef list _times

    @cython.locals(times=list)
    cpdef object add(self, long long ts, Py_ssize_t place, object value)
