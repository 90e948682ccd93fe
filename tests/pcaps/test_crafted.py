"""The craft.py scripts still make the committed captures, and what they build is what it claims to be."""

from __future__ import annotations

import gzip
import http.client
import importlib
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import brotli
import dpkt
import pytest
import zstandard
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from pcaps.http.craft import REPLY
from pcaps.lab import capturefile, ledger, wire
from pcaps.lab.fennwick import CA, SIGNER, answer, by_post, cert, serial_text, single
from pcaps.lab.frames import Segment, Talk, checksum, ethernet, ip, packets
from pcaps.lab.truth import Exchange

FOLDERS = ("ocsp", "audit", "http", "tcp", "ip", "tunnel", "link", "file", "clear", "imitation", "revocation")


def _deterministic() -> bool:
    try:
        ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        return False
    return True


@pytest.mark.skipif(not _deterministic(), reason="needs cryptography built on OpenSSL 3.2 for deterministic ECDSA")
@pytest.mark.parametrize("folder", FOLDERS)
def test_scripts_make_the_committed_bytes(folder: str) -> None:
    workshop = importlib.import_module(f"pcaps.{folder}.craft").WORKSHOP
    assert len(workshop.pieces) > 5
    assert workshop.differences(ledger.PCAPS / folder) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_ledger_has_what_the_scripts_put_in(folder: str) -> None:
    workshop = importlib.import_module(f"pcaps.{folder}.craft").WORKSHOP
    entries = ledger.read()
    for name, (shows, make) in workshop.pieces.items():
        entry = entries[f"{folder}/{name}"]
        assert entry["shows"] == shows
        assert entry["exchanges"] == [each.as_json() for each in make().rows]


def test_a_changed_byte_is_a_difference(tmp_path: Path) -> None:
    workshop = importlib.import_module("pcaps.link.craft").WORKSHOP
    home = tmp_path
    for name, (_, make) in workshop.pieces.items():
        (home / name).write_bytes(make().data)
    changed = home / "sll.pcap"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\xff")
    (home / "ppp.pcap").unlink()
    assert sorted(workshop.differences(home)) == ["ppp.pcap", "sll.pcap"]


def test_plain_request_and_reply_are_read_by_pyca() -> None:
    """An oracle beside OpenSSL: the reply's signature is by the delegate, whose certificate is by the CA."""
    about = cert("harbour")
    request = ocsp.load_der_ocsp_request(wire.request(about, nonce=b"0123456789abcdef"))
    assert (request.issuer_name_hash, request.issuer_key_hash) == (about.name_hash, about.key_hash)
    assert request.serial_number == int.from_bytes(about.serial, "big")
    reply = ocsp.load_der_ocsp_response(answer(single(about)))
    assert reply.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert reply.serial_number == request.serial_number
    public = SIGNER.key.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(reply.signature, reply.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    reply.certificates[0].verify_directly_issued_by(CA.issued.cert)


@given(st.binary(min_size=1, max_size=40))
def test_serials_are_two_digits_a_byte_without_sign_byte(contents: bytes) -> None:
    text = serial_text(contents)
    assert int(text, 16) == int.from_bytes(contents, "big", signed=True)
    assert len(text.lstrip("-")) % 2 == 0
    assert text in {"00", "-00"} or not text.lstrip("-").startswith("00")


def _stream(frames: Sequence[tuple[int, bytes]], port: int) -> bytes:
    """What one side sent, in the order of its sequence numbers; dpkt decodes."""
    parts = {}
    for _, frame in frames:
        segment = dpkt.ethernet.Ethernet(frame).data.data
        if segment.sport == port and segment.data:
            parts[segment.seq] = bytes(segment.data)
    return b"".join(parts[seq] for seq in sorted(parts))


def test_a_talk_says_what_it_was_given() -> None:
    talk, part = Talk(mss=97).open(), by_post("debts")
    row = part.play(talk)
    assert isinstance(row, Exchange)
    frames = packets(talk.close().segments)
    assert _stream(frames, talk.orig[1]) == part.question
    assert _stream(frames, 80) == part.reply


@given(st.binary(max_size=300), st.booleans())
def test_checksums_add_up(payload: bytes, v6: bool) -> None:
    """RFC 1071: over data with a right checksum in it, the checksum is 0."""
    ends = (("2001:db8::1", 1), ("2001:db8::2", 80)) if v6 else (("10.0.0.1", 1), ("10.0.0.2", 80))
    datagram = ip(Segment(0, *ends, 1, 2, 0x18, payload))
    body = datagram[40:] if v6 else datagram[20:]
    addresses = datagram[8:40] if v6 else datagram[12:20]
    assert checksum(addresses + struct.pack("!HBBH", 0, 0, 6, len(body)) + body) == 0
    assert v6 or checksum(datagram[:20]) == 0


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_is_read_by_dpkt(tmp_path: Path, order: str, nano: bool) -> None:
    path = tmp_path / "x.pcap"
    frames = [
        (1_790_841_600_123_456_000, ethernet(b"\x45" + bytes(19))),
        (1_790_841_601_000_000_000, ethernet(b"\x45")),
    ]
    capturefile.write(path, capturefile.pcap(frames, order=order, nano=nano))
    with path.open("rb") as file:
        found = [(round(float(ts) * 10**6), bytes(frame)) for ts, frame in dpkt.pcap.Reader(file)]
    assert found == [(ts // 1000, frame) for ts, frame in frames]


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": lambda data: zlib.decompress(data, 15 if data[0] == 0x78 else -15),
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


class Sent:
    """What http.client wants of a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


FRAMED = (
    "chunked", "chunked-extensions-trailer", "chunked-octets", "gzip", "x-gzip-chunked", "deflate", "deflate-raw", "br",
    "zstd", "gzip-twice", "length-and-chunked", "folded-header", "bare-lf", "until-close", "pipelined",
)  # fmt: skip


@pytest.mark.parametrize("name", FRAMED)
def test_framings_and_codings_are_undone_by_pythons_http_client(name: str) -> None:
    with (ledger.PCAPS / "http" / f"{name}.pcap").open("rb") as file:
        reply = http.client.HTTPResponse(Sent(_stream(list(dpkt.pcap.Reader(file)), 80)), method="POST")  # type: ignore[arg-type]  # it only calls makefile
    reply.begin()
    body = reply.read()
    for coding in reversed([each.strip() for each in (reply.getheader("Content-Encoding") or "").split(",") if each]):
        body = CODINGS[coding](body)
    assert body == REPLY
