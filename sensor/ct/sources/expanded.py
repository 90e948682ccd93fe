"""Compressed files as what they expand to, within the limits that captures have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.capture.stream import ByteStream
from sensor.ct.sources import Readable

if TYPE_CHECKING:
    from sensor.capture.compressed import ExpandedBytes

_MAGIC_BYTES = 6


class _Beneath(ByteStream):
    """A file, or a pipe, that is waited for."""

    def __init__(self, stream: Readable) -> None:
        super().__init__(regular=True)
        self._stream = stream

    def _read_into(self, view: memoryview) -> int:
        part = self._stream.read(len(view))
        view[: len(part)] = part
        self.position += len(part)
        return len(part)


class Expanded:
    """Bytes that come in order; `damage` says, at the end, why it is not the real one, "" if it is."""

    def __init__(self, stream: ExpandedBytes) -> None:
        self._stream = stream
        self.damage = ""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end. May raise OSError."""
        room = bytearray(size)
        got = self._stream.read_into(memoryview(room))
        if not got:
            self.damage = self._stream.damage_note
            return b""
        return bytes(room[:got])


def expanded(stream: Readable, head: bytes) -> Expanded | None:
    """The inside of gzip, zstd or xz, told by `head`, which `stream` begins with; None for what is neither."""
    if head[:1] not in (b"\x1f", b"\x28", b"\xfd") and head[1:4] != b"\x2a\x4d\x18":
        return None  # nearly always: spares the libraries' import
    from sensor.capture.compressed import ExpandedBytes, codec_of
    from sensor.settings import CaptureSettings

    codec = codec_of(head[:_MAGIC_BYTES])
    return None if codec is None else Expanded(ExpandedBytes(_Beneath(stream), codec, CaptureSettings()))
