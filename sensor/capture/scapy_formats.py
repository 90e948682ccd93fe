"""Captures in the formats that scapy reads and we do not: Endace's ERF, its Ethernet records.

scapy is slow and trusting here, so each record is framed and bounded before it is given to it, one at a time. It is
imported when the first such capture is read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from sensor.capture.reader import RecordReader
from sensor.capture.stream import ByteStream
from sensor.settings import CaptureSettings
from sensor.weird import Weird

HEADER = struct.Struct("<4xI")  # the time: 32 bits of fraction, then seconds
LENGTHS = struct.Struct(">BBHHH")  # behind it, big-endian: type, flags, record length, losses, length on the wire
HEADER_BYTES = 16
EXTENSION_BYTES = 8
PAD_BYTES = 2  # of an Ethernet record, before the frame
ETHERNET_TYPES = frozenset({2, 11})  # TYPE_ETH and TYPE_COLOR_ETH, as far as scapy takes them
TYPE_PAD = 48
HAS_EXTENSION = 0x80
MAX_RECORD_BYTES = 0xFFFF
MAX_BATCH_FRAMES = 256
LINKTYPE_ETHERNET = 1

SNIFF_BYTES = 32768
SNIFF_RECORDS = 2
SNIFF_EARLIEST_S = 788_918_400  # 1995: the cards that write ERF are younger
SNIFF_SLACK_S = 86400
SNIFF_SLACK_BYTES = 64  # what alignment and headers may make a record longer than its frame


def is_erf(head: bytes, *, whole: bool) -> bool:
    """Whether `head` begins with believable ERF records, as the format has no magic; `whole`: it is all there is."""
    at = records = first = 0
    while at + HEADER_BYTES <= len(head) and records < SNIFF_RECORDS:
        seconds = HEADER.unpack_from(head, at)[0]
        kind, _, length, _, wire = LENGTHS.unpack_from(head, at + 8)
        if kind & ~HAS_EXTENSION not in ETHERNET_TYPES or wire == 0:
            return False
        if not HEADER_BYTES + PAD_BYTES < length <= HEADER_BYTES + wire + SNIFF_SLACK_BYTES:
            return False
        first = first or seconds
        if seconds < SNIFF_EARLIEST_S or abs(seconds - first) > SNIFF_SLACK_S:
            return False
        at += length
        records += 1
    return records > 1 or (records == 1 and whole and at == len(head))


class ErfFrame(NamedTuple):
    """What scapy made of a record: nanoseconds, the frame as captured, its length on the wire."""

    ts: int
    frame: bytes
    wirelen: int


def erf_decoder() -> Callable[[bytes], ErfFrame | None]:
    """A function from one whole ERF record to its frame; None: scapy does not know the record."""
    from scapy.error import Scapy_Exception
    from scapy.utils import ERFEthernetReader

    record_file = io.BytesIO()
    reader = ERFEthernetReader(record_file)

    def decode(record: bytes) -> ErfFrame | None:
        record_file.seek(0)
        record_file.truncate()
        record_file.write(record)
        record_file.seek(0)
        try:
            packet = reader.read_packet()
        except (Scapy_Exception, EOFError):
            return None
        wirelen = packet.wirelen or 0
        # What lies behind the frame aligns the record. EDecimal keeps scapy's nine decimals exact.
        return ErfFrame(int(Decimal(packet.time) * 10**9), packet.original[:wirelen], wirelen)

    return decode


class ErfReader(RecordReader):
    """One ERF file. Records of other types are counted as skipped, and told once."""

    format = "erf"
    damage_name = "erf_bad_record"

    def __init__(
        self, stream: ByteStream, name: str, settings: CaptureSettings, weirds: list[Weird], window_bytes: int
    ) -> None:
        super().__init__(stream, name, settings, weirds, window_bytes, MAX_RECORD_BYTES)
        self._decode = erf_decoder()
        self._bytes = b""
        self._told = False

    def _index(self, *, idle: bool) -> int:  # noqa: ARG002  (a record says itself whether it is whole)
        window = self.window
        frames: list[bytes] = []
        filled = 0
        while len(frames) < MAX_BATCH_FRAMES and self._recover() and window.end - window.start >= HEADER_BYTES:
            at = window.start
            kind, _, length, _, _ = LENGTHS.unpack_from(window.data, at + 8)
            if length < HEADER_BYTES:
                self._lose(f"a record of {length} bytes")
                continue
            if length > window.end - at:
                break
            window.start = at + length
            found = self._decode(bytes(window.data[at : at + length])) if self._is_frame(at, kind, length) else None
            if found is None:
                self._pass_over(at, kind, length)
                continue
            caplen = len(found.frame)
            self.columns.put(len(frames), found.ts, filled, caplen, found.wirelen, LINKTYPE_ETHERNET)
            frames.append(found.frame)
            filled += caplen
        self._bytes = b"".join(frames)
        return len(frames)

    def _is_frame(self, at: int, kind: int, length: int) -> bool:
        """Whether scapy reads this record rightly: it knows of one extension header and no other types."""
        if kind & ~HAS_EXTENSION not in ETHERNET_TYPES:
            return False
        extension = EXTENSION_BYTES if kind & HAS_EXTENSION else 0
        if length < HEADER_BYTES + extension + PAD_BYTES:
            return False
        return not extension or not self.window.data[at + HEADER_BYTES] & HAS_EXTENSION

    def _pass_over(self, at: int, kind: int, length: int) -> None:
        if kind == TYPE_PAD:
            return  # holds no frame
        self.skipped += length
        self.complete = False
        if not self._told:
            self._told = True
            self.report("erf_unknown_record", f"byte {self.offset(at)}: a record of type {kind & ~HAS_EXTENSION}")

    def _frame_bytes(self) -> bytes:
        return self._bytes

    def _search(self, position: int, *, to_the_end: bool) -> tuple[int, bool]:  # noqa: ARG002  (see below)
        """ERF records have nothing to be recognised by: what follows damage is given up."""
        return self.window.end, False
