# C types for conn.py; what may be None is an object.
cimport cython
from sensor.weird cimport FlowId

@cython.final
cdef class Connection:
    cdef readonly FlowId flow
    cdef readonly long long ts, missed_bytes, orig_pkts, orig_ip_bytes, resp_pkts, resp_ip_bytes
    cdef readonly str conn_state, history
    cdef readonly object service, duration, orig_bytes, resp_bytes, vlan, inner_vlan
    cdef readonly tuple tunnel_parents

    cpdef tuple fields(self)
