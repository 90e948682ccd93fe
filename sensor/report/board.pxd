# Types for the compiled form of board.py; see setup.py.
cimport cython
from sensor.privacy.structs cimport Leak
from sensor.report.summary cimport Summary
from sensor.report.tally cimport Tally
from sensor.weird cimport FlowId

cdef class Board(Summary):
    cdef object _latest
    cdef readonly Tally clients, sites

    cpdef leak(self, object leak)
    @cython.locals(brief=tuple)
    cpdef show(self, Leak leak)

@cython.locals(flow=FlowId, names=tuple)
cdef tuple _in_brief(Leak leak)
