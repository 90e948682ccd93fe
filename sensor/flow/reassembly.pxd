cimport cython
from sensor.flow.beginning cimport read_against, read_other
from sensor.flow.delivery cimport Delivery
from sensor.flow.state cimport Endpoint, Flow

cdef int _CLOSED, _RESET, _ESTABLISHED, _NOBODY, _FAR_RUN
cdef long long _FAR
cdef unsigned int _UPPER_G, _SMALL_G

@cython.locals(low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t, last="long long")
cpdef Py_ssize_t first_behind(list pieces, long long rel) except -1

@cython.final
cdef class Reassembler(Delivery):
    cdef public object raw
    cdef public long long payload_bytes, delivered_bytes, duplicate_bytes, acks, ack_gaps

    @cython.locals(upper="long long", cut="long long", first=tuple)
    cpdef data(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long captured, long long ts)
    @cython.locals(placed="long long")
    cpdef fill(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts)
    cpdef tell_full(self, Flow flow, Endpoint end, long long ts)
    cpdef bint goes_on(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts) except -1
    cpdef finish_unfinished(self, Flow flow)
    @cython.locals(held=list, upper="long long", i=Py_ssize_t, first="long long", last="long long", cut="long long", stop="long long", chunk=bytes)
    cpdef hold(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(first="long long", last="long long", after=Py_ssize_t)
    cpdef Py_ssize_t join_ranges(self, list held, Py_ssize_t i) except -1
    @cython.locals(first="long long", last="long long", cut="long long", size="long long", chunk=bytes)
    cpdef drain(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(first="long long", stop="long long")
    cpdef give_up(self, Flow flow, Endpoint end, long long up_to, bint acked, long long ts)
    @cython.locals(first="long long")
    cpdef gap(self, Flow flow, Endpoint end, long long length, bint acked, long long ts)
    @cython.locals(peer=Endpoint)
    cpdef count_gap(self, Flow flow, Endpoint end, long long first, long long last)
    cdef count_ack(self, Endpoint end, long long rel)
    @cython.locals(last="long long", told="long long")
    cpdef acked(self, Flow flow, Endpoint end, long long rel, long long ts)
    @cython.locals(first="long long", last="long long", low="long long", high="long long", chunk=bytes, raw=bytes, kept=list, i=Py_ssize_t)
    cpdef compare(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts)
    cpdef fin_reached(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(orig=Endpoint, resp=Endpoint, end=Endpoint, last="long long", how=int)
    cpdef finish(self, Flow flow, long long ts, bint at_end)
