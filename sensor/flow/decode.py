"""One frame in, the TCP segment inside it out: link, tunnel, network and transport headers, in place, bounds-checked.

`Packet` is scratch space that is filled anew for each frame, so that a frame costs no object. It must not look at
bytes behind the captured ones, and must not guess: what it cannot open is counted under a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# What decode() found. Everything but TCP and FRAGMENT is only counted; the names are those of `OUTCOMES`.
TCP: Final = 0
FRAGMENT: Final = 1
UDP: Final = 2
OTHER_IP: Final = 3
ARP: Final = 4
OTHER_ETHERTYPE: Final = 5
UNKNOWN_LINK: Final = 6
TRUNCATED_LINK: Final = 7
TRUNCATED_IP: Final = 8
BAD_IP_HEADER: Final = 9
TRUNCATED_TCP: Final = 10
BAD_TCP_HEADER: Final = 11
TUNNEL_DEPTH: Final = 12
IP6_EXTENSIONS: Final = 13
BAD_TUNNEL: Final = 14
LLC: Final = 15
ICMP: Final = 16
SCTP: Final = 17
ESP: Final = 18
NO_NEXT_HEADER: Final = 19

# (name in stats, weird name or None where it is ordinary traffic)
OUTCOMES: Final = (
    ("tcp", None),
    ("ip_fragment", None),
    ("udp", None),
    ("other_ip_protocol", None),
    ("arp", None),
    ("other_ethertype", None),
    ("unknown_linktype", "unknown_linktype"),
    ("truncated_link_header", "truncated_link_header"),
    ("truncated_ip", "truncated_IP"),
    ("bad_ip_header", "invalid_IP_header_size"),
    ("truncated_tcp", "truncated_header"),
    ("bad_tcp_header", "bad_TCP_header_len"),
    ("tunnel_depth", "exceeded_tunnel_max_depth"),
    ("ip6_extensions", "excess_ext_headers"),
    ("bad_tunnel", "unknown_encapsulation"),
    ("llc", None),
    ("icmp", None),
    ("sctp", None),
    ("esp", None),
    ("no_next_header", None),
)

# What lies next: states of the walk down the headers.
_ETHERNET: Final = 0
_ETHERTYPE: Final = 1
_IP: Final = 2  # the version nibble decides
_IPV4: Final = 3
_IPV6: Final = 4
_PPP: Final = 5
_PROTOCOL: Final = 6  # an IP protocol number
_LLC: Final = 7  # IEEE 802.2
_WIFI: Final = 8  # IEEE 802.11

# IP protocol numbers (IANA).
_P_HOPOPT: Final = 0
_P_IPIP: Final = 4
_P_TCP: Final = 6
_P_UDP: Final = 17
_P_IPV6: Final = 41
_P_ROUTING: Final = 43
_P_FRAGMENT: Final = 44
_P_GRE: Final = 47
_P_ESP: Final = 50
_P_AH: Final = 51
_P_NONE: Final = 59
_P_DSTOPTS: Final = 60
_P_MOBILITY: Final = 135
_P_HIP: Final = 139
_P_SHIM6: Final = 140

_VXLAN_PORT: Final = 4789  # RFC 7348
_VXLAN_GPE_PORT: Final = 4790  # draft-ietf-nvo3-vxlan-gpe
_GTP_PORT: Final = 2152  # 3GPP TS 29.281
_TEREDO_PORT: Final = 3544  # RFC 4380
_AYIYA_PORT: Final = 5072  # draft-massar-v6ops-ayiya
_GRE_PORT: Final = 4754  # RFC 8086
_GENEVE_PORT: Final = 6081  # RFC 8926

_TCP: Final = 0  # as TCP above, a C constant when compiled
_FAMILY4: Final = 4
_FAMILY6: Final = 6


Parent = tuple[int, tuple[int, int], tuple[int, int], int]
"""An outer tunnel: IP protocol, its two addresses (lower first), and its UDP ports or 0."""


class Packet:
    """The innermost TCP segment of one frame. Addresses are two 64-bit halves; IPv4 is 0 and the 32-bit number.

    `ip_pos` and `ip_total` are the innermost IP header's place in the buffer and its length as the header says;
    `payload_pos`, `payload_len` the segment's data as the headers say, `payload_cap` how much of it was captured.
    `depth` counts opened tunnels; `parent` names the innermost outer one: its digest seed, b"" without one.
    """

    def __init__(self, max_depth: int, max_extensions: int) -> None:
        self.max_depth = max_depth
        self.max_extensions = max_extensions
        self.family = 0
        self.src_hi = 0
        self.src_lo = 0
        self.dst_hi = 0
        self.dst_lo = 0
        self.sport = 0
        self.dport = 0
        self.protocol = 0
        self.seq = 0
        self.ack = 0
        self.flags = 0
        self.window = 0
        self.options_pos = 0
        self.payload_pos = 0
        self.payload_len = 0
        self.payload_cap = 0
        self.ip_pos = 0
        self.ip_total = 0
        self.vlan = -1
        self.inner_vlan = -1
        self.depth = 0
        self.detail = 0
        self.fragment_id = 0
        self.fragment_offset = 0
        self.more_fragments = False
        self.fragment_pos = 0
        self.fragment_end = 0
        self.fragment_proto = 0
        self.parent: Parent | None = None
        self.parent_type = 0
        self.cap_end = 0
        self.wire_end = 0

    def decode(self, buf: Sequence[int], start: int, caplen: int, wirelen: int, link: int) -> int:
        """Fill in from the frame of LINKTYPE `link` at buf[start : start + caplen]; says which of the codes it is."""
        pos = start
        end = start + caplen
        self.cap_end = end
        self.wire_end = start + wirelen if wirelen > caplen else end
        self.vlan = -1
        self.inner_vlan = -1
        self.depth = 0
        self.parent = None
        if link == 1:
            return self.walk(buf, pos, _ETHERNET, 0)
        if link in {12, 14, 101, 228, 229}:
            return self.walk(buf, pos, _IP, 0)
        if link == 113:  # Linux cooked
            if end - pos < 16:
                return TRUNCATED_LINK
            self.detail = (buf[pos + 2] << 8) | buf[pos + 3]
            if self.detail in {778, 824}:  # ARPHRD_IPGRE, ARPHRD_NETLINK: no EtherType behind
                return UNKNOWN_LINK
            return self.walk(buf, pos + 16, _ETHERTYPE, (buf[pos + 14] << 8) | buf[pos + 15])
        if link == 276:  # Linux cooked v2
            if end - pos < 20:
                return TRUNCATED_LINK
            return self.walk(buf, pos + 20, _ETHERTYPE, (buf[pos] << 8) | buf[pos + 1])
        if link in {0, 108}:  # BSD null: the writing host's byte order; loop: network order
            if end - pos < 4:
                return TRUNCATED_LINK
            family = buf[pos] | buf[pos + 3]
            if family in {2, 10, 24, 28, 30}:  # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
                return self.walk(buf, pos + 4, _IP, 0)
            return OTHER_ETHERTYPE
        if link in {9, 50}:  # PPP, with or without HDLC address and control
            if end - pos >= 2 and buf[pos] == 0xFF and buf[pos + 1] == 3:
                pos += 2
            return self.walk(buf, pos, _PPP, 0)
        if link == 105:
            return self.walk(buf, pos, _WIFI, 0)
        if link == 127:  # radiotap: a little-endian length at 2
            if end - pos < 4:
                return TRUNCATED_LINK
            return self.walk(buf, pos + (buf[pos + 2] | (buf[pos + 3] << 8)), _WIFI, 0)
        if link == 239:
            pos = self.nflog(buf, pos)
            return self.walk(buf, pos, _IP, 0) if pos else TRUNCATED_LINK
        if link == 51:  # PPPoE session
            return self.walk(buf, pos, _ETHERTYPE, 0x8864)
        if link == 10:  # FDDI: frame control and two addresses, then LLC
            return self.walk(buf, pos + 13, _LLC, 0)
        if link == 104:  # Cisco HDLC
            if end - pos < 4:
                return TRUNCATED_LINK
            return self.walk(buf, pos + 4, _ETHERTYPE, (buf[pos + 2] << 8) | buf[pos + 3])
        self.detail = link
        return UNKNOWN_LINK

    def datagram(self, buf: Sequence[int], length: int, depth: int) -> int:
        """The same for a reassembled IP datagram that fills buf[:length], found `depth` tunnels deep."""
        self.cap_end = length
        self.wire_end = length
        self.depth = depth
        return self.walk(buf, 0, _IP, 0)

    def walk(self, buf: Sequence[int], pos: int, state: int, kind: int) -> int:
        """Down the headers from `pos`; `kind` is the EtherType or protocol number that `state` needs. Each turn of the
        loop moves at least one byte on, so it ends."""
        end = self.cap_end
        extensions = 0
        while True:
            if state == _ETHERNET:
                if end - pos < 14:
                    return TRUNCATED_LINK
                kind = (buf[pos + 12] << 8) | buf[pos + 13]
                pos += 14
                state = _ETHERTYPE
                if kind < 0x0600:  # IEEE 802.3: a length
                    state = _LLC
            if state == _WIFI:
                if end - pos < 24:
                    return TRUNCATED_LINK
                if buf[pos] & 0x0C != 0x08 or buf[pos + 1] & 0x40 or buf[pos] & 0x40:
                    return OTHER_ETHERTYPE  # management or control, encrypted, or a data frame without data
                header = 24
                if buf[pos + 1] & 3 == 3:
                    header += 6
                if buf[pos] & 0x80:
                    header += 2
                    if end - pos >= header and buf[pos + header - 2] & 0x80:
                        return OTHER_ETHERTYPE  # an aggregate of frames: not opened
                pos += header
                state = _LLC
            if state == _LLC:  # of which SNAP carries an EtherType
                if end - pos < 8 or buf[pos] != 0xAA or buf[pos + 1] != 0xAA or buf[pos + 2] != 3:
                    return LLC
                kind = (buf[pos + 6] << 8) | buf[pos + 7]
                pos += 8
                state = _ETHERTYPE
            if state == _ETHERTYPE:
                if kind == 0x0800:
                    state = _IPV4
                elif kind == 0x86DD:
                    state = _IPV6
                elif kind in {0x8100, 0x88A8, 0x9100, 0x9200}:
                    if end - pos < 4:
                        return TRUNCATED_LINK
                    tag = ((buf[pos] << 8) | buf[pos + 1]) & 0x0FFF
                    if self.vlan < 0:
                        self.vlan = tag
                    elif self.inner_vlan < 0:
                        self.inner_vlan = tag
                    kind = (buf[pos + 2] << 8) | buf[pos + 3]
                    pos += 4
                    if kind < 0x0600:
                        state = _LLC
                    continue
                elif kind in {0x8847, 0x8848}:  # MPLS: to the bottom of the stack, then the version nibble tells
                    while True:
                        if end - pos < 4:
                            return TRUNCATED_LINK
                        bottom = buf[pos + 2] & 1
                        pos += 4
                        if bottom:
                            break
                    if end - pos >= 1 and buf[pos] >> 4 == 0:  # pseudowire control word (RFC 4385), then Ethernet
                        pos += 4
                        state = _ETHERNET
                    else:
                        state = _IP
                    continue
                elif kind == 0x8864:  # PPPoE session: version/type, code, id, length
                    if end - pos < 6:
                        return TRUNCATED_LINK
                    pos += 6
                    state = _PPP
                elif kind == 0x893F:  # 802.1BR E-TAG
                    if end - pos < 8:
                        return TRUNCATED_LINK
                    kind = (buf[pos + 6] << 8) | buf[pos + 7]
                    pos += 8
                    continue
                elif kind == 0x8926:  # VN-Tag
                    if end - pos < 6:
                        return TRUNCATED_LINK
                    kind = (buf[pos + 4] << 8) | buf[pos + 5]
                    pos += 6
                    continue
                elif kind == 0x88E7:  # provider backbone bridging: a service tag, then the customer's frame
                    pos += 4
                    state = _ETHERNET
                    continue
                elif kind == 0x8903:  # Cisco FabricPath: this was the outer Ethernet header, a 2-byte tag follows
                    pos += 2
                    state = _ETHERNET
                    continue
                elif kind == 0x6558:  # transparent Ethernet bridging
                    state = _ETHERNET
                    continue
                elif kind in {0x0806, 0x8035}:
                    return ARP
                else:
                    self.detail = kind
                    return OTHER_ETHERTYPE
            if state == _PPP:
                if end - pos < 1:
                    return TRUNCATED_LINK
                kind = buf[pos]
                pos += 1
                if not kind & 1:  # an odd first byte is a compressed protocol field (RFC 1661 6.5)
                    if end - pos < 1:
                        return TRUNCATED_LINK
                    kind = (kind << 8) | buf[pos]
                    pos += 1
                if kind == 0x21:
                    state = _IPV4
                elif kind == 0x57:
                    state = _IPV6
                elif kind == 0x0281:
                    state = _ETHERTYPE
                    kind = 0x8847
                    continue
                else:
                    self.detail = kind
                    return OTHER_ETHERTYPE
            if state == _IP:
                if end - pos < 1:
                    return TRUNCATED_IP
                kind = buf[pos] >> 4
                if kind == 4:
                    state = _IPV4
                elif kind == 6:
                    state = _IPV6
                else:
                    return BAD_IP_HEADER
            if state == _IPV4:
                if end - pos < 20:
                    return TRUNCATED_IP
                header = (buf[pos] & 0x0F) << 2
                if buf[pos] >> 4 != 4 or header < 20:
                    return BAD_IP_HEADER
                total = (buf[pos + 2] << 8) | buf[pos + 3]
                if total == 0:  # segmentation offload left it to the NIC
                    total = self.wire_end - pos
                if total < header:
                    return BAD_IP_HEADER
                if total > self.wire_end - pos:
                    return TRUNCATED_IP
                if header > end - pos:
                    return TRUNCATED_IP
                self.family = _FAMILY4
                self.ip_pos = pos
                self.ip_total = total
                self.src_hi = 0
                self.dst_hi = 0
                # Written out here and in `tcp`, every frame's way: a call costs three times as much.
                quad = (buf[pos + 12] << 24) | (buf[pos + 13] << 16) | (buf[pos + 14] << 8) | buf[pos + 15]
                self.src_lo = quad  # by way of 32 bits without a sign
                quad = (buf[pos + 16] << 24) | (buf[pos + 17] << 16) | (buf[pos + 18] << 8) | buf[pos + 19]
                self.dst_lo = quad
                self.wire_end = pos + total
                if end > self.wire_end:
                    end = self.wire_end  # what follows is link-layer padding
                    self.cap_end = end
                kind = buf[pos + 9]
                fragment = (buf[pos + 6] << 8) | buf[pos + 7]
                if fragment & 0x3FFF:
                    self.more_fragments = (fragment & 0x2000) != 0
                    self.fragment_offset = (fragment & 0x1FFF) << 3
                    self.fragment_id = (buf[pos + 4] << 8) | buf[pos + 5]
                    self.fragment_pos = pos + header
                    self.fragment_end = self.wire_end
                    self.fragment_proto = kind
                    return FRAGMENT
                pos += header
                state = _PROTOCOL
                extensions = 0
            if state == _IPV6:
                if end - pos < 40:
                    return TRUNCATED_IP
                if buf[pos] >> 4 != 6:
                    return BAD_IP_HEADER
                total = ((buf[pos + 4] << 8) | buf[pos + 5]) + 40
                if total == 40:  # a jumbogram, or offload: the frame's own length is the better witness
                    total = self.wire_end - pos
                if total > self.wire_end - pos:
                    return TRUNCATED_IP
                self.family = _FAMILY6
                self.ip_pos = pos
                self.ip_total = total
                self.src_hi = self.word(buf, pos + 8)
                self.src_lo = self.word(buf, pos + 16)
                self.dst_hi = self.word(buf, pos + 24)
                self.dst_lo = self.word(buf, pos + 32)
                self.wire_end = pos + total
                if end > self.wire_end:
                    end = self.wire_end
                    self.cap_end = end
                kind = buf[pos + 6]
                pos += 40
                state = _PROTOCOL
                extensions = 0
            if state == _PROTOCOL:
                if kind == _P_TCP:
                    return self.tcp(buf, pos)
                if kind == _P_UDP:
                    if end - pos < 8:
                        return UDP
                    self.sport = (buf[pos] << 8) | buf[pos + 1]
                    self.dport = (buf[pos + 2] << 8) | buf[pos + 3]
                    if self.dport == _VXLAN_PORT:
                        if end - pos < 16 or not buf[pos + 8] & 0x08:
                            return UDP
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        pos += 16
                        state = _ETHERNET
                        continue
                    if self.dport == _GENEVE_PORT:
                        if end - pos < 16 or buf[pos + 8] >> 6 != 0:
                            return UDP
                        kind = (buf[pos + 10] << 8) | buf[pos + 11]
                        pos += 16 + ((buf[pos + 8] & 0x3F) << 2)
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        state = _ETHERTYPE
                        continue
                    if self.dport == _VXLAN_GPE_PORT:
                        if end - pos < 16 or buf[pos + 8] & 0x0C != 0x0C or not 1 <= buf[pos + 11] <= 3:
                            return UDP
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        kind = buf[pos + 11]
                        pos += 16
                        state = _ETHERNET if kind == 3 else _IP
                        continue
                    if self.dport == _GTP_PORT or (self.sport == _GTP_PORT and end - pos >= 10):
                        length = self.gtp(buf, pos + 8)
                        if length <= 0:
                            return UDP
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        pos += 8 + length
                        state = _IP
                        continue
                    if self.dport == _GRE_PORT:
                        pos += 8
                        kind = _P_GRE
                        continue
                    if _TEREDO_PORT in {self.sport, self.dport}:
                        pos += 8
                        if end - pos >= 4 and buf[pos] == 0 and buf[pos + 1] == 1:  # authentication
                            pos += 13 + buf[pos + 2] + buf[pos + 3]
                        if end - pos >= 8 and buf[pos] == 0 and buf[pos + 1] == 0:  # origin indication
                            pos += 8
                        if end - pos < 40 or buf[pos] >> 4 != 6:
                            return UDP
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        state = _IPV6
                        continue
                    if _AYIYA_PORT in {self.sport, self.dport}:
                        pos += 8
                        if end - pos < 8 or buf[pos + 2] & 0x0F != 1:  # opcode: forward
                            return UDP
                        kind = buf[pos + 3]
                        pos += 8 + (1 << (buf[pos] >> 4)) + ((buf[pos + 1] >> 4) << 2)
                        if kind not in {_P_IPIP, _P_IPV6} or end - pos < 20:
                            return UDP
                        if not self.descend(_P_UDP):
                            return TUNNEL_DEPTH
                        state = _IPV4 if kind == _P_IPIP else _IPV6
                        continue
                    return UDP
                if kind in {_P_IPIP, _P_IPV6}:
                    if not self.descend(kind):
                        return TUNNEL_DEPTH
                    state = _IPV4 if kind == _P_IPIP else _IPV6
                    continue
                if kind == _P_GRE:
                    if end - pos < 4:
                        return BAD_TUNNEL
                    flags = (buf[pos] << 8) | buf[pos + 1]
                    version = flags & 7
                    kind = (buf[pos + 2] << 8) | buf[pos + 3]
                    if flags & 0x4000:  # source routing (RFC 1701), never seen in use
                        return BAD_TUNNEL
                    header = 4
                    if flags & 0x8000:
                        header += 4
                    if flags & 0x2000:
                        header += 4
                    if flags & 0x1000:
                        header += 4
                    if version == 1 and flags & 0x0080:  # RFC 2637 acknowledgment number
                        header += 4
                    if version > 1 or end - pos < header:
                        return BAD_TUNNEL
                    if not self.descend(_P_GRE):
                        return TUNNEL_DEPTH
                    pos += header
                    if (
                        kind == 0x88BE
                    ):  # ERSPAN: type II has a sequence number in GRE and an 8-byte header, type I neither
                        if flags & 0x1000:
                            pos += 8
                        state = _ETHERNET
                    elif kind == 0x22EB:  # ERSPAN type III: 12 bytes, 8 more with the O bit
                        if end - pos < 12:
                            return BAD_TUNNEL
                        pos += 12 + (8 if buf[pos + 11] & 1 else 0)
                        state = _ETHERNET
                    elif 0x8200 <= kind <= 0x8210:  # Aruba: an 802.11 frame
                        state = _WIFI
                    elif kind == 0x880B:
                        if end - pos >= 2 and buf[pos] == 0xFF and buf[pos + 1] == 3:
                            pos += 2
                        state = _PPP
                    else:
                        state = _ETHERTYPE
                    continue
                if self.family == _FAMILY6:
                    if kind in {_P_HOPOPT, _P_ROUTING, _P_DSTOPTS, _P_MOBILITY, _P_HIP, _P_SHIM6, _P_AH}:
                        extensions += 1
                        if extensions > self.max_extensions:
                            return IP6_EXTENSIONS
                        if end - pos < 8:
                            return TRUNCATED_IP
                        length = (buf[pos + 1] + 2) << 2 if kind == _P_AH else (buf[pos + 1] + 1) << 3
                        if (
                            kind == _P_ROUTING
                            and buf[pos + 2] == 0
                            and buf[pos + 3]
                            and length <= end - pos
                            and length >= 24
                        ):
                            # A source route still under way: the last address is where it goes (RFC 2460 4.4).
                            self.dst_hi = self.word(buf, pos + length - 16)
                            self.dst_lo = self.word(buf, pos + length - 8)
                        elif kind == _P_DSTOPTS and length <= end - pos:
                            self.home_address(buf, pos + 2, pos + length)
                        kind = buf[pos]
                        pos += length
                        if pos > end:
                            return TRUNCATED_IP
                        continue
                    if kind == _P_FRAGMENT:
                        if end - pos < 8:
                            return TRUNCATED_IP
                        fragment = (buf[pos + 2] << 8) | buf[pos + 3]
                        kind = buf[pos]
                        if fragment & 0xFFF9:
                            self.more_fragments = (fragment & 1) != 0
                            self.fragment_offset = fragment & 0xFFF8
                            self.fragment_id = self.quad(buf, pos + 4)
                            self.fragment_pos = pos + 8
                            self.fragment_end = self.wire_end
                            self.fragment_proto = kind
                            return FRAGMENT
                        pos += 8  # an atomic fragment stands alone (RFC 6946)
                        extensions += 1
                        if extensions > self.max_extensions:
                            return IP6_EXTENSIONS
                        continue
                elif kind == _P_AH:
                    if end - pos < 8:
                        return TRUNCATED_IP
                    kind_next = buf[pos]
                    pos += (buf[pos + 1] + 2) << 2
                    kind = kind_next
                    extensions += 1
                    if extensions > self.max_extensions:
                        return IP6_EXTENSIONS
                    if pos > end:
                        return TRUNCATED_IP
                    continue
                self.detail = kind
                if kind in {1, 58}:
                    return ICMP
                if kind == 132:
                    return SCTP
                if kind == _P_ESP:
                    return ESP
                if kind == _P_NONE:
                    return NO_NEXT_HEADER
                return OTHER_IP

    def home_address(self, buf: Sequence[int], pos: int, stop: int) -> None:
        """A mobile node's own address stands in a destination option (RFC 6275 6.3): it is the source."""
        while stop - pos >= 2:
            kind = buf[pos]
            if kind == 0:
                pos += 1
                continue
            length = buf[pos + 1]
            if kind == 201 and length == 16 and stop - pos >= 18:
                self.src_hi = self.word(buf, pos + 2)
                self.src_lo = self.word(buf, pos + 10)
            pos += 2 + length

    def gtp(self, buf: Sequence[int], pos: int) -> int:
        """Length of the GTPv1-U header at `pos` if it carries a user packet (message type 255), else 0."""
        end = self.cap_end
        if end - pos < 8 or buf[pos] >> 4 != 3 or buf[pos + 1] != 0xFF:
            return 0
        length = 8
        if buf[pos] & 7:
            length = 12
            if end - pos < 12:
                return 0
            following = buf[pos + 11] if buf[pos] & 4 else 0
            while following:
                if end - pos <= length or buf[pos + length] == 0:
                    return 0
                length += buf[pos + length] << 2
                if end - pos < length:
                    return 0
                following = buf[pos + length - 1]
        return length

    def nflog(self, buf: Sequence[int], pos: int) -> int:
        """Where the packet in a Linux netfilter log record begins, 0 if there is none."""
        end = self.cap_end
        pos += 4
        while end - pos >= 4:
            length = buf[pos] | (buf[pos + 1] << 8)
            if (buf[pos + 2] | (buf[pos + 3] << 8)) == 9:  # NFULA_PAYLOAD
                return pos + 4
            if length < 4:
                return 0
            pos += (length + 3) & ~3
        return 0

    def quad(self, buf: Sequence[int], pos: int) -> int:
        """Four bytes as an unsigned number; the caller has checked that they are there."""
        return (buf[pos] << 24) | (buf[pos + 1] << 16) | (buf[pos + 2] << 8) | buf[pos + 3]

    def word(self, buf: Sequence[int], pos: int) -> int:
        """Eight bytes as an unsigned number; the caller has checked that they are there."""
        high = self.quad(buf, pos)
        low = self.quad(buf, pos + 4)
        return (high << 32) | low

    def descend(self, kind: int) -> bool:
        """Note that a tunnel is being opened; False if that would be one too many."""
        self.depth += 1
        if self.depth > self.max_depth:
            return False
        ports = (self.sport << 16) | self.dport if kind == _P_UDP else 0
        low, high = (self.src_hi, self.src_lo), (self.dst_hi, self.dst_lo)
        if low > high:
            low, high = high, low
        self.parent = (kind, low, high, ports)
        return True

    def tcp(self, buf: Sequence[int], pos: int) -> int:
        """The TCP header at `pos`. `payload_len` is what the IP header says, `payload_cap` what was captured of it."""
        end = self.cap_end
        if end - pos < 20:
            return TRUNCATED_TCP
        self.sport = (buf[pos] << 8) | buf[pos + 1]
        self.dport = (buf[pos + 2] << 8) | buf[pos + 3]
        self.seq = (buf[pos + 4] << 24) | (buf[pos + 5] << 16) | (buf[pos + 6] << 8) | buf[pos + 7]
        self.ack = (buf[pos + 8] << 24) | (buf[pos + 9] << 16) | (buf[pos + 10] << 8) | buf[pos + 11]
        self.flags = buf[pos + 13]
        self.window = (buf[pos + 14] << 8) | buf[pos + 15]
        header = (buf[pos + 12] >> 4) << 2
        self.protocol = _P_TCP
        if header < 20 or header > end - pos:
            self.payload_len = 0
            self.payload_cap = 0
            return BAD_TCP_HEADER
        self.options_pos = pos + 20
        self.payload_pos = pos + header
        self.payload_len = self.wire_end - self.payload_pos
        self.payload_cap = end - self.payload_pos
        return _TCP
