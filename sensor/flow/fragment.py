"""IP fragments in any order in, whole datagrams out (RFC 791, RFC 8200 section 4.5).

Overlapping fragments that differ, or overlap at all in part, make the datagram worthless: hosts discard it (RFC 5722;
Linux does so for IPv4 too), so do we, with a weird. An exact repetition is only counted.
A datagram that is whole is remembered for the rest of its time: the fragment that completed it may have been a forged
one. A further fragment of it with other octets makes it another copy of the same segment, which TCP compares.
"""

from __future__ import annotations

from sensor.flow.decode import Packet
from sensor.settings import FlowSettings

_MAX_DATAGRAM = 65535
_NAMES = 8  # octets of a TCP header that say which segment it is: ports and sequence number (RFC 9293 section 3.1)
INCOMPLETE = "incomplete_fragments"


class _Datagram:
    """One datagram being put together: its first header, and its fragments by offset."""

    __slots__ = ("broken", "header", "parts", "size", "total", "ts")

    def __init__(self, ts: int) -> None:
        self.ts = ts
        self.header: bytes | None = None
        self.parts: dict[int, bytes] = {}
        self.size = 0
        self.total = -1
        self.broken = False


class _Whole:
    """A datagram that was put together: when its first fragment came, its header and what is behind it."""

    __slots__ = ("body", "copies", "header", "ts")

    def __init__(self, ts: int, header: bytes, body: bytes) -> None:
        self.ts = ts
        self.header = header
        self.body = body
        self.copies = 0


class Defragmenter:
    """Bounded by datagrams, fragments of each, bytes, and age in packet time; the oldest goes first."""

    def __init__(self, settings: FlowSettings) -> None:
        self.max_datagrams = settings.max_fragment_datagrams
        self.max_fragments = settings.max_fragments
        self.max_bytes = settings.max_fragment_bytes
        self.timeout_ns = int(settings.fragment_timeout_s * 1e9)
        self.pending: dict[tuple[int, ...], _Datagram] = {}
        self.held_bytes = 0
        self.fragments = 0
        self.datagrams = 0
        self.whole: dict[tuple[int, ...], _Whole] = {}
        self.whole_bytes = 0
        self.expired = 0  # given up: the sum of the next four
        self.unfinished = 0  # at the end
        self.timed_out = 0
        self.evicted_datagrams = 0
        self.evicted_bytes = 0
        self.leapt_from = self.leapt_to = 0  # as in delivery.py
        self.weirds: list[str] = []

    def add(self, packet: Packet, raw: memoryview | bytes, ts: int) -> bytes | None:
        """Take the fragment that `packet` describes; the whole datagram, header first, once it is complete.

        Names of oddities are left in `weirds` for the caller to take.
        """
        self.fragments += 1
        self.expire(ts)
        key = (
            packet.family,
            packet.src_hi,
            packet.src_lo,
            packet.dst_hi,
            packet.dst_lo,
            packet.fragment_id,
            packet.fragment_proto if packet.family == 4 else 0,
            packet.depth,
            packet.vlan,
            packet.inner_vlan,
        )
        if packet.cap_end < packet.fragment_end:
            self.weirds.append("incompletely_captured_fragment")
            return None
        body = bytes(raw[packet.fragment_pos : packet.fragment_end])
        offset = packet.fragment_offset
        more = packet.more_fragments
        if not body:
            self.weirds.append("fragment_size_inconsistency")
            return None  # it says nothing: no reason to give up those that do
        datagram = self.pending.get(key)
        other: bytes | None = None
        whole = self.whole.get(key)
        if whole is not None and (datagram is None or datagram.header is None):
            if self._repeats(whole, offset, body, more):
                self.weirds.append("fragment_overlap")
                return None
            other = self._other_copy(whole, offset, body, more)
        if datagram is None:
            if len(self.pending) >= self.max_datagrams:
                self._forget(next(iter(self.pending)))
                self.evicted_datagrams += 1
                self.weirds.append("excessive_fragmented_datagrams")
            datagram = self.pending[key] = _Datagram(ts)
        if more and len(body) & 7:
            self.weirds.append("fragment_size_inconsistency")
            datagram.broken = True
        elif more and len(body) < 64 and offset == 0:
            self.weirds.append("excessively_small_fragment")
        if offset + len(body) > _MAX_DATAGRAM:
            self.weirds.append("excessively_large_fragment")
            datagram.broken = True
        if not more:
            if datagram.total >= 0 and datagram.total != offset + len(body):
                self.weirds.append("fragment_size_inconsistency")
                datagram.broken = True
            datagram.total = offset + len(body)
        if datagram.broken:
            self._drop_parts(datagram)
            return other
        known = datagram.parts.get(offset)
        if known is not None:
            self.weirds.append("fragment_overlap" if known == body else "fragment_inconsistency")
            if known != body:
                datagram.broken = True
                self._drop_parts(datagram)
            return other
        if len(datagram.parts) >= self.max_fragments:
            self.weirds.append("excessive_fragments")
            datagram.broken = True
            self._drop_parts(datagram)
            return None
        datagram.parts[offset] = body
        datagram.size += len(body)
        self.held_bytes += len(body)
        if offset == 0:
            datagram.header = self._header(packet, raw)
        if datagram.total >= 0 and datagram.size >= datagram.total and datagram.header is not None:
            return self._join(key, datagram)
        while self.held_bytes > self.max_bytes:
            self._forget(next(iter(self.pending)))
            self.evicted_bytes += 1
            self.weirds.append("excessive_fragment_bytes")
        return other

    def _repeats(self, whole: _Whole, offset: int, body: bytes, more: bool) -> bool:
        """Whether the fragment says again what the datagram has."""
        end = offset + len(body)
        return more == (end < len(whole.body)) and whole.body[offset:end] == body

    def _other_copy(self, whole: _Whole, offset: int, body: bytes, more: bool) -> bytes | None:
        """The datagram with this fragment's octets in the place of those that it has; None if the fragment is of
        another one, which has the same number: then it has other ports, another sequence number, or another size."""
        end = offset + len(body)
        if more != (end < len(whole.body)) or end > len(whole.body) or whole.copies >= self.max_fragments:
            return None
        if offset < _NAMES and whole.body[offset:_NAMES] != body[: _NAMES - offset]:
            return None
        whole.copies += 1
        self.datagrams += 1
        self.weirds.append("fragment_inconsistency")
        return whole.header + whole.body[:offset] + body + whole.body[end:]

    def _remember(self, key: tuple[int, ...], whole: _Whole) -> None:
        before = self.whole.pop(key, None)
        if before is not None:
            self.whole_bytes -= len(before.body)
        self.whole[key] = whole
        self.whole_bytes += len(whole.body)
        while self.whole_bytes > self.max_bytes or len(self.whole) > self.max_datagrams:
            self.whole_bytes -= len(self.whole.pop(next(iter(self.whole))).body)

    def finish(self) -> int:
        """The input is over. How many datagrams are not whole then, and were not told of for another reason."""
        missing = sum([not datagram.broken for datagram in self.pending.values()])
        self.unfinished += len(self.pending)
        for key in list(self.pending):
            self._forget(key)
        self.whole.clear()
        self.whole_bytes = 0
        return missing

    def _header(self, packet: Packet, raw: memoryview | bytes) -> bytes:
        """The header of the first fragment without its fragmentation, so that the whole decodes as one datagram."""
        if packet.family == 4:
            return bytes(raw[packet.ip_pos : packet.fragment_pos])
        header = bytearray(raw[packet.ip_pos : packet.ip_pos + 40])
        header[6] = packet.fragment_proto
        return bytes(header)

    def _join(self, key: tuple[int, ...], datagram: _Datagram) -> bytes | None:
        body = bytearray()
        oddity = None
        for offset in sorted(datagram.parts):
            part = datagram.parts[offset]
            if offset != len(body):
                # More bytes than there is room for, so at least two overlap.
                same = body[offset : offset + len(part)] == part[: len(body) - offset]
                oddity = "fragment_overlap" if same else "fragment_inconsistency"
                break
            body += part
        if oddity is None and len(body) != datagram.total:
            oddity = "fragment_size_inconsistency"
        if oddity is not None:
            self.weirds.append(oddity)
            datagram.broken = True
            self._drop_parts(datagram)
            return None
        del self.pending[key]
        self.held_bytes -= datagram.size
        header = bytearray(datagram.header or b"")
        total = len(header) + len(body)
        if key[0] == 4 and total > _MAX_DATAGRAM:
            self.weirds.append("excessively_large_fragment")
            return None
        self.datagrams += 1
        if key[0] == 4:
            header[2:4] = total.to_bytes(2, "big")
            header[6:8] = b"\0\0"
        else:
            header[4:6] = min(len(body), _MAX_DATAGRAM).to_bytes(2, "big")
        self._remember(key, _Whole(datagram.ts, bytes(header), bytes(body)))
        return bytes(header + body)

    def _drop_parts(self, datagram: _Datagram) -> None:
        self.held_bytes -= datagram.size
        datagram.size = 0
        datagram.parts.clear()

    def _forget(self, key: tuple[int, ...]) -> None:
        self.held_bytes -= self.pending.pop(key).size
        self.expired += 1

    def _is_over(self, since: int, ts: int) -> bool:
        """Whether its time is; that packet time has leapt ahead is no time."""
        if since < self.leapt_to <= ts:
            ts -= self.leapt_to - max(since, self.leapt_from)
        return ts - since >= self.timeout_ns

    def expire(self, ts: int) -> None:
        """It is `ts`: gives up what waits for too long, as `add` does."""
        while self.pending:
            key = next(iter(self.pending))
            if not self._is_over(self.pending[key].ts, ts):
                break
            if not self.pending[key].broken:
                self.weirds.append(INCOMPLETE)
            self._forget(key)
            self.timed_out += 1
        while self.whole:
            key = next(iter(self.whole))
            if not self._is_over(self.whole[key].ts, ts):
                break
            self.whole_bytes -= len(self.whole.pop(key).body)
