# Types for the compiled form of history.py; see setup.py.
cimport cython

@cython.final
cdef class History:
    cdef object _max, _said
    cdef readonly long long forgotten

    @cython.locals(before=tuple)
    cpdef object check(self, object response, object single, bint is_credible)
