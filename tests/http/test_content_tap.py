"""sensor.http.content: bodies that are read by a tap while they go by, and kept by nobody."""

from __future__ import annotations

import gzip

import pytest

from sensor.http.reader import HttpReader
from sensor.http.transaction import BodyFile, HttpTransaction, NotKept
from sensor.settings import HttpSettings
from tests.http.wire import FLOW

# The outer shape of a CRL is enough here: tests/pki reads them.
_BEGIN = bytes.fromhex("020101300d06092a864886f70d01010b05003000170d") + b"260301120000Z"
_REST = bytes(9000)
_SIZE = len(_BEGIN + _REST)
CRL = b"\x30\x82%b\x30\x82%b" % ((_SIZE + 4).to_bytes(2, "big"), (_SIZE - 10).to_bytes(2, "big")) + _BEGIN + _REST
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


class Collecting:
    """Keeps what it is fed; wants no more than `most`."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.data = b""
        self.most = most

    def feed(self, data: bytes) -> bool:
        self.data += data
        return len(self.data) < self.most

    def finish(self, lost: bool) -> object:
        return len(self.data), lost


def files(
    reply: bytes, step: int, most: int = 1 << 30, gap_at: int = 0, **settings: object
) -> tuple[tuple[BodyFile, ...], list[Collecting], int]:
    """The files of a reply in pieces, what the taps got, and how many bytes were not wanted."""
    taps: list[Collecting] = []

    def new_tap() -> Collecting:
        taps.append(Collecting(most))
        return taps[-1]

    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(**settings), probation=False, new_tap=new_tap)  # type: ignore[arg-type]  # a few of each type
    reader.data(True, b"GET /a.crl HTTP/1.1\r\nHost: x.example\r\n\r\n", 0)
    wants = skipped = 0
    for pos in range(0, len(reply), step):
        piece = reply[pos : pos + step]
        if gap_at and pos <= gap_at < pos + step:
            wants = reader.gap(False, len(piece), pos, 0)
            continue
        if wants >= len(piece):
            wants -= len(piece)
            skipped += len(piece)
            continue
        skipped += wants
        wants = reader.data(False, piece[wants:], pos)
    reader.closed(True, 1, len(reply), len(reply), 0)
    reader.closed(False, 1, len(reply), len(reply), wants)
    found = [item.response for item in out if isinstance(item, HttpTransaction)]
    assert len(found) == 1 and found[0] is not None
    return found[0].files, taps, skipped


def chunked(body: bytes) -> bytes:
    pieces = [body[i : i + 700] for i in range(0, len(body), 700)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("step", [20_000, 1460, 97])
@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(CRL) + CRL,
        OK + b"\r\n" + CRL,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(CRL),
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(CRL, mtime=0),
        OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(gzip.compress(CRL, mtime=0)),
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/20000\r\nContent-Length: %d\r\n\r\n"
        % (len(CRL) - 1, len(CRL))
        + CRL,
    ],
    ids=["length", "close", "chunked", "gzip", "gzip-chunked", "first-range"],
)
def test_the_tap_gets_the_body_however_it_is_framed(reply: bytes, step: int) -> None:
    (file,), (tap,), _ = files(reply, step)
    assert tap.data == CRL
    assert (file.mime_type, file.content, file.reading) == ("application/pkix-crl", NotKept.UNWANTED, (len(CRL), False))


@pytest.mark.parametrize(
    ("claim", "body", "taps"),
    [
        (b"application/pkix-crl", b"no DER at all", 1),
        (b"application/x-pkcs7-crl; x=y", b"no DER at all", 1),
        (b"text/plain", b"-----BEGIN X509 CRL-----\nMAAA", 1),
        (b"text/plain", b"-----BEGIN CERTIFICATE-----\nMAAA", 0),
        (b"application/octet-stream", CRL, 1),
        (b"application/octet-stream", b"no DER at all", 0),
    ],
)
def test_which_bodies_are_given_to_one(claim: bytes, body: bytes, taps: int) -> None:
    reply = OK + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (claim, len(body), body)
    for step in (20_000, 50):
        found, taken, _ = files(reply, step)
        assert len(taken) == taps
        assert (found[0].reading is not None) == bool(taps)


def test_a_later_range_has_no_beginning_to_read() -> None:
    for field in (b"Content-Range: bytes 500-9543/20000\r\n", b"Content-Range: nonsense\r\n", b""):
        reply = (
            b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/pkix-crl\r\n%bContent-Length: 9044\r\n\r\n"
            % field
        )
        (file,), taps, _ = files(reply + CRL, 1000)
        assert (taps, file.reading) == ([], None)


def test_behind_a_loss_nothing_is_fed() -> None:
    reply = OK + b"Content-Length: %d\r\n\r\n" % len(CRL) + CRL
    (file,), (tap,), _ = files(reply, 1000, gap_at=6500)
    assert CRL.startswith(tap.data)
    assert 5000 < len(tap.data) < 6000
    assert file.reading == (len(tap.data), True)


def test_a_tap_that_has_enough_lets_the_rest_be_skipped() -> None:
    reply = OK + b"Content-Length: %d\r\n\r\n" % len(CRL) + CRL
    (file,), (tap,), skipped = files(reply, 500, most=4096, hash_bodies="none")
    assert skipped > 4000
    assert len(tap.data) < 5000
    assert file.seen_bytes == len(CRL)


def test_a_compressed_bomb_ends_it() -> None:
    bomb = CRL + bytes(1 << 20)
    reply = OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bomb, mtime=0)
    (file,), (tap,), _ = files(reply, 1460, max_counted_inflated_bytes=200_000)
    assert len(tap.data) < 400_000
    assert file.reading is not None


def test_without_taps_nothing_is_read() -> None:
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    reader.data(True, b"GET /a.crl HTTP/1.1\r\n\r\n", 0)
    reader.data(False, OK + b"Content-Length: %d\r\n\r\n" % len(CRL) + CRL, 1)
    (transaction,) = (item for item in out if isinstance(item, HttpTransaction))
    assert transaction.response is not None
    assert transaction.response.files[0].reading is None
