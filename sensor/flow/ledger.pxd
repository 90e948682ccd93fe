cimport cython
from sensor.flow.state cimport Endpoint, Flow

cdef class Ledger:
    cdef public long long charged

@cython.locals(kept="long long", end=Endpoint)
cpdef tuple weigh(Flow flow)
@cython.locals(total="long long", most="long long", weight="long long", enough="long long", newest=Flow, flow=Flow)
cpdef list take_stock(object flows, Ledger ledger, long long limit)
