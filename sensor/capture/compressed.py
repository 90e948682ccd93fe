"""gzip, zstd and xz streams expanded a piece at a time, within limits; told by content, never by name.

Everything before damage is delivered; the damage then is the stream's own `damage`.
"""

from __future__ import annotations

import lzma
import zlib
from typing import Protocol

import zstandard

from sensor.capture.stream import ByteStream
from sensor.settings import CaptureSettings

CHUNK_BYTES = 1 << 18
MAGIC_BYTES = 6
RATIO_FROM_BYTES = 64 << 20  # max_expansion_ratio is not asked of less output: a small file of zeros is no bomb


class DecodeError(Exception):
    """The compressed bytes are damaged."""


class Decoder(Protocol):
    """One member (gzip), frame (zstd) or stream (xz), in the shape of lzma.LZMADecompressor."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes; raises DecodeError, lzma.LZMAError or zlib.error."""
        ...


class GzipDecoder:
    """RFC 1952, one member; the checksum at its end is checked.

    zlib drops what it has decoded in a call that meets damage, so such a call is made again, up to the damage.
    """

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)
        self._error: zlib.error | None = None
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._error is not None:
            raise self._error
        data = self._decoder.unconsumed_tail + data
        before = self._decoder.copy()
        try:
            out = self._decoder.decompress(data, max_length)
        except zlib.error as error:
            self._error = error
            out = self._up_to_damage(before, data, max_length)
        self.needs_input = self._error is None and not self._decoder.unconsumed_tail and len(out) < max_length
        return out

    @staticmethod
    def _up_to_damage(before: zlib._Decompress, data: bytes, max_length: int) -> bytes:
        """What `data` gives before the damage in it: byte by byte, which happens once in a file."""
        out = bytearray()
        for at in range(len(data)):
            try:
                out += before.decompress(data[at : at + 1], max_length - len(out))
            except zlib.error:
                break
            if len(out) == max_length:
                break
        return bytes(out)


class ZstdDecoder:
    """RFC 8878, one frame, or one skippable frame.

    The library's decoder has no bound on its output, so it is fed one block at a time: a block cannot expand to more
    than 128 KiB (section 3.1.1.2.4). Walking the blocks also tells a frame that was cut from one that is whole.
    """

    def __init__(self, max_window_bytes: int) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=max_window_bytes).decompressobj()
        self._input = b""
        self._at = 0
        self._skip = 0
        self._checksum_bytes = 0
        self._in_frame = False
        self._finished = False
        self._ready = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._finished and not self._ready

    @property
    def unused_data(self) -> bytes:
        return self._input[self._at :]

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._input = self._input[self._at :] + data
            self._at = 0
        self.needs_input = False
        while not self._ready and not self._finished and not self.needs_input:
            if self._skip:
                step = min(self._skip, len(self._input) - self._at)
                self._at += step
                self._skip -= step
                self._finished = not self._skip
                self.needs_input = not self._finished
            else:
                step = self._unit_bytes()
                if 0 < step <= len(self._input) - self._at:
                    self._take(step)
                else:
                    self.needs_input = True
        out, self._ready = self._ready[:max_length], self._ready[max_length:]
        return out

    def _unit_bytes(self) -> int:
        """The length of the frame header, or of the next block with its header; 0: not enough bytes to say."""
        data, at = self._input, self._at
        have = len(data) - at
        if self._in_frame:
            if have < 3:
                return 0
            block = int.from_bytes(data[at : at + 3], "little")  # section 3.1.1.2: last, type, size
            size = 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
            return size + self._checksum_bytes if block & 1 else size
        if have < 8:
            return 0
        if int.from_bytes(data[at : at + 4], "little") & ~15 == 0x184D2A50:  # section 3.1.2
            return 8
        flags = data[at + 4]  # section 3.1.1.1
        single = flags >> 5 & 1
        return 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]

    def _take(self, size: int) -> None:
        """Hand one whole unit to the decoder."""
        at = self._at
        unit = self._input[at : at + size]
        self._at += size
        if not self._in_frame and unit[0] & 0xF0 == 0x50:
            self._skip = int.from_bytes(unit[4:8], "little")
            self._finished = not self._skip
            return
        try:
            self._ready = self._decoder.decompress(unit)
        except zstandard.ZstdError as error:
            raise DecodeError(str(error)) from None
        if self._in_frame:
            self._finished = bool(unit[0] & 1)
        else:
            self._in_frame = True
            self._checksum_bytes = 4 if unit[4] & 4 else 0


def codec_of(head: bytes) -> str | None:
    """Which of "gzip", "zstd" and "xz" the first MAGIC_BYTES bytes begin, if any."""
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    if head[:6] == b"\xfd7zXZ\0":
        return "xz"
    return None


class ExpandedBytes(ByteStream):
    """What compressed bytes expand to: any number of members one after the other, zero bytes between them allowed."""

    def __init__(self, raw: ByteStream, codec: str, settings: CaptureSettings) -> None:
        super().__init__(regular=raw.regular)
        self._raw = raw
        self._codec = codec
        self._settings = settings
        self._decoder: Decoder | None = self._new_decoder()
        self._input = b""
        self._expanded = 0
        self._room = memoryview(bytearray(CHUNK_BYTES))

    def _new_decoder(self) -> Decoder:
        if self._codec == "gzip":
            return GzipDecoder()
        if self._codec == "zstd":
            return ZstdDecoder(self._settings.max_decoder_bytes)
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._settings.max_decoder_bytes)

    def _read_into(self, view: memoryview) -> int | None:
        while not self._ended:
            decoder = self._decoder
            if decoder is None:
                self._input = self._input.lstrip(b"\0")
            if len(self._input) < (MAGIC_BYTES if decoder is None else decoder.needs_input):
                got = self._raw.read_into(self._room)
                self.position = self._raw.position
                if got is None:
                    return None
                self._input += self._room[:got]
                if got == 0:
                    self._end()
            elif decoder is None:
                if codec_of(self._input) == self._codec:
                    self._decoder = self._new_decoder()
                else:
                    self._fail("input_corrupt", "other bytes follow the compressed ones")
            else:
                out = self._expand(decoder, len(view))
                view[: len(out)] = out
                if out:
                    return len(out)
        return 0

    def _expand(self, decoder: Decoder, size: int) -> bytes:
        data = b""
        if decoder.needs_input:
            data, self._input = self._input, b""
        try:
            out = decoder.decompress(data, size)
        except (DecodeError, zlib.error, lzma.LZMAError) as error:
            self._fail("input_corrupt", str(error))
            return b""
        if decoder.eof:
            self._input = decoder.unused_data + self._input
            self._decoder = None
        if self._is_bomb(len(out)):
            self._fail("input_bomb", f"{self._expanded} bytes out of {self.position}")
            return b""
        return out

    def _is_bomb(self, size: int) -> bool:
        self._expanded += size
        if self._expanded > self._settings.max_expanded_bytes:
            return True
        return self._expanded > max(RATIO_FROM_BYTES, self._settings.max_expansion_ratio * self.position)

    def _end(self) -> None:
        """The bytes beneath have ended: rightly so only between two members."""
        self._ended = True
        if self._raw.damage is not None:
            self.damage, self.damage_note = self._raw.damage, self._raw.damage_note
        elif self._decoder is not None:
            self._fail("pcap_truncated", "the compressed bytes end early")
        elif self._input:
            self._fail("input_corrupt", "other bytes follow the compressed ones")

    def _fail(self, name: str, note: str) -> None:
        self._ended = True
        self.damage, self.damage_note = name, f"{self._codec}: {note}"

    def wait(self, seconds: float) -> None:
        self._raw.wait(seconds)

    def finish(self) -> None:
        self._raw.finish()

    def close(self) -> None:
        self._raw.close()
        self._ended = True
