"""Crafted IP under OCSP: fragments, options, extension headers, padding. python -m pcaps.ip.craft"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from pcaps.lab import capturefile, crafting
from pcaps.lab.crafting import Crafted
from pcaps.lab.fennwick import by_get, by_post
from pcaps.lab.frames import Segment, Talk, ethernet, ipv4, packets
from pcaps.lab.truth import Exchange

WORKSHOP = crafting.Workshop("ip")
ENDS_V6 = (("2001:db8:20::31", 49152), ("2001:db8:80::40", 80))
Wrap = Callable[[bytes, bool], bytes | Sequence[bytes]]


def exchange(v6: bool = False) -> tuple[list[Segment], list[Exchange]]:
    """Two exchanges in segments of full size."""
    talk = Talk(*ENDS_V6) if v6 else Talk()
    talk.open()
    rows = [by_post("harbour").play(talk), by_get("debts").play(talk)]
    return talk.close().segments, rows


def wrapped(wrap: Wrap, *, v6: bool = False, readable: bool = True) -> Crafted:
    segments, rows = exchange(v6)
    return Crafted(capturefile.pcap(packets(segments, wrap)), rows, readable)


def fragments_v4(datagram: bytes, size: int = 80) -> list[bytes]:
    """Cut the payload of an IPv4 datagram; the identification stays."""
    header, payload = datagram[:20], datagram[20:]
    source, target = (".".join(str(octet) for octet in header[at : at + 4]) for at in (12, 16))
    ident = struct.unpack("!H", header[4:6])[0]
    made = []
    for start in range(0, len(payload), size):
        more = 0x2000 if start + size < len(payload) else 0
        made.append(
            ipv4(source, target, header[9], payload[start : start + size], ident=ident, flags=more | start // 8)
        )
    return made


def fragments_v6(datagram: bytes, ident: int, size: int = 80) -> list[bytes]:
    """The same with fragment headers (RFC 8200 section 4.5)."""
    header, payload = datagram[:40], datagram[40:]
    made = []
    for start in range(0, len(payload), size):
        more = start + size < len(payload)
        extension = struct.pack("!BBHI", 6, 0, start | more, ident)
        body = extension + payload[start : start + size]
        made.append(header[:4] + struct.pack("!HB", len(body), 44) + header[7:40] + body)
    return made


def _frames(datagrams: Sequence[bytes], from_client: bool) -> list[bytes]:
    return [ethernet(each, None, from_client) for each in datagrams]


@WORKSHOP.piece("ipv6.pcap", "plain IPv6")
def plain_v6() -> Crafted:
    return wrapped(lambda datagram, client: ethernet(datagram, None, client), v6=True)


@WORKSHOP.piece("fragments-ipv4.pcap", "every datagram in fragments of 80 octets, in order")
def in_order() -> Crafted:
    return wrapped(lambda datagram, client: _frames(fragments_v4(datagram), client))


@WORKSHOP.piece("fragments-ipv4-reversed.pcap", "fragments last first")
def reversed_order() -> Crafted:
    return wrapped(lambda datagram, client: _frames(fragments_v4(datagram)[::-1], client))


@WORKSHOP.piece("fragments-ipv4-shuffled-twice.pcap", "fragments in any order, each of them twice")
def shuffled() -> Crafted:
    dice = random.Random(5)

    def wrap(datagram: bytes, client: bool) -> list[bytes]:
        parts = fragments_v4(datagram)
        dice.shuffle(parts)
        return _frames([each for part in parts for each in (part, part)], client)

    return wrapped(wrap, readable=False)


@WORKSHOP.piece(
    "fragments-ipv4-overlap.pcap",
    "a forged fragment overlaps one of the first reply: that datagram counts as lost (RFC 5722, Linux)",
)
def overlap() -> Crafted:
    segments, rows = exchange()
    reply = next(each for each in segments if each.payload.startswith(b"HTTP/1.1"))

    def wrap(datagram: bytes, client: bool) -> list[bytes]:
        parts = fragments_v4(datagram)
        if reply.payload in datagram:
            forged = bytearray(parts[3])
            forged[20:] = bytes(len(forged) - 20)
            parts.insert(3, bytes(forged))
        return _frames(parts, client)

    first = replace(rows[0], http_status=None, response_status=None, cert_status=None, evidence="request")
    return Crafted(capturefile.pcap(packets(segments, wrap)), [first, rows[1]], readable=False)


@WORKSHOP.piece(
    "fragments-ipv6.pcap",
    "every IPv6 packet in fragments of 80 octets, last first; small ones as atomic fragments (RFC 6946)",
)
def in_v6() -> Crafted:
    idents = iter(range(1, 1000))
    return wrapped(lambda datagram, client: _frames(fragments_v6(datagram, next(idents))[::-1], client), v6=True)


@WORKSHOP.piece("options-ipv4.pcap", "IPv4 with record route and padding in every header")
def options() -> Crafted:
    def wrap(datagram: bytes, client: bool) -> bytes:
        source, target = (".".join(str(octet) for octet in datagram[at : at + 4]) for at in (12, 16))
        return ethernet(ipv4(source, target, 6, datagram[20:], options=bytes([7, 11, 4, *[0] * 8, 0])), None, client)

    return wrapped(wrap)


@WORKSHOP.piece("extension-headers-ipv6.pcap", "hop-by-hop, destination options and routing headers before TCP")
def extension_headers() -> Crafted:
    def wrap(datagram: bytes, client: bool) -> bytes:
        padding = bytes([1, 4, 0, 0, 0, 0])
        chain = bytes([60, 0]) + padding + bytes([43, 0]) + padding + bytes([6, 0, 253, 0, 0, 0, 0, 0])
        body = chain + datagram[40:]
        return ethernet(datagram[:4] + struct.pack("!HB", len(body), 0) + datagram[7:40] + body, None, client)

    return wrapped(wrap, v6=True)


@WORKSHOP.piece(
    "ethernet-padding.pcap", "short frames padded to 60 octets, all frames with a trailer that looks like HTTP"
)
def padding() -> Crafted:
    trailer = b"\r\n\r\nGET /MFAwTjBMMEowSDAH HTTP/1.1\r\n\r\n"
    return wrapped(lambda datagram, client: ethernet(datagram, None, client).ljust(60, b"\0") + trailer)


@WORKSHOP.piece("checksums-bad.pcap", "IP and TCP checksums as a sender with offload leaves them in its own captures")
def bad_checksums() -> Crafted:
    def wrap(datagram: bytes, client: bool) -> bytes:
        return ethernet(datagram[:10] + b"\0\0" + datagram[12:36] + b"\xde\xad" + datagram[38:], None, client)

    return wrapped(wrap)


@WORKSHOP.piece("offload-60k.pcap", "a segment of 20,000 octets with total length 0, as segmentation offload shows it")
def offload() -> Crafted:
    from pcaps.lab import wire
    from pcaps.lab.fennwick import HOST

    talk = Talk(mss=20_000).open()
    talk.ask(wire.http_request("GET", "/big.txt", HOST))
    talk.answer(wire.http_reply(b"All work and no play makes the sensor dull. " * 440, content_type="text/plain"))
    rows = [by_post("harbour").play(talk)]

    def wrap(datagram: bytes, client: bool) -> bytes:
        head = b"\0\0" if len(datagram) > 9000 else datagram[2:4]
        return ethernet(datagram[:2] + head + datagram[4:], None, client)

    return Crafted(capturefile.pcap(packets(talk.close().segments, wrap)), rows)


if __name__ == "__main__":
    crafting.run(WORKSHOP)
