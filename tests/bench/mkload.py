"""Writes a synthetic capture to measure on.

    python mkload.py KIND COUNT OUT.pcap [--certificates PEM]

KIND    dense   COUNT OCSP transactions, GET and POST in turn, a TCP connection of 10 packets each
        mixed   COUNT OCSP transactions, each followed by 100 full-size packets of TLS application data
        bulk    one HTTP download of COUNT MiB, with an OCSP transaction every 64 MiB
        churn   COUNT connections of 3 packets (SYN, SYN-ACK, RST) to port 443, an OCSP transaction every 1,000

The packets are the same for the same arguments, but for keys and serials: those are new each time. A packet comes
17 microseconds after the one before. --certificates writes the certificates asked about and their CA, for a look-up
cache that knows them.

It began as the copy of a tool that puts the wall clock into producedAt: every reply of those loads is one from the
future. Here all times in a reply are those of the packets, so that a rule finds in it what it finds in sound traffic.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import random
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

FORM = 2
"""Loads of another form are not to be compared with these; 1 had the wall clock in producedAt."""
SITES = 200
SEGMENT = 1400
SECOND = 1_000_000
FIRST_PACKET = 1_780_000_000 * SECOND  # microseconds
STEP = 17

ETHERNET = bytes.fromhex("020000000001 020000000002 0800")
RESPONDER = bytes((192, 0, 2, 5))
WEB = bytes((192, 0, 2, 9))
DOWNLOADER = bytes((10, 255, 0, 1))

SYN, SYN_ACK, ACK, PSH_ACK, FIN_ACK, RST = 0x02, 0x12, 0x10, 0x18, 0x11, 0x04

FILE_HEADER = Struct("<IHHiIII")
RECORD_HEADER = Struct("<IIII")
IP_HEADER = Struct(">BBHHHBBH4s4s")
TCP_HEADER = Struct(">HHIIBBHHH")


ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ID_PKIX_OCSP_BASIC = bytes.fromhex("06092b0601050507300101")


class Exchange(NamedTuple):
    """An OCSP request and its reply, as they stand on the wire in either method."""

    post: bytes
    get: bytes
    reply: bytes


def _tlv(tag: int, content: bytes) -> bytes:
    """DER, of at most 65,535 octets."""
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    octets = length.to_bytes(1 if length < 256 else 2, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


class Authority:
    """A CA that issues and answers for `SITES` certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._issue("Load CA", self.key, ca=True)
        self.issued = [self._issue(f"host{n}.example", ec.generate_private_key(ec.SECP256R1())) for n in range(SITES)]

    def _issue(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool = False) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Load CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2027, 1, 1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def exchange(self, certificate: x509.Certificate) -> Exchange:
        sha1 = hashes.SHA1()  # noqa: S303  (what OCSP clients send)
        der = serialization.Encoding.DER
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, self.certificate, sha1).build().public_bytes(der)
        since, until = datetime.datetime(2026, 5, 28), datetime.datetime(2026, 6, 4)
        good = ocsp.OCSPCertStatus.GOOD
        made = (
            ocsp.OCSPResponseBuilder()
            .add_response(certificate, self.certificate, sha1, good, since, until, None, None)
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
            .certificates([self.certificate])
            .sign(self.key, hashes.SHA256())
        )
        answered = self._dated(made, since)
        blob = base64.b64encode(asked).replace(b"/", b"%2F").replace(b"+", b"%2B")
        return Exchange(
            post=b"POST / HTTP/1.1\r\nHost: ocsp.example.com\r\nUser-Agent: Microsoft-CryptoAPI/10.0\r\n"
            b"Content-Type: application/ocsp-request\r\nContent-Length: %d\r\n\r\n%b" % (len(asked), asked),
            get=b"GET /%b HTTP/1.1\r\nHost: ocsp.example.com\r\n"
            b"User-Agent: com.apple.trustd/3.0\r\nAccept: */*\r\n\r\n" % blob,
            reply=b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/ocsp-response\r\n"
            b"Cache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n%b" % (len(answered), answered),
        )

    def _dated(self, made: ocsp.OCSPResponse, produced: datetime.datetime) -> bytes:
        """The same with another producedAt, for which the library has the wall clock alone: signed anew."""
        clock = made.produced_at_utc.strftime("%Y%m%d%H%M%SZ").encode()
        tbs = made.tbs_response_bytes.replace(
            b"\x18\x0f" + clock, b"\x18\x0f" + produced.strftime("%Y%m%d%H%M%SZ").encode()
        )
        signature = self.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
        certificate = self.certificate.public_bytes(serialization.Encoding.DER)
        basic = _tlv(0x30, tbs + ECDSA_SHA256 + _tlv(0x03, b"\0" + signature) + _tlv(0xA0, _tlv(0x30, certificate)))
        successful = b"\x0a\x01\x00"
        return _tlv(0x30, successful + _tlv(0xA0, _tlv(0x30, ID_PKIX_OCSP_BASIC + _tlv(0x04, basic))))

    def write(self, path: Path) -> None:
        pem = serialization.Encoding.PEM
        path.write_bytes(b"".join(c.public_bytes(pem) for c in (self.certificate, *self.issued)))


class Side(NamedTuple):
    """One direction of a connection: addresses and ports, ready for the headers."""

    source: bytes
    target: bytes
    source_port: int
    target_port: int

    def back(self) -> Side:
        return Side(self.target, self.source, self.target_port, self.source_port)


class Capture:
    """A classic pcap file: little-endian, microseconds, Ethernet."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._file.write(FILE_HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        self._now = FIRST_PACKET

    def packet(self, side: Side, seq: int, ack: int, flags: int, data: bytes = b"") -> None:
        self._now += STEP
        seconds, micros = divmod(self._now, SECOND)
        length = 40 + len(data)
        self._file.write(
            b"".join(
                (
                    RECORD_HEADER.pack(seconds, micros, length + 14, length + 14),
                    ETHERNET,
                    IP_HEADER.pack(0x45, 0, length, 0, 0x4000, 64, 6, 0, side.source, side.target),
                    TCP_HEADER.pack(
                        side.source_port, side.target_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0
                    ),
                    data,
                )
            )
        )

    def transaction(self, number: int, exchange: Exchange) -> None:
        """A connection of its own: handshake, request, ACK, reply, ACK, and both FINs."""
        up = Side(
            bytes((10, number >> 16 & 255, number >> 8 & 255, number & 255)), RESPONDER, 1024 + number % 60000, 80
        )
        down = up.back()
        request = exchange.post if number & 1 else exchange.get
        ours, theirs = number * 7919, number * 104729
        after_request, after_reply = ours + 1 + len(request), theirs + 1 + len(exchange.reply)
        self.packet(up, ours, 0, SYN)
        self.packet(down, theirs, ours + 1, SYN_ACK)
        self.packet(up, ours + 1, theirs + 1, ACK)
        self.packet(up, ours + 1, theirs + 1, PSH_ACK, request)
        self.packet(down, theirs + 1, after_request, ACK)
        self.packet(down, theirs + 1, after_request, PSH_ACK, exchange.reply)
        self.packet(up, after_request, after_reply, ACK)
        self.packet(up, after_request, after_reply, FIN_ACK)
        self.packet(down, after_reply, after_request + 1, FIN_ACK)
        self.packet(up, after_request + 1, after_reply + 1, ACK)

    def close(self) -> None:
        self._file.close()


def _dense(out: Capture, count: int, exchanges: list[Exchange]) -> None:
    for number in range(count):
        out.transaction(number, exchanges[number % SITES])


def _mixed(out: Capture, count: int, exchanges: list[Exchange]) -> None:
    random.seed(1)
    record = bytes.fromhex("1703030573") + random.randbytes(SEGMENT - 5)
    for number in range(count):
        out.transaction(number, exchanges[number % SITES])
        side = Side(WEB, DOWNLOADER, 443, 1024 + number % 60000)
        for n in range(100):
            out.packet(side, number + n * SEGMENT, number, ACK, record)


def _download(size: int) -> Iterator[int]:
    """The lengths of the segments that carry `size` bytes."""
    while size > 0:
        yield min(size, SEGMENT)
        size -= SEGMENT


def _bulk(out: Capture, count: int, exchanges: list[Exchange]) -> None:
    size = count << 20
    ask = b"GET /big.iso HTTP/1.1\r\nHost: downloads.example\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size
    up = Side(DOWNLOADER, WEB, 40000, 80)
    down = up.back()
    after_ask, seq = 2 + len(ask), 2 + len(head)
    out.packet(up, 1, 0, SYN)
    out.packet(down, 1, 2, SYN_ACK)
    out.packet(up, 2, 2, ACK)
    out.packet(up, 2, 2, PSH_ACK, ask)
    out.packet(down, 2, after_ask, PSH_ACK, head)
    random.seed(1)
    random.randbytes(SEGMENT - 5)  # so that the segment is the same whatever else was drawn before it
    segment = random.randbytes(SEGMENT)
    done = number = 0
    for length in _download(size):
        out.packet(down, seq, after_ask, ACK, segment if length == SEGMENT else segment[:length])
        seq += length
        done += length
        if done >> 26 > number:
            out.transaction(number, exchanges[number % SITES])
            number += 1
    out.packet(down, seq, after_ask, FIN_ACK)
    out.packet(up, after_ask, seq + 1, FIN_ACK)


def _churn(out: Capture, count: int, exchanges: list[Exchange]) -> None:
    for number in range(count):
        client = bytes((10, 128 | number >> 16 & 127, number >> 8 & 255, number & 255))
        up = Side(client, WEB, 1024 + number % 60000, 443)
        out.packet(up, number, 0, SYN)
        out.packet(up.back(), number, number + 1, SYN_ACK)
        out.packet(up, number + 1, number + 1, RST)
        if number % 1000 == 999:
            out.transaction(number, exchanges[number % SITES])


KINDS = {"dense": _dense, "mixed": _mixed, "bulk": _bulk, "churn": _churn}


def make_load(kind: str, count: int, path: Path, certificates: Path | None = None) -> None:
    """Write the load `kind` of size `count` (see the module's text) to `path`."""
    authority = Authority()
    out = Capture(path)
    KINDS[kind](out, count, [authority.exchange(certificate) for certificate in authority.issued])
    out.close()
    if certificates is not None:
        authority.write(certificates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("count", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--certificates", type=Path)
    arguments = parser.parse_args()
    make_load(arguments.kind, arguments.count, arguments.out, arguments.certificates)


if __name__ == "__main__":
    main()
