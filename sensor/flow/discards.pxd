# Types for the compiled form of discards.py; see setup.py.
cimport cython

@cython.final
cdef class Discards:
    cdef public long long behind_fin, out_of_window, too_late, with_reset, before_start, cut
