"""Row D5: of whatever there may be many, twice as many take at most two and a half times as long, without limits."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.ct.sources.crtsh import read_crtsh
from sensor.ct.sources.pem import read_pem
from sensor.http.cleartext import read_cleartext
from sensor.http.lookups import find_lookups
from sensor.ocsp.carriage import decode_get_readings, resembles_get
from sensor.pki.crl_reader import CrlReader
from sensor.pki.der import DerError, DerReader
from sensor.pki.extensions import decode_extensions
from sensor.pki.name_text import decode_name
from sensor.pki.openssl_name import render_openssl_name
from sensor.pki.pem import PemStream
from sensor.rules.document import Mistakes, parse_documents
from sensor.rules.regex import compile_regex
from sensor.settings import CrlSettings, FlowSettings, HttpSettings, OcspSettings
from sensor.settings_file import SettingsError, load_settings
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, batch
from tests.flow.talk import HANDSHAKE, Ends, Segment, frames_of, listen, parse, stream
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import conversation, watch
from tests.http.wire import answer, ask, get, grows_linearly, hear, post, reply
from tests.ocsp.wire import extension, oid, seq, tlv

ROWS = {
    "D5": Row(
        "n and 2n of everything",
        note="Folded fields, empty lines, chunks, many fields, deep and wide DER, where their parsers' tests are. All "
        "regular expressions: `test_expressions.py`",
        tests=(
            "flow/test_decode_headers.py::test_many_tags_and_labels_cost_linear_time",
            "http/test_reader_properties.py::test_linear_time",
            "http/test_head.py::test_linear_time",
            "http/test_grammar.py::test_linear_time",
            "http/test_chunks.py::test_linear_time",
            "http/test_resync.py::test_linear_time",
            "http/test_multipart.py::test_linear_time",
            "ocsp/test_hostile.py::test_linear_time",
            "ocsp/test_carriage.py::test_linear_in_the_starts",
            "ocsp/test_join.py::test_linear",
            "pki/test_ber.py::test_linear_time",
            "ct/sources/test_pem.py::test_time_grows_with_the_data",
            "capture/test_index.py::test_a_search_through_hostile_bytes_is_linear",
        ),
        guards=(Guard("sensor/flow/reassembly.py", "        middle = (low + high) >> 1\n", "        middle = low\n"),),
    )
}
HTTP = HttpSettings(
    max_header_bytes=1 << 24, max_line_bytes=1 << 24, max_headers=1 << 20, max_parts=1 << 16, max_target_bytes=1 << 24
)
OCSP = OcspSettings(max_get_bytes=1 << 24, max_bytes=1 << 24, max_elements=1 << 24)
FLOW = FlowSettings(
    max_ooo_segments=1 << 16, hole_wait_bytes=1 << 26, max_ooo_bytes=1 << 26, max_reassembly_bytes=1 << 28
)


def cleartext(*fields: bytes, body: bytes = b"") -> None:
    heard = hear(ask(post(b"/", body, *fields)), answer(reply()), settings=HTTP)
    for transaction in heard.transactions:
        read_cleartext(transaction, False, HTTP)


def lookups(text: bytes) -> None:
    find_lookups(text)


def alt_names(count: int) -> None:
    names = b"".join(tlv(0x82, b"host%07d.example" % n) for n in range(count))
    data = extension("2.5.29.17", seq(names)) + extension("2.5.29.31", seq(b"\x30\x00" * count))
    decode_extensions(DerReader(data, 1 << 24), 0, len(data))


def name_of(count: int) -> bytes:
    return seq(*[tlv(0x31, seq(oid("2.5.4.11"), tlv(0x0C, b"unit %d" % n))) for n in range(count)])


def crl(count: int) -> None:
    """Fed a hundred octets at a time."""
    when = tlv(0x17, b"260101000000Z")
    entries = [seq(tlv(2, n.to_bytes(8, "big")), when) for n in range(1, count)]
    algorithm = seq(oid("1.2.840.10045.4.3.2"))
    der = seq(seq(tlv(2, b"\1"), algorithm, name_of(2), when, when, seq(*entries)), algorithm, tlv(3, bytes(72)))
    reader = CrlReader(CrlSettings(max_bytes=1 << 28))
    for at in range(0, len(der), 100):
        if not reader.feed(der[at : at + 100]):
            break
    assert reader.finish().entries == count - 1


def pem(count: int) -> None:
    text = b"-----BEGIN CRL-----\n" + base64.encodebytes(bytes(50 * count)) + b"-----END CRL-----\n"
    stream_of = PemStream((b"CRL",), 64)
    assert sum(len(stream_of.feed(text[at : at + 30])) for at in range(0, len(text), 30)) == 50 * count


class Text:
    """Text as `read_pem` reads it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def read(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        self.at += size
        return part


def crtsh(count: int) -> None:
    row = {
        "issuer_name": 'C=US, O="Example, Inc.", CN=R3',
        "name_value": "a.example\n" * 5,
        "not_before": "2026-01-01T00:00:00",
        "not_after": "2026-04-01T00:00:00",
        "serial_number": "04ef01",
    }
    assert len(list(read_crtsh(json.dumps([row] * count).encode(), 250))) == count


def holes(count: int) -> None:
    """Every second segment of a stream, backwards; then those between them."""
    ends = Ends()
    heard = listen(FLOW).feed(frames_of(parse(HANDSHAKE)))
    places = [*range(2 * count, 0, -2), *range(1, 2 * count, 2)]
    made = [
        Segment(START + n, True, ends.cisn + 1 + place * 4, ends.sisn + 1, wire.ACK, stream(1 + place * 4, 4))
        for n, place in enumerate(places)
    ]
    heard.tracker.feed(batch([ends.frame(segment) for segment in made]))
    heard.tracker.finish()


def above_a_hole(count: int) -> None:
    """Segments in order, and each of them again, above a hole that nobody fills."""
    segments = parse(HANDSHAKE + "".join(f"c> A @{11 + n // 2} =1 forged\n" for n in range(2 * count)))
    heard = listen(FLOW).feed(frames_of(segments))
    assert len(next(iter(heard.tracker.flows.values())).orig.held or ()) == count
    heard.end()


def fragments(frames: list[Frame]) -> None:
    listen(FLOW).tracker.feed(batch(frames))


def datagrams(count: int) -> None:
    """First fragments of as many datagrams."""
    packets = (wire.ip4("10.0.0.1", "10.0.0.2", bytes(64), ident=n & 0xFFFF, more=True) for n in range(count))
    fragments([Frame(START + n, wire.ethernet(packet)) for n, packet in enumerate(packets)])


def pieces(count: int) -> None:
    """One datagram after the other of 60 fragments each, the last one first."""
    made = []
    for n in range(count // 60 * 60):
        place = 59 - n % 60
        packet = wire.ip4("10.0.0.1", "10.0.0.2", bytes(8), ident=n // 60, offset=place * 8, more=place < 59)
        made.append(Frame(START + n, wire.ethernet(packet)))
    fragments(made)


def parts(count: int) -> None:
    body = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\npart\r\n" for _ in range(count)) + b"--b--"
    hear(ask(post(b"/", body, b"Content-Type: multipart/mixed; boundary=b")), settings=HTTP)


def rules(count: int) -> None:
    text = "title: x\ndetection:\n  a:\n" + "".join(f"    - word{n}: [a, b]\n" for n in range(count))
    assert parse_documents(text, "x.yml", Mistakes())


def small_exchanges(count: int) -> None:
    said = [("c", get(b"/%d" % count)), ("s", reply(b"x"))] * count
    watch(conversation(*said), witness=False)


CASES: dict[str, tuple[Callable[[int], object], int]] = {
    "cookies": (lambda n: cleartext(b"Cookie: " + b"; ".join(b"a%d=b" % i for i in range(n))), 2000),
    "fields of forms": (
        lambda n: cleartext(
            b"Content-Type: application/x-www-form-urlencoded", body=b"&".join(b"a%d=b" % i for i in range(n))
        ),
        2000,
    ),
    "look-ups nested": (lambda n: lookups(b"${lower:" * n + b"x" + b"}" * n), 2000),
    "look-ups open": (lambda n: lookups(b"${jndi:" * n), 2000),
    "look-ups in a row": (lambda n: lookups(b"${${::-j}ndi:x}" * n), 1000),
    "names in a certificate": (alt_names, 2000),
    "CRL's entries": (crl, 3000),
    "lines of PEM": (pem, 3000),
    "blocks of PEM": (lambda n: list(read_pem(Text(b"-----BEGIN CERTIFICATE-----\nMAA=\n" * n), 1 << 20)), 8000),
    "certificates of crt.sh": (crtsh, 300),
    "slashes in a GET": (lambda n: decode_get_readings(b"/MEow" + b"/" * n + b"AAA=", OCSP), 20_000),
    "beginnings in a GET": (lambda n: resembles_get(b"/MEowSDBG" * n, OCSP, True), 3000),
    "escapes in a GET": (lambda n: decode_get_readings(b"/%4D" + b"%25" * n, OCSP), 20_000),
    "holes": (holes, 200),
    "segments above a hole": (above_a_hole, 1000),
    "fragments of one after the other": (pieces, 3000),
    "beginnings of datagrams": (datagrams, 3000),
    "parts": (parts, 500),
    "rules' values": (rules, 500),
    "letters for a rule's expression": (lambda n: compile_regex("(a|a)*(a*)*b$")("a" * n), 20_000),
    "small exchanges": (small_exchanges, 60),
}


@pytest.mark.parametrize("what", CASES)
def test_d5_twice_as_much_takes_twice_as_long(what: str) -> None:
    run, size = CASES[what]
    assert grows_linearly(run, size)


def test_d5_settings_of_many_keys(tmp_path: Path) -> None:
    """All mistakes of a file are told, within the size that a file may have."""
    path = tmp_path / "x.yaml"

    def run(count: int) -> None:
        path.write_text("flow:\n" + "".join(f"  key{n}: [1]\n" for n in range(count)))
        with pytest.raises(SettingsError) as error:
            load_settings(path)
        assert len(error.value.lines) == count

    assert grows_linearly(run, 50)


def test_d5_a_name_of_many_parts_meets_a_limit_first() -> None:
    """Names are bounded by their elements: beyond, nothing is read."""
    for decode in (decode_name, render_openssl_name):
        with pytest.raises(DerError):
            decode(name_of(20_000))


def test_d5_square_work_is_seen() -> None:
    """The measure itself: work that grows with the square is not taken for linear."""
    assert not grows_linearly(lambda count: sum(1 for _ in range(count) for _ in range(count)), 600)
