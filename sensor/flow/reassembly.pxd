cimport cython
from sensor.flow.state cimport Endpoint, Flow

cdef int _CLOSED, _RESET, _ESTABLISHED, _UNDECIDED, _NOBODY, _ATTACHED, _FAR_RUN
cdef long long _FAR

cdef class Reassembler:
    cdef public object make_reader, raw
    cdef public list out
    cdef public frozenset ports
    cdef public long long max_held_bytes, max_held_segments, max_total, hole_bytes, hole_ns, reorder_ns, total_held
    cdef public long long payload_bytes, delivered_bytes, duplicate_bytes, discarded_bytes, gap_bytes, gaps, acks_seen

    cpdef weird(self, Flow flow, long long ts, str name)
    @cython.locals(upper="long long", upper_all="long long", cut="long long", first=tuple, peer=Endpoint)
    cpdef data(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long captured, long long ts)
    @cython.locals(held=list, upper="long long", i=Py_ssize_t, first="long long", last="long long", cut="long long", stop="long long", chunk=bytes)
    cpdef hold(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(first="long long", last="long long", cut="long long", size="long long", chunk=bytes)
    cpdef drain(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(first="long long", stop="long long")
    cpdef give_up(self, Flow flow, Endpoint end, long long up_to, long long ts)
    @cython.locals(unskipped="long long")
    cpdef gap(self, Flow flow, Endpoint end, long long length, long long ts)
    @cython.locals(peer=Endpoint, start="long long", stop="long long", after="long long", first="long long", last="long long", i=Py_ssize_t)
    cpdef miss(self, Flow flow, Endpoint end, long long up_to)
    @cython.locals(up_to="long long")
    cpdef settle(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(last="long long")
    cpdef acked(self, Flow flow, Endpoint end, long long rel, long long ts)
    @cython.locals(first="long long", last="long long", low="long long", high="long long", chunk=bytes, raw=bytes)
    cpdef compare(self, Flow flow, Endpoint end, long long rel, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(chunk=bytes)
    cpdef hand(self, Flow flow, Endpoint end, object raw, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(chunk=bytes, kind=int, peer=Endpoint, passed="long long", before="long long", early=bytes, probation=bint)
    cpdef decide(self, Flow flow, Endpoint end, object raw, Py_ssize_t pos, long long length, long long ts)
    cpdef fin_reached(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(unskipped="long long")
    cpdef close(self, Flow flow, Endpoint end, int how, long long ts)
    @cython.locals(end=Endpoint, last="long long")
    cpdef finish(self, Flow flow, long long ts, bint at_end)
