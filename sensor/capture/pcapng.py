"""pcapng files (draft-ietf-opsawg-pcapng) into batches of frames."""

from __future__ import annotations

import struct
from array import array

from sensor.capture.index import EPB, EXACT, FOUND, ODD, OVER, SHB, SHIFT, TIMES, find_pcapng, scan_pcapng
from sensor.capture.reader import RecordReader
from sensor.capture.stream import ByteStream
from sensor.settings import CaptureSettings
from sensor.weird import Weird

NS = 1_000_000_000
INT64_MAX = (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1

BYTE_ORDER_MAGIC = 0x1A2B3C4D
IDB, PB, SPB = 1, 2, 3  # section 4.2 and appendix A, 4.4; EPB and SHB are index.py's
IF_TSRESOL, IF_TSOFFSET = 9, 14  # section 4.2
MAX_BLOCK_BYTES = 16 << 20  # libpcap takes no longer block at first either (sf-pcapng.c)
OPTION_BYTES = 65536
"""Room for the options of a packet's block, beyond max_record_bytes."""
MAX_INTERFACES = 65536
DEFAULT_TSRESOL = 6


def section_order(magic: bytes) -> str | None:
    """The struct letter of the section that has these four bytes as its byte-order magic (section 4.1)."""
    for order in "<>":
        if struct.unpack(order + "I", magic)[0] == BYTE_ORDER_MAGIC:
            return order
    return None


class _Interfaces:
    """The interfaces of one section, as columns for the compiled scan."""

    def __init__(self) -> None:
        self.link = array("H")
        self.way = array("B")
        self.factor = array("Q")
        self.offset = array("q")
        self.limit = array("Q")
        self.snaplen: list[int] = []
        self.units: list[int] = []  # ticks in a second
        self.offset_s: list[int] = []

    def add(self, link: int, snaplen: int, tsresol: int, offset_s: int) -> None:
        """`tsresol` is the option's byte: the negative power of 10, or with the top bit set of 2 (section 4.2)."""
        exponent = tsresol & 0x7F
        if not tsresol & 0x80:
            units = 10**exponent
            way, factor = (TIMES, 10 ** (9 - exponent)) if exponent <= 9 else (OVER, 10 ** (exponent - 9))
        else:
            units = 1 << exponent
            way, factor = SHIFT, exponent
        offset = offset_s * NS
        # The most ticks that stay within 64 bits of nanoseconds, the offset added.
        limit = min(((INT64_MAX - max(offset, 0) + 1) * units - 1) // NS, UINT64_MAX)
        if limit < 0 or offset < -INT64_MAX or factor > UINT64_MAX or (way == SHIFT and factor > 63):
            way, factor, offset, limit = EXACT, 0, 0, 0
        self.link.append(link)
        self.way.append(way)
        self.factor.append(factor)
        self.offset.append(offset)
        self.limit.append(limit)
        self.snaplen.append(snaplen)
        self.units.append(units)
        self.offset_s.append(offset_s)

    def add_unreadable(self) -> None:
        """Keeps the numbers of those behind it right; its own frames cannot be read."""
        self.add(0, 0, DEFAULT_TSRESOL, 0)
        self.way[-1] = EXACT
        self.units[-1] = 0

    def nanoseconds(self, interface: int, ticks: int) -> int:
        """Exact, of any size; rounded down."""
        return ticks * NS // self.units[interface] + self.offset_s[interface] * NS


class PcapngReader(RecordReader):
    """One pcapng file: any number of sections, each in its own byte order with its own interfaces.

    A frame of a Simple Packet Block has no time of its own and gets that of the frame before it (0 if there is none).
    """

    format = "pcapng"
    damage_name = "pcapng_bad_block"

    def __init__(
        self, stream: ByteStream, name: str, settings: CaptureSettings, weirds: list[Weird], window_bytes: int
    ) -> None:
        self._max_packet_block = settings.max_record_bytes + OPTION_BYTES
        super().__init__(stream, name, settings, weirds, window_bytes, self._max_packet_block)
        self._order = "<"
        self._interfaces = _Interfaces()
        self._latest = 0
        self._saturated = False

    def _index(self, *, idle: bool) -> int:  # noqa: ARG002  (a block says itself whether it is whole)
        window, columns = self.window, self.columns
        count = 0
        while self._recover():
            interfaces = self._interfaces
            count, window.start, verdict = scan_pcapng(
                window.data,
                window.start,
                window.end,
                self._order == ">",
                self.settings.max_record_bytes,
                self._max_packet_block,
                len(interfaces.link),
                interfaces.link,
                interfaces.way,
                interfaces.factor,
                interfaces.offset,
                interfaces.limit,
                columns.ts,
                columns.offset,
                columns.caplen,
                columns.wirelen,
                columns.link,
                count,
            )
            if count:
                self._latest = columns.ts[count - 1]
            if verdict != ODD:
                break
            after = self._take_block(count)
            if after is None:
                break
            count = after
            if count and self._lost is not None:
                break  # hand these out first
        return count

    def _take_block(self, count: int) -> int | None:
        """Deal with the block at the window's start, of whatever type and state: frames in the columns after it.

        None: it takes more bytes.
        """
        window = self.window
        at = window.start
        kind, length = self._numbers("II", at)
        order = self._order
        if kind == SHB:
            found = section_order(bytes(window.data[at + 8 : at + 12]))
            if found is None:
                self._lose("a section header without its byte-order magic")
                return count
            order = found
            length = struct.unpack_from(order + "I", window.data, at + 4)[0]
        packet = kind in {EPB, PB, SPB}
        if length < 12 or length > (self._max_packet_block if packet else MAX_BLOCK_BYTES):
            self._lose(f"a block of {length} bytes")
            return count
        total = length + 3 & ~3  # some writers leave the padding out of the length, as Wireshark knows
        if total > window.end - at:
            return None
        trailer = struct.unpack_from(order + "I", window.data, at + total - 4)[0]
        if trailer != length:
            sound = self._leads_on(at + total)
            if sound is None:
                return None
            if not sound:
                self._lose(f"a block of {length} bytes that ends in the length {trailer}")
                return count
            self.report(self.damage_name, f"byte {self.offset(at)}: a block of {length} bytes ends in {trailer}")
        window.start = at + total
        if kind == SHB:
            self._order = order
            self._interfaces = _Interfaces()
        elif kind == IDB:
            self._take_interface(at, total)
        elif packet:
            problem = self._take_packet(kind, at, total, count)
            if not problem:
                return count + 1
            self.skipped += total
            self.report(self.damage_name, f"byte {self.offset(at)}: {problem}; {total} bytes skipped")
        return count

    def _leads_on(self, at: int) -> bool | None:
        """Whether a block begins at `at`, or the file ends there; None: it takes more bytes to say."""
        window = self.window
        if at + 12 > window.end:
            return at == window.end if window.at_end else None
        kind, length = self._numbers("II", at)
        return kind == SHB or (0 < kind < 0x100 and 12 <= length <= self._max_packet_block)

    def _take_interface(self, at: int, total: int) -> None:
        if len(self._interfaces.link) >= MAX_INTERFACES:
            self.report(self.damage_name, f"byte {self.offset(at)}: more than {MAX_INTERFACES} interfaces")
            return
        if total < 20:
            self._interfaces.add_unreadable()
            self.report(self.damage_name, f"byte {self.offset(at)}: an interface of {total} bytes")
            return
        link, _, snaplen = self._numbers("HHI", at + 8)
        tsresol, offset_s = DEFAULT_TSRESOL, 0
        option, end = at + 16, at + total - 4
        while option + 4 <= end:
            code, length = self._numbers("HH", option)
            if code == 0:
                break
            if option + 4 + length > end:
                self.report(self.damage_name, f"byte {self.offset(option)}: an option longer than its block")
                break
            if code == IF_TSRESOL and length == 1:
                tsresol = self.window.data[option + 4]
            elif code == IF_TSOFFSET and length == 8:
                offset_s = self._numbers("q", option + 4)[0]
            option += 4 + (length + 3 & ~3)
        self._interfaces.add(link, snaplen, tsresol, offset_s)

    def _take_packet(self, kind: int, at: int, total: int, count: int) -> str:
        """One frame from a packet's block into the columns; or, in words, why not."""
        interfaces = self._interfaces
        room = total - (16 if kind == SPB else 32)
        if room < 0:
            return f"a packet's block of {total} bytes"
        interface = 0
        if kind == SPB:
            wire = self._numbers("I", at + 8)[0]
            captured, body = min(wire, room), at + 12
        else:
            interface = self._numbers("I" if kind == EPB else "H", at + 8)[0]
            high, low, captured, wire = self._numbers("IIII", at + 12)
            body = at + 28
        if interface >= len(interfaces.link) or not interfaces.units[interface]:
            return f"a packet on interface {interface}, which the section does not have"
        if kind == SPB:
            captured = min(captured, interfaces.snaplen[0] or captured)
            ns = self._latest
        else:
            ns = interfaces.nanoseconds(interface, high << 32 | low)
        if captured > min(room, self.settings.max_record_bytes):
            return f"a packet of {captured} bytes in a block of {total}"
        self._latest = self._within_range(ns)
        self.columns.put(count, self._latest, body, captured, wire, interfaces.link[interface])
        return ""

    def _within_range(self, ns: int) -> int:
        if -INT64_MAX <= ns <= INT64_MAX:
            return ns
        if not self._saturated:
            self._saturated = True
            self.report("capture_bad_timestamp", f"byte {self.offset(self.window.start)}: not within 292 years of 1970")
        return INT64_MAX if ns > 0 else -INT64_MAX

    def _numbers(self, letters: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + letters, self.window.data, at)

    def _search(self, position: int, *, to_the_end: bool) -> tuple[int, bool]:
        window = self.window
        position, verdict = find_pcapng(
            window.data,
            position,
            window.end,
            window.at_end,
            to_the_end,
            self._order == ">",
            self._max_packet_block,
        )
        return position, verdict == FOUND
