# Types for the compiled form of tally.py; see setup.py.
cimport cython

cdef object _COUNT

@cython.final
cdef class Tally:
    cdef Py_ssize_t _limit
    cdef readonly dict counts
    cdef readonly long long other, total

    cpdef add(self, object key, Py_ssize_t times=*)
    cpdef merge(self, object counts, long long other)
    cpdef list top(self, Py_ssize_t number)

@cython.final
cdef class Sample:
    cdef Py_ssize_t _limit, _stride, _until_next
    cdef readonly list _values

    cpdef add(self, object value)
    cpdef tuple state(self)
    cpdef merge(self, list values, Py_ssize_t stride)
