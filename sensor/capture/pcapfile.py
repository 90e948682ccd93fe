"""Classic pcap files (draft-ietf-opsawg-pcap, libpcap's savefile format) into batches of frames."""

from __future__ import annotations

import enum
import struct

from sensor.capture.index import FOUND, ODD, TIME_SLACK_S, find_pcap, scan_pcap
from sensor.capture.reader import RecordReader
from sensor.capture.stream import ByteStream
from sensor.settings import CaptureSettings
from sensor.weird import Weird

HEADER_BYTES = 24
MARGIN_BYTES = 4096  # beyond the longest record: its header and the one behind it
MAX_SECONDS = 0xFFFFFFFF
NS = 1_000_000_000

# The magic number -> nanoseconds in a unit of a record's fraction, bytes of a record header.
MAGICS = {
    0xA1B2C3D4: (1000, 16),
    0xA1B23C4D: (1, 16),
    0xA1B2CD34: (1000, 24),  # Linux libpcap patched by A. Kuznetzov: interface, protocol and packet type follow
}


def byte_order(magic: bytes) -> str | None:
    """The struct letter of a pcap file that begins with these four bytes; None: no pcap file does."""
    for order in "<>":
        if len(magic) == 4 and struct.unpack(order + "I", magic)[0] in MAGICS:
            return order
    return None


class _Judgement(enum.Enum):
    GOOD = enum.auto()
    BAD = enum.auto()
    WAIT = enum.auto()
    HEADER = enum.auto()


class PcapReader(RecordReader):
    """One pcap file. A further file header where a record is due (captures joined with cat) is obeyed."""

    format = "pcap"
    damage_name = "pcap_bad_record"

    def __init__(
        self, stream: ByteStream, name: str, settings: CaptureSettings, weirds: list[Weird], window_bytes: int
    ) -> None:
        super().__init__(stream, name, settings, weirds, window_bytes, settings.max_record_bytes + MARGIN_BYTES)
        self._order = ""
        self._factor, self._head = 0, 0
        self._caplen_at, self._wirelen_at = 8, 12
        self._usual_caplen = 0
        self._link = 0

    def _index(self, *, idle: bool) -> int:
        window, columns = self.window, self.columns
        count = 0
        trusted = window.end
        if not self._order and not self._take_header():
            return 0
        while self._recover():
            count, window.start, verdict = scan_pcap(
                window.data,
                window.start,
                window.end,
                self._order == ">",
                self._head,
                self._factor,
                self._caplen_at,
                self._wirelen_at,
                self._usual_caplen,
                trusted,
                self._link,
                columns.ts,
                columns.offset,
                columns.caplen,
                columns.wirelen,
                columns.link,
                count,
            )
            if verdict != ODD:
                break
            judgement, note = self._judge(window.start, idle=idle)
            if judgement is _Judgement.GOOD:
                trusted = window.start
            elif judgement is _Judgement.BAD:
                self._lose(note)
                if count:
                    break  # hand these out first: their times say where to search
            elif judgement is _Judgement.WAIT or not self._take_header():
                break
        return count

    def _take_header(self) -> bool:
        """Read the file header at the window's start: False if it is not whole yet."""
        window = self.window
        if window.end - window.start < HEADER_BYTES:
            return False
        head = bytes(window.data[window.start : window.start + HEADER_BYTES])
        order = byte_order(head[:4])
        if order is None:
            return False
        magic, major, minor, _, _, snaplen, link = struct.unpack(order + "IHHiIII", head)
        longest = self.settings.max_record_bytes
        self._order = order
        self._factor, self._head = MAGICS[magic]
        self._usual_caplen = min(longest, snaplen or longest)
        # Before version 2.3, and in AIX's 543.0, the two lengths stood the other way round (libpcap sf-pcap.c).
        self._caplen_at, self._wirelen_at = (12, 8) if (major, minor) < (2, 3) or major == 543 else (8, 12)
        self._link = link & 0xFFFF  # above it: whether frames end with their check sequence
        window.start += HEADER_BYTES
        return True

    def _judge(self, at: int, *, idle: bool) -> tuple[_Judgement, str]:
        """Whether the odd record at `at` is one after all: an unusual length is believed if it leads to a record."""
        window = self.window
        captured = self._captured(at)
        if self._is_header(at):
            ready = window.end - at >= HEADER_BYTES
            return (_Judgement.HEADER if ready else _Judgement.WAIT), ""
        if captured > self.settings.max_record_bytes:
            return _Judgement.BAD, f"a record of {captured} bytes"
        if self._is_blank(at):
            return _Judgement.BAD, "a record header of zero bytes"
        if self._hides_a_record(at, captured):
            return _Judgement.BAD, f"a record of {captured} bytes that has others in it"
        following = at + self._head + captured
        if following + self._head <= window.end:
            if self._captured(following) <= self.settings.max_record_bytes and not self._is_blank(following):
                return _Judgement.GOOD, ""
            return _Judgement.BAD, f"a record of {captured} bytes that leads to no other"
        if following <= window.end if window.at_end else idle and following == window.end:
            return _Judgement.GOOD, ""
        return _Judgement.WAIT, ""

    def _hides_a_record(self, at: int, captured: int) -> bool:
        """Whether, of a record that has more than was on the wire, the rest begins with another one: then its length is
        what is wrong with it."""
        data, order = self.window.data, self._order
        wire: int = struct.unpack_from(order + "I", data, at + self._wirelen_at)[0]
        inner = at + self._head + wire
        if not 0 < wire < captured or inner + self._head > min(self.window.end, at + self._head + captured):
            return False
        seconds, fraction = struct.unpack_from(order + "II", data, inner)
        length = self._captured(inner)
        longest: int = struct.unpack_from(order + "I", data, inner + self._wirelen_at)[0]
        known = [ts // NS for ts in (self.first_ts, self.last_ts) if ts is not None] or [seconds]
        near = min(known) - TIME_SLACK_S <= seconds <= max(known) + TIME_SLACK_S
        fits = 0 < length <= longest <= self.settings.max_record_bytes
        return near and fits and fraction < NS // self._factor

    def _captured(self, at: int) -> int:
        length: int = struct.unpack_from(self._order + "I", self.window.data, at + self._caplen_at)[0]
        return length

    def _is_blank(self, at: int) -> bool:
        return not any(self.window.data[at : at + self._head])

    def _is_header(self, at: int) -> bool:
        """A file header reads as a record of no bytes: its third and fourth number are zero in practice."""
        head = bytes(self.window.data[at : at + 16])
        return byte_order(head[:4]) is not None and not any(head[8:16])

    def _search(self, position: int, *, to_the_end: bool) -> tuple[int, bool]:
        window = self.window
        if not self._order:
            return window.end, False
        earliest, latest = 0, MAX_SECONDS
        if self.first_ts is not None and self.last_ts is not None:
            earliest = min(self.first_ts, self.last_ts) // NS - TIME_SLACK_S
            latest = max(self.first_ts, self.last_ts) // NS + TIME_SLACK_S
        position, verdict = find_pcap(
            window.data,
            position,
            window.end,
            window.at_end,
            to_the_end,
            self._order == ">",
            self._head,
            NS // self._factor,
            self._caplen_at,
            self._wirelen_at,
            self.settings.max_record_bytes,
            earliest,
            latest,
            2 if self.first_ts is None else 1,  # without a time to compare with, a single header comes up by chance
        )
        return position, verdict == FOUND
