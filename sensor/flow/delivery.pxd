cimport cython
from sensor.flow.beginning cimport asks_in_http, pass_over, put_off, roles_known, stand_against
from sensor.flow.discards cimport Discards
from sensor.flow.ledger cimport Ledger
from sensor.flow.state cimport Endpoint, Flow

cdef int _UNDECIDED, _NOBODY, _ATTACHED, _AGAINST, _UNSEEN, _READ, _PASSED
cdef long long _RECENT_SEGMENTS, _RECENT_BYTES, _NO_FIN, _PER_PIECE

cdef bint _COMPILED

cdef extern from *:
    """
    #define VIEW_OCTETS(view) ((const char *)PyMemoryView_GET_BUFFER(view)->buf)
    #define VIEW_SIZE(view) (PyMemoryView_GET_BUFFER(view)->len)
    """
    const char* VIEW_OCTETS(object view)  # of a view of octets that lie side by side, which those of batches are
    Py_ssize_t VIEW_SIZE(object view)

@cython.locals(at="const char *")
cpdef bytes octets(object raw, Py_ssize_t pos, Py_ssize_t length)

cdef class Delivery:
    cdef public object make_reader
    cdef public Ledger ledger
    cdef public Discards discards
    cdef public list out
    cdef public frozenset ports
    cdef public long long max_held_segments, max_total, hole_bytes, hole_ns, reorder_ns, total_held, most_held, total_recent, max_recent, max_older, gap_bytes, gaps
    cdef public long long older_flows, older_given_up, full_bytes, full_segments, full_total, waited_long, reordered_late, leapt_from, leapt_to
    cdef public str hole_key

    cpdef dict limits(self)
    cpdef long long waited(self, long long since, long long ts) noexcept
    cpdef hold_more(self, long long length)
    cpdef weird(self, Flow flow, long long ts, str name)
    cpdef charge(self, Flow flow, long long length)
    @cython.locals(first="long long")
    cpdef hand(self, Flow flow, Endpoint end, object raw, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(chunk=bytes)
    cpdef hand_on(self, Flow flow, Endpoint end, long long first, object raw, Py_ssize_t pos, long long length, long long ts)
    @cython.locals(low="long long", high="long long")
    cpdef remember(self, Endpoint end, long long first, bytes chunk)
    @cython.locals(end=Endpoint, ts="long long")
    cpdef settle_doubt(self, Flow flow)
    cpdef forget(self, Endpoint end)
    cpdef keep_first(self, Endpoint end, long long first, bytes chunk)
    @cython.locals(chunk=bytes, kind=int, probation=bint, asks=bint)
    cpdef decide(self, Flow flow, Endpoint end, long long first, object raw, Py_ssize_t pos, long long length, long long ts)
    cpdef read(self, Flow flow, Endpoint end, long long first, bytes chunk, bint asks, long long ts)
    cpdef attach(self, Flow flow, Endpoint end, bint asks, bint probation)
    cpdef new_reader(self, Flow flow, Endpoint end, bint probation)
    cpdef close_now(self, Flow flow, Endpoint end, int how, long long ts)
    @cython.locals(peer=Endpoint, side=Endpoint, again=bint)
    cpdef reopen(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(early=bytes, passed="long long")
    cpdef join(self, Flow flow, Endpoint end, long long ts)
    @cython.locals(unskipped="long long")
    cpdef tell_gap(self, Flow flow, Endpoint end, long long first, long long length, long long ts)
    @cython.locals(end=Endpoint)
    cpdef doubt(self, Flow flow, long long ts)
    cpdef go_on(self, Flow flow, bint settle)
    cpdef wait(self, Flow flow, long long ts)
    cpdef close(self, Flow flow, Endpoint end, int how, long long ts)
    @cython.locals(unskipped="long long")
    cpdef tell_close(self, Flow flow, Endpoint end, int how, long long ts)
