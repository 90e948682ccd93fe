# C types for decode.py; the source of truth is the .py.
cimport cython

cdef int _ETHERNET, _ETHERTYPE, _IP, _IPV4, _IPV6, _PPP, _PROTOCOL, _LLC, _WIFI, _P_HOPOPT, _P_IPIP, _P_TCP, _P_UDP, _P_IPV6, _P_ROUTING, _P_FRAGMENT, _P_GRE, _P_ESP, _P_AH, _P_NONE, _P_DSTOPTS, _P_MOBILITY, _P_HIP, _P_SHIM6, _VXLAN_PORT, _VXLAN_GPE_PORT, _GTP_PORT, _TEREDO_PORT, _AYIYA_PORT, _GRE_PORT, _GENEVE_PORT, _TCP, _FAMILY4, _FAMILY6

@cython.final
cdef class Packet:
    cdef public Py_ssize_t max_depth, max_extensions, depth, detail
    cdef public int family, protocol, vlan, inner_vlan
    cdef public unsigned long long src_hi, src_lo, dst_hi, dst_lo
    cdef public unsigned int seq, ack, flags, window, sport, dport, parent_type
    cdef public Py_ssize_t options_pos, payload_pos, payload_len, payload_cap, ip_pos, ip_total
    cdef public unsigned int fragment_id, fragment_proto
    cdef public Py_ssize_t fragment_offset, fragment_pos, fragment_end
    cdef public bint more_fragments
    cdef public object parent
    cdef public Py_ssize_t cap_end, wire_end

    @cython.locals(pos=Py_ssize_t, end=Py_ssize_t, family=int)
    cpdef int decode(self, const unsigned char[::1] buf, Py_ssize_t start, Py_ssize_t caplen, Py_ssize_t wirelen, int link) except -1
    cpdef int datagram(self, const unsigned char[::1] buf, Py_ssize_t length, Py_ssize_t depth) except -1
    @cython.locals(end=Py_ssize_t, extensions=Py_ssize_t, tag=int, bottom=int, header=Py_ssize_t, total=Py_ssize_t,
                   fragment=int, flags=int, version=int, length=Py_ssize_t, kind_next=int, quad="unsigned int")
    cpdef int walk(self, const unsigned char[::1] buf, Py_ssize_t pos, int state, int kind) except -1
    @cython.locals(kind=int, length=Py_ssize_t)
    cpdef home_address(self, const unsigned char[::1] buf, Py_ssize_t pos, Py_ssize_t stop)
    @cython.locals(end=Py_ssize_t, length=Py_ssize_t, following=int)
    cpdef Py_ssize_t gtp(self, const unsigned char[::1] buf, Py_ssize_t pos) except? -1
    @cython.locals(end=Py_ssize_t, length=Py_ssize_t)
    cpdef Py_ssize_t nflog(self, const unsigned char[::1] buf, Py_ssize_t pos) except? -1
    cpdef unsigned int quad(self, const unsigned char[::1] buf, Py_ssize_t pos) except? 0
    @cython.locals(high="unsigned long long", low="unsigned long long")
    cpdef unsigned long long word(self, const unsigned char[::1] buf, Py_ssize_t pos) except? 0
    cpdef bint descend(self, int kind) except -1
    @cython.locals(end=Py_ssize_t, header=Py_ssize_t)
    cpdef int tcp(self, const unsigned char[::1] buf, Py_ssize_t pos) except -1
