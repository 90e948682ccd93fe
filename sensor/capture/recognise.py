"""What a capture is, by its first bytes and never by its name, and the reader for it."""

from __future__ import annotations

from sensor.capture import pcapfile, pcapng
from sensor.capture.compressed import MAGIC_BYTES, ExpandedBytes, codec_of
from sensor.capture.reader import RecordReader
from sensor.capture.source import CaptureError
from sensor.capture.stream import ByteStream
from sensor.settings import CaptureSettings
from sensor.weird import Weird

HEAD_BYTES = 12  # a pcapng section header up to its byte-order magic
SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
UNKNOWN = "is no capture (pcap, pcapng or ERF, plain or in gzip, zstd or xz)"


class UnreadableReader(RecordReader):
    """A capture of which nothing can be read; one weird, (name, note), says why."""

    format = "unreadable"

    def __init__(
        self, stream: ByteStream, name: str, settings: CaptureSettings, weirds: list[Weird], why: tuple[str, str]
    ) -> None:
        super().__init__(stream, name, settings, weirds, 4096, 0)
        self._why = why

    def _index(self, *, idle: bool) -> int:  # noqa: ARG002  (there is nothing to wait for)
        self.ended = True
        self.report(*self._why)
        return 0

    def _search(self, position: int, *, to_the_end: bool) -> tuple[int, bool]:  # noqa: ARG002  (never lost)
        return position, False


class Opening:
    """A stream on its way to becoming a reader: what is known of it so far."""

    def __init__(self, stream: ByteStream, name: str, settings: CaptureSettings) -> None:
        self._stream = stream
        self._name = name
        self._settings = settings
        self._codec: str | None = None

    def reader(self, weirds: list[Weird], window_bytes: int) -> RecordReader | None:
        """The reader, which reports to `weirds`; None: too few bytes have come yet to tell, ask again.

        Raises CaptureError if this is no capture. One that is cut or damaged so early that only its first bytes are
        recognised is a capture: its reader says what is wrong.
        """
        if self._codec is None:
            head, settled = self._stream.peek(MAGIC_BYTES)
            self._codec = codec_of(head)
            if self._codec is not None:
                self._stream = ExpandedBytes(self._stream, self._codec, self._settings)
            elif not settled:
                return None
        head, settled = self._stream.peek(HEAD_BYTES)
        if not settled:
            return None
        made = self._made_for(head, weirds, window_bytes)
        if made is not None and self._codec is not None:
            made.format = f"{made.format}, {self._codec}"
        return made

    def _made_for(self, head: bytes, weirds: list[Weird], window_bytes: int) -> RecordReader | None:
        stream, name, settings = self._stream, self._name, self._settings
        if stream.damage == "input_unreadable":
            raise CaptureError(f"{name}: {stream.damage_note}")
        if pcapfile.byte_order(head[:4]) is not None:
            return pcapfile.PcapReader(stream, name, settings, weirds, window_bytes)
        if head[:4] == SECTION_MAGIC and (len(head) < HEAD_BYTES or pcapng.section_order(head[8:12]) is not None):
            return pcapng.PcapngReader(stream, name, settings, weirds, window_bytes)
        if self._codec is not None and codec_of(head) is not None:
            why = ("input_nested", f"{codec_of(head)} within {self._codec}: refused")
            return UnreadableReader(stream, name, settings, weirds, why)
        if stream.damage is not None and len(head) < 4:
            return UnreadableReader(stream, name, settings, weirds, (stream.damage, stream.damage_note))
        return self._scapy_reader(weirds, window_bytes)

    def _scapy_reader(self, weirds: list[Weird], window_bytes: int) -> RecordReader | None:
        from sensor.capture import scapy_formats

        stream, name = self._stream, self._name
        head, settled = stream.peek(scapy_formats.SNIFF_BYTES)
        if not head:
            raise CaptureError(f"{name}: is empty")
        if scapy_formats.is_erf(head, whole=settled):
            return scapy_formats.ErfReader(stream, name, self._settings, weirds, window_bytes)
        if settled or stream.regular:
            raise CaptureError(f"{name}: {UNKNOWN}")
        return None
