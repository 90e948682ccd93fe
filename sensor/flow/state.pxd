cimport cython
from sensor.flow.seq cimport seq_delta
from sensor.flow.uid cimport ascii_text, mix, render_words
from sensor.weird cimport FlowId, name_flow

cdef extern from *:
    """
    #define IS_LAST(reference) (Py_REFCNT(reference) == 1)
    """
    bint IS_LAST(object reference)  # is nothing else referring to it?

cdef bint _COMPILED
cdef list _SPARE
cdef Py_ssize_t _MAX_SPARE
cdef unsigned long long _MASK
cdef bytearray _SCRATCH
cdef Py_ssize_t _LETTERS
cdef long long _SOONEST_PROBE

@cython.final
cdef class Endpoint:
    cdef public bint is_orig, recent_cut, did_close, did_eof, dropped, over, closed_told, reads_as_orig, inherited
    cdef public int state, prev_state, sniffed
    cdef public unsigned int base_seq, start_seq, last_seq, ack_seq, hist_mask
    cdef public long long last_rel, ack_rel, fin_rel, hist_syn, hist_fin, hist_rst
    cdef public unsigned int fin_cnt, rst_cnt, rxmt_cnt, rxmt_next, zero_cnt, zero_next, gap_cnt, gap_next
    cdef public long long pkts, ip_bytes, next_rel, trim_rel, top_rel
    cdef public list held, recent, others, lost
    cdef public bytes prefix
    cdef public long long far_next
    cdef public int far_count, far_acks
    cdef public long long held_bytes, recent_bytes, hole_since, skip, last_data_ts, fin_ts, counted, missed_rel
    cdef public Endpoint peer

    cpdef begin(self, bint is_orig)
    cpdef bint is_numbered(self) except -1
    cpdef bint may_probe(self, long long ts) except -1
    @cython.locals(shift="long long", first="long long", last="long long")
    cpdef rebase(self)
    cpdef inherit(self, Endpoint old)
    @cython.locals(size="long long")
    cpdef long long size(self)

@cython.final
cdef class Flow:
    cdef public long long number, first_ts, last_ts, delete_at, half_closed_ts, gap_bytes, charged, doubt
    cdef public unsigned long long key, orig_hi, orig_lo, resp_hi, resp_lo
    cdef public int family, vlan, inner_vlan, reading, tls
    cdef public unsigned int orig_p, resp_p
    cdef public Endpoint orig, resp
    cdef str _history
    cdef unsigned long long _letters
    cdef Py_ssize_t _letter_count
    cdef public bint partial, seen_orig, seen_resp, close_deferred, established, over, unfinished, reopened, half_open
    cdef public FlowId id
    cdef public object reader, parent, service, late
    cdef public Flow older, behind
    cdef public int depth

    cpdef begin(self, long long number, long long ts)
    @cython.locals(text="unsigned char *", letters="unsigned long long", size=Py_ssize_t, count=Py_ssize_t, written=str)
    cpdef str write_history(self)
    cpdef note(self, unsigned long long letter)
    cpdef flip(self)
    @cython.locals(same=bint)
    cpdef inherit(self, Flow old)
    @cython.locals(flow=Flow)
    cpdef Flow beside(self)
    cpdef list chain(self)
    @cython.locals(orig=Endpoint, resp=Endpoint, holds=bint)
    cpdef bint in_message(self) except -1
    @cython.locals(orig=Endpoint, resp=Endpoint)
    cpdef release(self)
    cpdef FlowId flow_id(self)

cdef _lay_by(Endpoint end)
@cython.locals(end=Endpoint)
cdef Endpoint _begin_endpoint(bint is_orig)
@cython.locals(flow=Flow)
cpdef Flow begin_flow(long long number, long long ts)
@cython.locals(text="unsigned char *", size=Py_ssize_t, shift=int, octet="unsigned int")
cpdef str render_address(int family, unsigned long long hi, unsigned long long lo)
@cython.locals(family=int, one="unsigned long long", other="unsigned long long", low="unsigned long long", high="unsigned long long", orig_h=str, resp_h=str)
cpdef FlowId make_flow_id(Flow flow)
