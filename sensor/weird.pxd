# C types for weird.py: a flow's name is read for every line of every log.
cimport cython

@cython.final
cdef class FlowId:
    cdef readonly str uid, orig_h, resp_h
    cdef readonly unsigned int orig_p, resp_p, proto

    cpdef tuple fields(self)

@cython.locals(flow=FlowId)
cpdef FlowId name_flow(str uid, str orig_h, unsigned int orig_p, str resp_h, unsigned int resp_p)
