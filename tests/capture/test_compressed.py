"""sensor.capture.compressed: what was put in comes out, within limits; of damaged bytes all before the damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.compressed import CHUNK_BYTES, ExpandedBytes, ZstdDecoder, codec_of
from sensor.capture.source import CaptureError
from sensor.capture.stream import ByteStream, RawBytes
from sensor.settings import CaptureSettings
from tests.capture.files import frames, pcap, pcapng, read_bytes

Compress = Callable[[bytes], bytes]
COMPRESS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
EACH = pytest.mark.parametrize("codec", COMPRESS)
KNOBS = CaptureSettings()


class Pieces(ByteStream):
    """Bytes that come a piece at a time, with nothing to be had between two pieces."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(regular=False)
        self._pieces = [content[at : at + size] for at in range(0, len(content), size)]
        self._pause = False

    def _read_into(self, view: memoryview) -> int | None:
        self._pause = not self._pause
        if self._pause:
            return None
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        view[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)


def expand(stream: ByteStream, room: int = 5000) -> bytes:
    """All there is in it, however long one has to ask."""
    out = bytearray()
    view = memoryview(bytearray(room))
    while (got := stream.read_into(view)) != 0:
        out += view[: got or 0]
    return bytes(out)


def expanded(
    codec: str, content: bytes, *, piece: int = CHUNK_BYTES, room: int = 5000, **knobs: int
) -> tuple[bytes, ExpandedBytes]:
    stream = ExpandedBytes(Pieces(content, piece), codec, CaptureSettings(**knobs))
    return expand(stream, room), stream


PAYLOAD = b"".join(random.Random(n).randbytes(300) + bytes(700) for n in range(400))


@EACH
@pytest.mark.parametrize(("piece", "room"), [(CHUNK_BYTES, 1 << 19), (1, 700), (1000, 1), (77, 100_000)])
def test_what_was_put_in_comes_out(codec: str, piece: int, room: int) -> None:
    payload = PAYLOAD if piece > 1 and room > 1 else PAYLOAD[:20_000]
    content = COMPRESS[codec](payload)
    assert codec_of(content) == codec
    out, stream = expanded(codec, content, piece=piece, room=room)
    assert out == payload
    assert stream.damage is None
    assert stream.position == len(content)


@EACH
def test_members_one_after_the_other(codec: str) -> None:
    compress = COMPRESS[codec]
    content = b"".join(compress(PAYLOAD[at : at + 9999]) for at in range(0, len(PAYLOAD), 9999)) + compress(b"")
    out, stream = expanded(codec, content, piece=501)
    assert out == PAYLOAD
    assert stream.damage is None


@EACH
@pytest.mark.parametrize("padding", [4, 512, 600_000])
def test_zero_bytes_between_and_behind_members_are_padding(codec: str, padding: int) -> None:
    content = COMPRESS[codec](b"one") + bytes(padding) + COMPRESS[codec](b"two") + bytes(padding)
    out, stream = expanded(codec, content)
    assert out == b"onetwo"
    assert stream.damage is None


@EACH
@pytest.mark.parametrize("foreign", [b"x", b"\0\0x", b"foreign bytes"])
def test_other_bytes_behind_are_told(codec: str, foreign: bytes) -> None:
    out, stream = expanded(codec, COMPRESS[codec](PAYLOAD) + foreign, piece=1000)
    assert out == PAYLOAD
    assert stream.damage == "input_corrupt"


@EACH
def test_cut_at_every_offset(codec: str) -> None:
    payload = random.Random(1).randbytes(400)
    content = COMPRESS[codec](payload) + COMPRESS[codec](b"second")
    first = len(COMPRESS[codec](payload))
    for cut in range(6, len(content)):
        out, stream = expanded(codec, content[:cut])
        assert (payload + b"second").startswith(out)
        if cut >= first:
            assert out.startswith(payload)
        # A few bytes behind a whole member are not yet a second one.
        expected = None if cut == first else ("pcap_truncated" if cut >= first + 6 or cut < first else "input_corrupt")
        assert stream.damage == expected, cut


def test_all_that_a_cut_gzip_holds_is_delivered() -> None:
    content = gzip.compress(PAYLOAD)
    half = content[: len(content) // 2]
    out, stream = expanded("gzip", half)
    assert out == zlib.decompressobj(wbits=31).decompress(half)
    assert stream.damage == "pcap_truncated"


def test_all_that_a_cut_gzip_holds_is_delivered_in_small_pieces() -> None:
    content = gzip.compress(bytes(100_000))
    for cut in range(20, len(content)):
        out, stream = expanded("gzip", content[:cut], room=100)
        assert out == zlib.decompressobj(wbits=31).decompress(content[:cut])
        assert stream.damage == "pcap_truncated"


@EACH
def test_damage_is_told_and_what_is_before_it_delivered(codec: str) -> None:
    payload = random.Random(2).randbytes(600_000)
    content = bytearray(COMPRESS[codec](payload))
    at = len(content) // 2
    content[at : at + 64] = bytes(64)
    out, stream = expanded(codec, bytes(content), room=1 << 19)
    assert stream.damage is not None
    # Random bytes do not compress: damage in the middle shows in the checksum at the end, or in a block's header.
    assert len(out) > 150_000
    assert out[:150_000] == payload[:150_000]


def test_gzip_gives_all_before_the_damage() -> None:
    payload = bytes(random.Random(3).choices(b"abcdefgh", k=400_000))
    content = bytearray(gzip.compress(payload))
    at = len(content) // 2
    content[at : at + 8] = b"\xff" * 8
    by_byte = zlib.decompressobj(wbits=31)
    expected = bytearray()
    with pytest.raises(zlib.error):
        for value in content:
            expected += by_byte.decompress(bytes([value]))
    for room in (1 << 19, 1 << 14):
        out, stream = expanded("gzip", bytes(content), room=room)
        assert out.startswith(bytes(expected))
        assert stream.damage == "input_corrupt"


@EACH
def test_a_bomb_is_stopped_at_its_size(codec: str) -> None:
    out, stream = expanded(codec, COMPRESS[codec](bytes(3_000_000)), room=100_000, max_expanded_bytes=1_000_000)
    assert stream.damage == "input_bomb"
    assert 800_000 < len(out) <= 1_000_000


@EACH
def test_a_bomb_is_stopped_by_its_ratio(codec: str) -> None:
    content = COMPRESS[codec](bytes(80 << 20))
    stream = ExpandedBytes(Pieces(content, CHUNK_BYTES), codec, CaptureSettings(max_expansion_ratio=100))
    view = memoryview(bytearray(1 << 20))
    size = 0
    while (got := stream.read_into(view)) != 0:
        size += got or 0
    assert stream.damage == "input_bomb"
    assert (63 << 20) <= size <= (64 << 20)


@EACH
def test_a_bomb_never_needs_more_memory_than_is_asked_for(codec: str) -> None:
    content = COMPRESS[codec](bytes(60 << 20))
    view = memoryview(bytearray(1 << 16))
    size = 0
    tracemalloc.start()
    try:
        stream = ExpandedBytes(Pieces(content, CHUNK_BYTES), codec, KNOBS)
        while (got := stream.read_into(view)) != 0:
            size += got or 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 60 << 20
    assert peak < 10 << 20  # an xz dictionary is 8 MiB


# zstd: the walk over its blocks.


@settings(deadline=None)
@given(
    st.binary(max_size=3000),
    st.integers(-5, 19),
    st.booleans(),
    st.booleans(),
    st.integers(1, 400),
    st.lists(st.integers(0, 3000), max_size=3),
)
def test_zstd_frames_of_every_shape(
    payload: bytes, level: int, checksum: bool, sized: bool, piece: int, flushes: list[int]
) -> None:
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=sized)
    if sized:
        content = compressor.compress(payload)
    else:
        writer = compressor.compressobj()
        content = b""
        last = 0
        for at in sorted(flushes):
            content += writer.compress(payload[last:at]) + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            last = at
        content += writer.compress(payload[last:]) + writer.flush()
    out, stream = expanded("zstd", content * 2, piece=piece)
    assert out == payload * 2
    assert stream.damage is None


@pytest.mark.parametrize("size", [0, 1, 5, 600_000])
def test_zstd_skippable_frames(size: int) -> None:
    skippable = (
        b"\x5a\x2a\x4d\x18" + size.to_bytes(4, "little") + b"\x28\xb5\x2f\xfd"[: min(size, 4)] + bytes(max(size - 4, 0))
    )
    assert codec_of(skippable + b"??") == "zstd"
    content = skippable + COMPRESS["zstd"](b"one") + skippable + COMPRESS["zstd"](b"two") + skippable
    out, stream = expanded("zstd", content, piece=9999)
    assert out == b"onetwo"
    assert stream.damage is None
    _, cut = expanded("zstd", content[:-1])
    assert cut.damage == "pcap_truncated"


def test_zstd_long_distance_windows_have_a_limit() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=24, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = writer.compress(PAYLOAD) + writer.flush()
    assert expanded("zstd", content)[0] == PAYLOAD
    out, stream = expanded("zstd", content, max_decoder_bytes=1 << 20)
    assert (out, stream.damage) == (b"", "input_corrupt")


def test_xz_dictionaries_have_a_limit() -> None:
    content = lzma.compress(PAYLOAD, preset=6)
    out, stream = expanded("xz", content, max_decoder_bytes=1 << 20)
    assert (out, stream.damage) == (b"", "input_corrupt")


def test_zstd_blocks_of_one_repeated_byte_come_one_at_a_time() -> None:
    """Four bytes of input become 128 KiB: however many there are in a piece, one block is expanded at a time."""
    repeated = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"Z"
    last = (1 << 3 | 1 | 1 << 1).to_bytes(3, "little") + b"Z"
    content = b"\x28\xb5\x2f\xfd\x00\x58" + repeated * 5000 + last
    decoder = ZstdDecoder(1 << 27)
    tracemalloc.start()
    try:
        size = len(decoder.decompress(content, 1 << 20))
        while not decoder.eof:
            size += len(decoder.decompress(b"", 1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 5000 * (128 << 10) + 1
    assert peak < 2 << 20


# As captures.


@EACH
@pytest.mark.parametrize("write", [pcap, pcapng], ids=["pcap", "pcapng"])
def test_a_compressed_capture_by_content_not_name(tmp_path: Path, codec: str, write: Callable[..., bytes]) -> None:
    sent = frames(5000)
    reading = read_bytes(tmp_path, COMPRESS[codec](write(sent)))
    assert reading.frames == sent
    assert reading.complete
    assert reading.files[0].format == f"{write.__name__}, {codec}"


@EACH
def test_a_cut_compressed_capture(tmp_path: Path, codec: str) -> None:
    sent = frames(40_000)
    content = COMPRESS[codec](pcap(sent))
    reading = read_bytes(tmp_path, content[: len(content) * 3 // 4])
    assert 1000 < len(reading.frames) < 40_000
    assert reading.frames == sent[: len(reading.frames)]
    assert reading.names == ["pcap_truncated"]
    assert not reading.complete


@EACH
def test_a_capture_cut_at_every_offset_is_told_once(tmp_path: Path, codec: str) -> None:
    content = COMPRESS[codec](pcap(frames(3)))
    for cut in range(6, len(content)):
        reading = read_bytes(tmp_path, content[:cut])
        assert reading.frames == frames(3)[: len(reading.frames)]
        assert reading.names == ["pcap_truncated"], cut
        assert not reading.complete


@EACH
def test_a_bomb_of_a_capture(tmp_path: Path, codec: str) -> None:
    sent = frames(30_000)
    reading = read_bytes(tmp_path, COMPRESS[codec](pcap(sent)), max_expanded_bytes=1_000_000)
    assert reading.names == ["input_bomb"]
    assert not reading.complete
    assert 5000 < len(reading.frames) < 14_000


@EACH
@pytest.mark.parametrize("inner", COMPRESS)
def test_compressed_twice_is_refused(tmp_path: Path, codec: str, inner: str) -> None:
    reading = read_bytes(tmp_path, COMPRESS[codec](COMPRESS[inner](pcap(frames(3)))))
    assert reading.frames == []
    assert reading.names == ["input_nested"]
    assert not reading.complete


@EACH
@pytest.mark.parametrize("content", [b"", b"abc", b"no capture at all, however long it may be"])
def test_compressed_but_no_capture(tmp_path: Path, codec: str, content: bytes) -> None:
    with pytest.raises(CaptureError, match="capture"):
        read_bytes(tmp_path, COMPRESS[codec](content))


def test_other_compressions_are_no_captures(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is no capture"):
        read_bytes(tmp_path, bz2.compress(pcap(frames(3))))


@EACH
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_bytes_changed_anywhere_never_raise(codec: str, data: st.DataObject) -> None:
    content = bytearray(COMPRESS[codec](PAYLOAD[:3000]))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    out, stream = expanded(codec, bytes(content), piece=data.draw(st.sampled_from([1, 100, CHUNK_BYTES])))
    assert stream.damage in {None, "input_corrupt", "pcap_truncated"}
    assert out == PAYLOAD[:3000] or stream.damage is not None or codec != "gzip"


@EACH
def test_a_growing_file_goes_on_where_it_stopped(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "growing"
    content = COMPRESS[codec](PAYLOAD)
    half = len(content) // 2
    path.write_bytes(content[:half])
    stream = ExpandedBytes(RawBytes(os.open(path, os.O_RDONLY), growing=True), codec, KNOBS)
    view = memoryview(bytearray(1 << 20))
    out = bytearray()
    while (got := stream.read_into(view)) is not None:
        out += view[:got]
    with path.open("ab") as file:
        file.write(content[half:])
    while (got := stream.read_into(view)) is not None:
        out += view[:got]
    assert bytes(out) == PAYLOAD
    stream.finish()
    assert stream.read_into(view) == 0
    assert stream.damage is None
    stream.close()
