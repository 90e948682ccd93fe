"""Content codings: every one, in pieces, over each other, broken, claimed and not applied, and bombs (H11)."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.codings import PIECE_BYTES, Decoder, known_codings, warm_up

TEXT = b"".join(b"line %d of something that compresses\n" % i for i in range(4000))


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


CODINGS = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstandard.compress,
}


def decode(codings: tuple[bytes, ...], data: bytes, step: int = 1 << 20, limit: int = 1 << 30) -> tuple[bytes, Decoder]:
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return sum(map(len, pieces)) <= limit

    decoder = Decoder(codings, take)
    for i in range(0, len(data), step):
        decoder.feed(data[i : i + step])
    decoder.finish()
    return b"".join(pieces), decoder


@pytest.mark.parametrize("step", [1, 7, 1460, 1 << 20])
@pytest.mark.parametrize("coding", CODINGS)
def test_each_coding_in_pieces(coding: bytes, step: int) -> None:
    out, decoder = decode((coding,), CODINGS[coding](TEXT), step)
    assert out == TEXT
    assert decoder.whole
    assert decoder.ended
    assert not decoder.passed
    assert not decoder.failed


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_deflate_without_its_wrapping(step: int) -> None:
    assert decode((b"deflate",), bare_deflate(TEXT), step)[0] == TEXT


@pytest.mark.parametrize("first", CODINGS)
@pytest.mark.parametrize("second", CODINGS)
def test_one_over_the_other(first: bytes, second: bytes) -> None:
    out, decoder = decode((first, second), CODINGS[second](CODINGS[first](TEXT)), 100)
    assert out == TEXT
    assert decoder.whole


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_claimed_but_not_applied(coding: bytes, step: int) -> None:
    plain = b"X5O!P%@AP, as it came"
    out, decoder = decode((coding,), plain, step)
    assert out == plain
    assert decoder.passed
    assert decoder.whole


def test_claimed_twice_applied_once() -> None:
    out, decoder = decode((b"gzip", b"gzip"), gzip.compress(TEXT), 50)
    assert out == TEXT
    assert decoder.passed
    assert decoder.whole


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])
def test_trailing_garbage_is_dropped(coding: bytes) -> None:
    out, decoder = decode((coding,), CODINGS[coding](TEXT) + b"garbage" * 99, 300)
    assert out == TEXT
    assert decoder.ended


def test_trailing_garbage_spoils_brotli() -> None:
    # The library refuses the piece that holds the end and more, output and all.
    out, decoder = decode((b"br",), brotli.compress(TEXT) + b"garbage" * 99, 300)
    assert TEXT.startswith(out)
    assert decoder.failed


@pytest.mark.parametrize("coding", CODINGS)
def test_cut_data_yields_what_is_there(coding: bytes) -> None:
    packed = CODINGS[coding](TEXT)
    out, decoder = decode((coding,), packed[: len(packed) // 2], 99)
    assert TEXT.startswith(out)
    assert not decoder.whole


def test_the_end_of_gzip_is_the_end_of_its_deflate_data() -> None:
    packed = gzip.compress(b"small")
    for cut in range(1, 9):  # the trailer is missing or wrong, as browsers do not care
        out, decoder = decode((b"gzip",), packed[:-cut])
        assert out == b"small"
        assert decoder.whole


@pytest.mark.parametrize(
    "head",
    [
        b"\x1f\x8b\x08\x00\0\0\0\0\0\x03",
        b"\x1f\x8b\x08\x01\0\0\0\0\0\x03",  # FTEXT
        b"\x1f\x8b\x08\xe0\0\0\0\0\0\x03",  # reserved flags
        b"\x1f\x8b\x08\x02\0\0\0\0\0\x03\0\0",  # FHCRC, wrong
        b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x05\x00Ap\x01\0\0",  # FEXTRA
        b"\x1f\x8b\x08\x18\0\0\0\0\0\x03name\0comment\0",
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_gzip_headers(head: bytes, step: int) -> None:
    assert decode((b"gzip",), head + bare_deflate(b"content"), step)[0] == b"content"


def test_an_endless_gzip_header_is_not_waited_for() -> None:
    endless = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * 10_000
    out, decoder = decode((b"gzip",), endless, 1000)
    assert out == endless
    assert decoder.passed


def test_damage_stops_it() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)
    out, decoder = decode((b"deflate",), first + b"\x07" * 50 + first, 200)  # a block of the reserved type
    assert TEXT.startswith(out)
    assert out
    assert decoder.failed
    assert decoder.stopped


@pytest.mark.parametrize("coding", CODINGS)
def test_bombs_come_in_pieces_and_can_be_stopped(coding: bytes) -> None:
    bomb = CODINGS[coding](bytes(50 << 20))
    largest = 0
    total = 0

    def take(piece: bytes) -> bool:
        nonlocal largest, total
        largest = max(largest, len(piece))
        total += len(piece)
        return total < 1 << 20

    decoder = Decoder((coding,), take)
    decoder.feed(bomb)
    assert decoder.stopped
    assert total <= (1 << 20) + largest
    # a zstd block of a few bytes may stand for 128 KiB, and its steps are of 64; brotli takes its limit for a hint
    assert largest <= {b"zstd": 32 * (128 << 10), b"br": 2 * PIECE_BYTES}.get(coding, PIECE_BYTES)
    before = total
    decoder.feed(bomb)
    assert total == before


def test_64_kib_that_stand_for_nothing() -> None:
    empty_blocks = b"\0\0\0\xff\xff" * 20_000  # stored deflate blocks without content
    out, decoder = decode((b"deflate",), empty_blocks, 1000)
    assert out == b""
    assert decoder.failed


def test_zstd_windows_are_limited() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    huge = packer.compress(bytes(1 << 20)) + packer.flush()
    out, decoder = decode((b"zstd",), huge)
    assert out == b""
    assert decoder.failed


def test_names() -> None:
    assert known_codings((b"gzip", b"x-gzip", b"x-deflate", b"br", b"zstd")) == (
        (b"gzip", b"gzip", b"deflate", b"br", b"zstd"),
        False,
    )
    assert known_codings((b"identity",)) == ((), False)
    assert known_codings((b"compress", b"gzip")) == ((b"gzip",), True)


def test_the_libraries_can_be_loaded_beforehand() -> None:
    warm_up()
    assert decode((b"br",), brotli.compress(b"x"))[0] == b"x"


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_breaks_late_was_coded(step: int) -> None:
    for words, passed in ((b"few", True), (bytes(range(200)), False)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = packer.compress(words) + packer.flush(zlib.Z_SYNC_FLUSH) + b"\x07" * 9  # a block of the reserved type
        out, decoder = decode((b"deflate",), data, step)
        assert decoder.passed == passed
        assert decoder.failed != passed
        assert out[:64] == (data if passed else words)[:64]


@given(st.sampled_from([(b"gzip",), (b"deflate",), (b"br",), (b"zstd",), (b"gzip", b"br")]), st.binary(max_size=300))
def test_any_bytes(codings: tuple[bytes, ...], data: bytes) -> None:
    once, _ = decode(codings, data)
    bytewise, _ = decode(codings, data, 1)
    assert len(once) >= 0
    if codings == (b"gzip",):
        assert once == bytewise


HALVES = gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:])


@pytest.mark.parametrize("step", [1, 7, 1460, 1 << 20])
@pytest.mark.parametrize("behind", [b"", b"junk", b"\x1f", b"\x1f\x8b\x09junk", bytes(5000)])
def test_members_of_gzip_are_joined(step: int, behind: bytes) -> None:
    out, decoder = decode((b"gzip",), HALVES + behind, step)
    assert out == TEXT
    assert decoder.whole and decoder.ended and not decoder.failed


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_a_member_that_is_cut_or_broken_is_missed(step: int) -> None:
    out, decoder = decode((b"gzip",), HALVES[:-100], step)
    assert TEXT.startswith(out) and len(out) >= 500
    assert not decoder.whole
    _, decoder = decode((b"gzip",), gzip.compress(TEXT) + gzip.compress(b"")[:10] + b"\xff" * 40, step)
    assert decoder.failed


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_members_without_end(step: int) -> None:
    """Each costs time, and stands for nothing: there is a limit, and the one on what comes out is on all of them."""
    out, decoder = decode((b"gzip",), gzip.compress(b"x") * 5000, step)
    assert decoder.failed and len(out) < 100
    bomb = gzip.compress(bytes(1 << 20)) * 8
    out, decoder = decode((b"gzip",), bomb, step, limit=1 << 21)
    assert decoder.stopped and len(out) < (1 << 21) + 2 * PIECE_BYTES
