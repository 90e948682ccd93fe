cimport cython
from sensor.flow.conn cimport Connection
from sensor.flow.decode cimport Packet
from sensor.flow.reassembly cimport Reassembler
from sensor.flow.seq cimport seq_delta
from sensor.flow.state cimport Endpoint, Flow

cdef int _INACTIVE, _SYN_SENT, _SYN_ACK_SENT, _PARTIAL, _ESTABLISHED, _CLOSED, _RESET, _ATTACHED
cdef unsigned int _FIN, _SYN, _RST, _ACK, _URG
cdef long long _TOO_LARGE, _S, _MASK32, _NO_FIN, _NEAR, _IN_FLIGHT
cdef unsigned int _H_SYN, _H_FIN, _H_RST, _H_DATA, _H_ACK, _H_FIN_RST, _H_MULTI, _SENT_SYN, _SENT_SYN_ACK
cdef unsigned int _UPPER_A, _UPPER_D, _UPPER_F, _UPPER_H, _UPPER_I, _UPPER_Q, _UPPER_R, _UPPER_S, _UPPER_T, _UPPER_W, _SMALL

@cython.final
cdef class TcpMachine:
    cdef public Reassembler reassembler
    cdef public long long attempt_ns, linger_ns, idle_ns, half_idle_ns, unread_idle_ns

    @cython.locals(peer=Endpoint, flags="unsigned int", length="long long", control="unsigned int", span="long long",
                   upper_seq="unsigned int", rel="long long", underflow=bint, rel_ack="long long", delta="long long",
                   delta_last="long long", do_close=bint, size="long long")
    cpdef segment(self, Flow flow, Endpoint end, Packet packet, long long ts)
    @cython.locals(first="unsigned int", far=bint)
    cpdef start(self, Flow flow, Endpoint end, unsigned int flags, unsigned int seq, unsigned int upper_seq, long long ts)
    @cython.locals(mark="unsigned int", letter="unsigned int", again=bint)
    cpdef note_history(self, Flow flow, Endpoint end, unsigned int flags, unsigned int control, long long rel, long long length)
    @cython.locals(state=int, closes=bint)
    cpdef bint advance(self, Flow flow, Endpoint end, Endpoint peer, unsigned int flags, unsigned int seq, unsigned int ack, long long length, long long delta_last, long long ts) except -1
    @cython.locals(closes=bint)
    cpdef bint advance_inactive(self, Flow flow, Endpoint end, Endpoint peer, unsigned int flags, unsigned int seq, unsigned int ack, long long length, long long ts) except -1
    cpdef enter(self, Flow flow, Endpoint end, int state)
    cpdef bint data_pending(self, Endpoint end) except -1
    cpdef check_eof(self, Flow flow, Endpoint end, long long ts)
    cpdef close(self, Flow flow, Endpoint end, Endpoint peer)
    @cython.locals(orig=int, resp=int, due="long long", idle="long long", tick="long long", late="long long")
    cpdef long long deadline(self, Flow flow)
    @cython.locals(parents=tuple)
    @cython.locals(record=Connection)
    cpdef Connection connection(self, Flow flow)

@cython.locals(ahead="long long")
cpdef long long unwrap(Endpoint end, unsigned int seq, long long rel) noexcept
@cython.locals(orig=int, resp=int)
cpdef str conn_state(Flow flow)
cpdef bint _scan_reset(str history) except -1
