# Types for the compiled form of beginning.py; see setup.py.
cimport cython
from sensor.flow.state cimport Endpoint, Flow

cpdef bint asks_in_http(Endpoint end, bytes chunk) except -1
cpdef bint roles_known(Flow flow) except -1
cpdef put_off(object delivery, Flow flow, Endpoint end, long long first, bytes chunk)
cpdef bint stand_against(object delivery, Flow flow, Endpoint end, long long first, bytes chunk) except -1
@cython.locals(kept=bytes)
cpdef pass_over(object delivery, Flow flow, Endpoint end, long long first, bytes chunk, long long ts)
@cython.locals(first="long long", last="long long", kept=bytes, begin=bytes, known=bytes, asks=bint)
cpdef bint read_other(object delivery, Flow flow, Endpoint end, long long rel, bytes other, long long ts) except -1
@cython.locals(end=Endpoint)
cpdef turn_back(Flow flow, long long ts)
@cython.locals(end=Endpoint)
cpdef drop_unread(object delivery, Flow flow)
@cython.locals(end=Endpoint, chunk=bytes)
cpdef read_against(object delivery, Flow flow, long long ts)
