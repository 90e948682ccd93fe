cimport cython
from sensor.flow.decode cimport Packet
from sensor.flow.ledger cimport Ledger
from sensor.flow.reassembly cimport Reassembler
from sensor.flow.seq cimport seq_delta
from sensor.flow.state cimport Endpoint, Flow, begin_flow
from sensor.flow.table cimport FlowQueue, FlowTable
from sensor.flow.tcp cimport TcpMachine
from sensor.octets cimport address_of, word_at

cdef inline const long long* times_at(const long long[::1] column) noexcept:
    return &column[0]

cdef inline const unsigned long long* offsets_at(const unsigned long long[::1] column) noexcept:
    return &column[0]

cdef inline const unsigned int* lengths_at(const unsigned int[::1] column) noexcept:
    return &column[0]

cdef inline const unsigned short* links_at(const unsigned short[::1] column) noexcept:
    return &column[0]

cdef int _TCP, _FRAGMENT, _BAD_TCP, _NOBODY, _ATTACHED, _INACTIVE, _SYN_SENT, _SYN_ACK_SENT, _CLOSED, _RESET
cdef bint _COMPILED
cdef unsigned long long _ETHERNET_IPV4, _FRAGMENT_PROTOCOL, _P_TCP
cdef Py_ssize_t _PLAIN
cdef unsigned int _SYN, _ACK
cdef long long _TICK, _GARBAGE, _JUMP, _NEAR
cdef unsigned long long _LOW, _MASK, _GOLDEN, _MIX1, _MIX2

@cython.final
cdef class Mark:
    cdef public long long key, number

@cython.final
cdef class FlowTracker:
    cdef public list out, ending, slot
    cdef public long long[::1] counts
    cdef public Packet packet
    cdef public Reassembler reassembler
    cdef public Ledger ledger
    cdef public TcpMachine machine
    cdef public object on_error, defragmenter, emergency, unfinished
    cdef public Flow last_flow, parked
    cdef public FlowTable flows
    cdef public FlowQueue closing, opening, oldest, spared, valued
    cdef public dict wheel
    cdef public Py_ssize_t max_flows, max_half_open, max_older
    cdef public long long evicted_for_half_open, evicted_closed, evicted_half_open, evicted_idle, evicted_http, evicted_ocsp
    cdef public long long max_kept, evicted_for_memory, evicted_unfinished, unfinished_ns
    cdef public bint use_vlan, finished, tells, is_ours, marking
    cdef public Py_ssize_t unanswered, most_flows, most_half_open
    cdef public long long index
    cdef public long long shard, shards
    cdef public long long now, swept, calm_until, slot_tick, frames, wire_bytes, flows_seen, evicted, clock_backwards, jump_from, jump_to, born, internal_errors, timers
    cdef public unsigned long long seed

    cpdef take_shard(self, long long shard, long long shards, unsigned long long seed)
    @cython.locals(out=list, mark=Mark)
    cpdef _mark(self, int phase, long long number)
    cpdef feed(self, batch)
    @cython.locals(packet=Packet, i=Py_ssize_t, at=Py_ssize_t, ts="long long", code=int, sharing=bint, marking=bint, out=list, told=Py_ssize_t, whose=int, by_address=bint, frames="const unsigned char *", size="unsigned long long", when="const long long *", where="const unsigned long long *", lengths="const unsigned int *", widths="const unsigned int *", kinds="const unsigned short *")
    cpdef walk(self, const unsigned char[::1] buf, const long long[::1] times, const unsigned long long[::1] offsets, const unsigned int[::1] caplens, const unsigned int[::1] wirelens, const unsigned short[::1] links, Py_ssize_t first, Py_ssize_t stop, long long number)
    cpdef advance(self, long long now)
    cpdef jump(self, long long ts)
    cpdef bint survives(self, Flow flow, long long due) noexcept
    cpdef odd(self, int code, long long ts)
    @cython.locals(packet=Packet, code=int)
    cpdef fragment(self, long long ts)
    cdef _tell_fragments(self, long long ts, bint tells)
    @cython.locals(began=Py_ssize_t, octets="long long", ts="long long", now="long long", calm_until="long long", caplen="unsigned long long", start="unsigned long long", shard=int, whose=int)
    cdef Py_ssize_t _skip(self, const unsigned char* frames, unsigned long long size, const long long* when, const unsigned long long* where, const unsigned int* caplens, const unsigned int* wirelens, const unsigned short* kinds, Py_ssize_t i, Py_ssize_t stop) noexcept
    cpdef int owner(self, const unsigned char[::1] buf, Py_ssize_t start, Py_ssize_t caplen, int link) except -2
    @cython.locals(kind="unsigned long long", rest="unsigned long long", hosts="unsigned long long", ports="unsigned long long")
    cdef int _owner(self, const unsigned char* frame, Py_ssize_t caplen, int link) noexcept
    @cython.locals(a="unsigned long long", b="unsigned long long", mix="unsigned long long")
    cpdef int share(self, unsigned long long src_hi, unsigned long long src_lo, unsigned long long sport, unsigned long long dst_hi, unsigned long long dst_lo, unsigned long long dport) noexcept
    cdef int _share_of(self, Packet packet) noexcept
    cpdef unsigned long long key_of(self, Packet packet) noexcept
    @cython.locals(a="unsigned long long", b="unsigned long long", mix="unsigned long long", seed="unsigned long long")
    cpdef unsigned long long mix(self, unsigned long long src_hi, unsigned long long src_lo, unsigned int sport, unsigned long long dst_hi, unsigned long long dst_lo, unsigned int dport, int family, int vlan) noexcept
    cpdef int side(self, Flow flow, Packet packet) noexcept
    @cython.locals(packet=Packet, key="unsigned long long", flow=Flow, old=Flow, older=Flow, waiting=Flow, direction=int, end=Endpoint, lingering="long long", due="long long")
    cpdef segment(self, long long ts, bint bad)
    cpdef take_over(self, Flow flow, Flow old, long long ts)
    cpdef inherit(self, Flow flow, Flow old, long long ts)
    @cython.locals(flow=Flow)
    cpdef Flow take_unfinished(self, unsigned long long key, long long ts)
    @cython.locals(reassembler=Reassembler, chain=list)
    cpdef read_on(self, Flow flow, Flow old, long long ts)
    @cython.locals(packet=Packet, seq="unsigned int", ahead="long long")
    cpdef bint goes_on(self, Endpoint end) except -1
    @cython.locals(packet=Packet, flow=Flow, half_open=bint)
    cpdef Flow open(self, unsigned long long key, long long ts)
    @cython.locals(packet=Packet, orig=Endpoint)
    cpdef bint is_reuse(self, Flow flow, Endpoint sender, long long ts) except -1
    @cython.locals(chain=list, is_closed=bint, too_many=bint, older=Flow)
    cpdef Flow replace(self, Flow flow, long long ts)
    @cython.locals(tick="long long", slot=list)
    cpdef schedule(self, Flow flow, long long due)
    @cython.locals(tick="long long", due_tick="long long", flow=Flow, due="long long", over=list)
    cpdef sweep(self, long long now)
    cpdef look_again(self, Flow flow, long long now, long long due)
    @cython.locals(due="long long", each=Flow)
    cpdef time_out(self, Flow flow, long long now)
    @cython.locals(until="long long", other=Flow)
    cpdef retire(self, Flow flow, long long ts, long long due)
    @cython.locals(flow=Flow, queue=FlowQueue)
    cpdef evict(self, long long ts)
    @cython.locals(flow=Flow, flows=list)
    cpdef relieve(self, long long ts)
    cpdef drop(self, Flow flow, long long ts, str why)
    @cython.locals(slot=list, queue=FlowQueue, flow=Flow, opening=bint)
    cpdef compact(self)
    cpdef end_record(self, Flow flow)
    cpdef step(self, Flow flow, Endpoint end, long long ts, bint at_end)
    @cython.locals(told=bint)
    cpdef end(self, Flow flow, long long ts, bint at_end)
    cpdef dict limits(self)
    cpdef Py_ssize_t size(self)
    cpdef Py_ssize_t half_open(self)
    @cython.locals(chain=list, older=Flow)
    cpdef end_older(self, Flow flow, long long ts)
    @cython.locals(flow=Flow, newest=Flow, end=Endpoint)
    cpdef held_bytes(self)
    @cython.locals(flow=Flow, newest=Flow, queue=FlowQueue)
    cpdef abandon(self)
    @cython.locals(ending=list, flow=Flow, queue=FlowQueue)
    cpdef bint finish(self, long long at_most=*) except -1
