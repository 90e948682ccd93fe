"""Batches of frames in, observations out: finds each frame's flow, drives its TCP state, ends flows in packet time."""

from __future__ import annotations

import os
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from sensor.capture.source import FrameBatch
from sensor.flow.conn import Connection
from sensor.flow.decode import OUTCOMES, Packet
from sensor.flow.emergency import EmergencyMode
from sensor.flow.fragment import INCOMPLETE, Defragmenter
from sensor.flow.ledger import PER_READING, Ledger, give_back, take_stock
from sensor.flow.older import make_room
from sensor.flow.reassembly import Reassembler
from sensor.flow.seq import seq_delta
from sensor.flow.state import Endpoint, Flow, begin_flow
from sensor.flow.stream import StreamReader
from sensor.flow.table import FlowQueue, FlowTable
from sensor.flow.tcp import TcpMachine
from sensor.settings import FlowSettings
from sensor.weird import FlowId, Weird

# As in decode.py and state.py, C constants when compiled.
_TCP: Final = 0
_FRAGMENT: Final = 1
_BAD_TCP: Final = 11
_NOBODY: Final = 1
_ATTACHED: Final = 2
_INACTIVE: Final = 0
_SYN_SENT: Final = 1
_SYN_ACK_SENT: Final = 2
_CLOSED: Final = 5
_RESET: Final = 6
_SYN: Final = 2
_ACK: Final = 16
_PLAIN: Final = 54  # octets of the headers of a plain frame
_ETHERNET_IPV4: Final = 0x080045  # ethertype, version and header length
_FRAGMENT_PROTOCOL: Final = 0x3FFF00FF  # of 16 octets into a frame: fragment offset and flag, protocol
_P_TCP: Final = 6
_COMPILED: Final = not __file__.endswith(".py")
_TICK: Final = 1_000_000_000
_GARBAGE: Final = 4096  # that many flows, and two for each that is alive, may be over and not forgotten yet
_JUMP: Final = 3600 * _TICK  # a pause this long says nothing about how long a flow was idle
_NEAR: Final = 1 << 20  # as _FAR in reassembly.py
_LOW: Final = 0xFFFFFFFF
_MASK: Final = 0xFFFFFFFFFFFFFFFF
END_INDEX: Final = 1 << 60  # of a frame behind the last one, when all flows end
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MIX1: Final = 0xFF51AFD7ED558CCD
_MIX2: Final = 0xC4CEB9FE1A85EC53

# Ports where a server is likely to be found: tells who is who in a flow that was not seen from its start. They are the
# TCP ports that Zeek's default analyzers claim (its likely_server_ports).
_SERVER_PORTS: Final = frozenset(
    [
        *(21, 22, 25, 53, 80, 81, 88, 135, 139, 143, 389, 443, 445, 502, 563, 585, 587, 614, 631, 636, 989, 990),
        *(992, 993, 995, 1080, 1434, 1883, 3128, 3268, 3306, 3389, 5060, 5061, 5222, 5223, 5269, 5432, 6379),
        *(6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000),
    ]
)


class Mark:
    """What came out since the mark before came out at one moment; marks of all shards in ascending order, by `key` and
    then by `number`, are the order of what comes out of one tracker.

    `key`: 4 * index of the frame + phase: 0 its time, 1 flows that end then, each with its `number`, 2 the frame: 0
    what a fragment does before it belongs to a flow, 1 all else.
    """

    __slots__ = ("key", "number")

    key: int
    number: int


class FlowTracker:
    """Feeds on batches; every call returns what has come out since the last one, in packet order.

    The output is `Connection`s of flows that are over, `Weird`s, and whatever the readers put into the list that
    `make_reader`'s readers were given: `out` is that list, and the caller takes it after each call.
    """

    def __init__(
        self,
        settings: FlowSettings,
        make_reader: Callable[[FlowId, bool], StreamReader],
        out: list[object],
        ledger: Ledger | None = None,
    ) -> None:
        self.out = out
        self.ledger = Ledger() if ledger is None else ledger
        self.packet = Packet(settings.max_tunnel_depth, settings.max_ip6_extensions)
        self.reassembler = Reassembler(settings, make_reader, out, self.ledger)
        self.machine = TcpMachine(
            self.reassembler,
            int(settings.attempt_timeout_s * 1e9),
            int(settings.close_linger_s * 1e9),
            int(settings.idle_timeout_s * 1e9),
            int(min(60.0, settings.idle_timeout_s) * 1e9),  # Zeek: udp_inactivity_timeout until a handshake is over
        )
        self.defragmenter = Defragmenter(settings)
        self.flows = FlowTable()
        self.wheel: dict[int, list[Flow]] = {}
        self.slot_tick = -1  # where the last flow was put, and that slot of the wheel
        self.slot: list[Flow] = []
        self.closing = FlowQueue()
        self.opening = FlowQueue()
        self.oldest = FlowQueue()  # with `spared` and `valued` all that are not over
        self.spared = FlowQueue()  # of the oldest those that spoke HTTP: they go later
        self.valued = FlowQueue()  # of those the ones that spoke OCSP: they go last
        self.unfinished: OrderedDict[int, Flow] = OrderedDict()  # over for conn.log, in the middle of a message
        self.parked: Flow | None = None  # what `take_over` has in hand
        self.unfinished_ns = int(settings.unfinished_wait_s * 1e9)
        self.emergency = EmergencyMode(settings, self.machine, out)
        self.max_flows = settings.max_flows
        self.max_half_open = settings.max_half_open
        self.max_older = settings.max_older_flows
        self.max_kept = settings.max_kept_bytes
        self.use_vlan = settings.use_vlan
        # Nobody outside may choose which flows share a slot; no output depends on it.
        self.seed = int.from_bytes(os.urandom(8), "big")
        self.now = 0
        self.swept = 0
        self.calm_until = 0  # nothing happens before, however time passes
        self.timers = 0
        self.frames = 0
        self.wire_bytes = 0
        self.counts = array("q", [0] * len(OUTCOMES))
        self.flows_seen = 0
        self.evicted = 0  # the sum of the next, by why they had to go
        self.evicted_for_half_open = 0
        self.evicted_closed = 0
        self.evicted_half_open = 0
        self.evicted_idle = 0
        self.evicted_http = 0
        self.evicted_ocsp = 0
        self.evicted_for_memory = 0
        self.evicted_unfinished = 0  # these conn.log had already
        self.born = 0
        self.last_flow: Flow | None = None
        self.clock_backwards = 0
        self.jump_from = 0
        self.jump_to = 0
        self.finished = False
        self.ending: list[Flow] = []
        self.internal_errors = 0
        self.on_error: Callable[[FlowId, Exception], None] | None = None
        self.unanswered = 0  # flows that are half-open
        self.index = 0  # of the frame being walked, in the capture
        self.shard = 0
        self.shards = 1
        self.tells = True  # of the frame being walked, if it belongs to no flow; of several one does
        self.is_ours = False  # the frame being walked is of this shard's flows
        self.marking = False
        self.most_flows = 0
        self.most_half_open = 0

    def take_shard(self, shard: int, shards: int, seed: int) -> None:
        """From now on walk all frames and keep only the flows of this shard, out of `shards` that have one `seed`.

        What a frame is, one shard counts: of a plain one its flow's, which alone decodes it, of others the first.
        Each flow is in one shard, and all that comes of it is the same there, as long as no limit over all flows is
        reached: that is for whoever runs the shards to see (`most_flows`, `most_half_open`, `reassembler.most_held`).
        Behind what has come out at one moment stands a Mark, so that the outputs can be put in order again.
        """
        self.shard = shard
        self.shards = shards
        self.seed = seed
        self.max_kept = (self.max_kept - self.max_kept // 4) // shards  # as much as all together may keep
        self.marking = True

    def _mark(self, phase: int, number: int) -> None:
        """A Mark behind what came out last, if anything came out."""
        out = self.out
        if out and type(out[len(out) - 1]) is not Mark:
            mark = Mark.__new__(Mark)
            mark.key = 4 * self.index + phase
            mark.number = number
            out.append(mark)

    def feed(self, batch: FrameBatch) -> None:
        """Walk the batch's frames."""
        buffer = batch.buffer
        self.reassembler.raw = buffer
        self.walk(
            buffer,
            batch.ts,
            batch.offset,
            batch.caplen,
            batch.wirelen,
            batch.link,
            batch.first,
            batch.stop,
            batch.number,
        )
        self.reassembler.raw = b""

    def walk(
        self,
        buf: Sequence[int],
        times: Sequence[int],
        offsets: Sequence[int],
        caplens: Sequence[int],
        wirelens: Sequence[int],
        links: Sequence[int],
        first: int,
        stop: int,
        number: int,
    ) -> None:
        packet = self.packet
        sharing, marking, out = self.shards > 1, self.marking, self.out
        by_address = _COMPILED and sharing and len(buf) > 0
        if by_address and stop <= min(len(times), len(offsets), len(caplens), len(wirelens), len(links)):
            frames, size, when = address_of(buf), len(buf), times_at(times)  # type: ignore  # noqa: F821  (tracker.pxd)
            where, lengths = offsets_at(offsets), lengths_at(caplens)  # type: ignore  # noqa: F821  (tracker.pxd)
            widths, kinds = lengths_at(wirelens), links_at(links)  # type: ignore  # noqa: F821  (tracker.pxd)
        else:
            by_address = False
        i = first
        while i < stop:
            if by_address:
                i = self._skip(frames, size, when, where, lengths, widths, kinds, i, stop)
                if i == stop:
                    break
            at = i
            i += 1
            ts = times[at]
            self.index = number + at - first
            self.frames += 1
            self.wire_bytes += wirelens[at]
            told = len(out)
            if ts > self.now:
                if ts < self.calm_until:
                    self.now = ts
                else:
                    self.advance(ts)
            elif ts < self.now:
                self.clock_backwards += 1
                ts = max(ts, 0)
            if sharing:
                if not (by_address and self.is_ours):
                    whose = self.owner(buf, offsets[at], caplens[at], links[at])
                    if whose >= 0 and whose != self.shard:
                        continue
                    self.is_ours = whose >= 0
                self.tells = self.is_ours or self.shard == 0
            code = packet.decode(buf, offsets[at], caplens[at], wirelens[at], links[at])
            if self.tells:
                self.counts[code] += 1
            if code == _TCP:
                self.segment(ts, False)
            elif code == _FRAGMENT:
                self.fragment(ts)
            elif code == _BAD_TCP:
                self.segment(ts, True)
            elif code > 5:
                self.odd(code, ts)
            if marking and len(out) != told:
                self._mark(2, 1)

    def advance(self, now: int) -> None:
        """It is `now`, in packet time, and no earlier frame will come: flows whose time is over end.

        What is past already changes nothing.
        """
        if now > self.now:
            if now - self.now > _JUMP and self.now:
                self.jump(now)
            self.now = now
            if now // _TICK > self.swept:
                self.sweep(now)
            self.calm_until = (now // _TICK + 1) * _TICK

    def jump(self, ts: int) -> None:
        """Packet time leaps ahead: the capture has a pause, or its clock was set. What was alive may go on."""
        self._leapt(self.now, ts)
        if self.shard == 0:
            self.out.append(Weird(ts, "clock_jump", None, None, "CAPTURE"))
            if self.marking:
                self._mark(0, 0)

    def _leapt(self, before: int, after: int) -> None:
        self.jump_from, self.jump_to = before, after
        self.reassembler.leapt_from, self.reassembler.leapt_to = before, after
        self.defragmenter.leapt_from, self.defragmenter.leapt_to = before, after

    def survives(self, flow: Flow, due: int) -> bool:
        """Is it only for the last leap of the clock that the flow's time is over?"""
        return self.jump_from != 0 and flow.last_ts <= self.jump_from < due <= self.jump_to

    def odd(self, code: int, ts: int) -> None:
        """Count what was not opened; where it is not ordinary traffic, say so."""
        name = OUTCOMES[code][1]
        if name is not None and self.tells:
            self.out.append(Weird(ts, name, None, str(self.packet.detail) if code == 6 else None, "decode"))

    def fragment(self, ts: int) -> None:
        """An IP fragment: whatever is complete with it is decoded as one datagram."""
        packet = self.packet
        raw = self.reassembler.raw
        code = _FRAGMENT
        for _ in range(packet.max_depth + 1):  # a datagram may hold a tunnel with a fragment in it
            whole = self.defragmenter.add(packet, self.reassembler.raw, ts)
            self._tell_fragments(ts, self.tells)
            if whole is None:
                break
            self.reassembler.raw = whole
            code = packet.datagram(whole, len(whole), packet.depth)
            if self.tells:
                self.counts[code] += 1
            if code != _FRAGMENT:
                break
        if self.marking:
            self._mark(2, 0)  # what it does to its flow another shard may tell
        if code in {_TCP, _BAD_TCP}:
            self.segment(ts, code == _BAD_TCP)
        elif code > 5:
            self.odd(code, ts)
        self.reassembler.raw = raw

    def _tell_fragments(self, ts: int, tells: bool) -> None:
        """What was odd about fragments, once of all shards."""
        if tells:
            for name in self.defragmenter.weirds:
                self.out.append(Weird(ts, name, None, None, "IP"))
        self.defragmenter.weirds.clear()

    def _skip(
        self,
        frames: int,
        size: int,
        when: Sequence[int],
        where: Sequence[int],
        caplens: Sequence[int],
        wirelens: Sequence[int],
        kinds: Sequence[int],
        i: int,
        stop: int,
    ) -> int:
        """Counts frames from `i` on as long as they are others' and time has nothing else to say: where that ends, with
        `is_ours` if for a frame that is. Only where compiled, and by addresses: next to nothing else is done with
        what is another's. That the columns have `stop` entries the caller has seen.
        """
        shard, now, calm_until, began, octets = self.shard, self.now, self.calm_until, i, self.wire_bytes
        self.is_ours = False
        while i < stop:
            ts, caplen, start = when[i], caplens[i], where[i]
            if ts < now or ts >= calm_until or caplen > size or start > size - caplen:
                break
            whose = self._owner(frames + start, caplen, kinds[i])
            if whose == shard:
                self.is_ours = True
                break
            if whose < 0:
                break
            now = ts
            octets += wirelens[i]
            i += 1
        self.now = now
        self.wire_bytes = octets
        self.frames += i - began
        return i

    def owner(self, buf: Sequence[int], start: int, caplen: int, link: int) -> int:
        """Whose a plain frame is, of several shards: Ethernet, IPv4 without options, whole, and TCP. -1: not plain.

        Of all frames those of others are the most, so that they are not decoded first, nor read octet by octet.
        """
        if start < 0 or caplen < 0 or start + caplen > len(buf):
            raise IndexError("a frame ends behind its buffer")
        if _COMPILED and caplen:
            return self._owner(address_of(buf) + start, caplen, link)  # type: ignore  # noqa: F821  (C's: tracker.pxd)
        if link != 1 or caplen < _PLAIN:
            return -1
        head = bytes(buf[start : start + _PLAIN])
        kind, rest, hosts, ports = [int.from_bytes(head[at : at + 8], "big") for at in (12, 16, 26, 30)]
        if kind >> 40 != _ETHERNET_IPV4 or rest & _FRAGMENT_PROTOCOL != _P_TCP:
            return -1
        return self.share(0, hosts >> 32, (ports >> 16) & 0xFFFF, 0, hosts & _LOW, ports & 0xFFFF)

    def _owner(self, frame: int, caplen: int, link: int) -> int:
        """As `owner`, of the frame at an address; only where compiled."""
        if link != 1 or caplen < _PLAIN:
            return -1
        kind, rest = word_at(frame + 12), word_at(frame + 16)  # type: ignore  # noqa: F821  (C's, by way of tracker.pxd)
        if kind >> 40 != _ETHERNET_IPV4 or rest & _FRAGMENT_PROTOCOL != _P_TCP:
            return -1
        hosts, ports = word_at(frame + 26), word_at(frame + 30)  # type: ignore  # noqa: F821  (C's)
        return self.share(0, hosts >> 32, (ports >> 16) & 0xFFFF, 0, hosts & _LOW, ports & 0xFFFF)

    def share(self, src_hi: int, src_lo: int, sport: int, dst_hi: int, dst_lo: int, dport: int) -> int:
        """Whose shard a flow is in; the same for both directions. Each frame is asked, so this is less than `mix` is:
        who could guess the seed could have one worker do all the work, no more.
        """
        a = (((src_lo + (sport << 32) + src_hi * _MIX1) ^ self.seed) * _GOLDEN) & _MASK
        b = (((dst_lo + (dport << 32) + dst_hi * _MIX1) ^ self.seed) * _GOLDEN) & _MASK
        mix = (((a ^ (a >> 32)) + (b ^ (b >> 32))) * _MIX2) & _MASK
        return ((mix >> 32) * self.shards) >> 32

    def _share_of(self, packet: Packet) -> int:
        return self.share(packet.src_hi, packet.src_lo, packet.sport, packet.dst_hi, packet.dst_lo, packet.dport)

    def key_of(self, packet: Packet) -> int:
        """A 64-bit mix of the five-tuple, the same for both directions; equality is checked against the flow itself."""
        return self.mix(
            packet.src_hi,
            packet.src_lo,
            packet.sport,
            packet.dst_hi,
            packet.dst_lo,
            packet.dport,
            packet.family,
            packet.vlan,
        )

    def mix(
        self, src_hi: int, src_lo: int, sport: int, dst_hi: int, dst_lo: int, dport: int, family: int, vlan: int
    ) -> int:
        """The seed goes in first and everything else is mixed into it word by word, so that nobody can choose addresses
        and ports that cancel out. Constants of MurmurHash3 (Austin Appleby, public domain).
        """
        seed = self.seed
        a = ((src_hi ^ seed) * _GOLDEN) & _MASK
        a ^= a >> 32
        a = ((a ^ src_lo) * _MIX1) & _MASK
        a ^= a >> 29
        a = ((a ^ sport) * _MIX2) & _MASK
        a ^= a >> 33
        b = ((dst_hi ^ seed) * _GOLDEN) & _MASK
        b ^= b >> 32
        b = ((b ^ dst_lo) * _MIX1) & _MASK
        b ^= b >> 29
        b = ((b ^ dport) * _MIX2) & _MASK
        b ^= b >> 33
        mix = (a + b + (a ^ b) * _MIX2 + family) & _MASK
        if self.use_vlan:
            mix = (mix + (vlan + 1) * _GOLDEN) & _MASK
        mix ^= mix >> 33
        mix = (mix * _MIX2) & _MASK
        return mix ^ (mix >> 33) or 1  # a key of 0 is none

    def side(self, flow: Flow, packet: Packet) -> int:
        """1 if the packet goes from originator to responder, -1 the other way, 0 if it is not of this flow."""
        if flow.family != packet.family or (self.use_vlan and flow.vlan != packet.vlan):
            return 0
        if (
            flow.orig_lo == packet.src_lo
            and flow.orig_p == packet.sport
            and flow.resp_lo == packet.dst_lo
            and flow.resp_p == packet.dport
            and flow.orig_hi == packet.src_hi
            and flow.resp_hi == packet.dst_hi
        ):
            return 1
        if (
            flow.orig_lo == packet.dst_lo
            and flow.orig_p == packet.dport
            and flow.resp_lo == packet.src_lo
            and flow.resp_p == packet.sport
            and flow.orig_hi == packet.dst_hi
            and flow.resp_hi == packet.src_hi
        ):
            return -1
        return 0

    def segment(self, ts: int, bad: bool) -> None:
        """The TCP segment in `packet` belongs to some flow; `bad`: its header cannot be used, it only counts a flow."""
        packet = self.packet
        flow = self.last_flow  # a packet is often of the same flow as the one before it
        direction = 0 if flow is None or flow.over else self.side(flow, packet)
        key = 0
        if not direction:
            if self.shards > 1 and not self.is_ours and self._share_of(packet) != self.shard:
                return
            key = self.key_of(packet)
            flow = self.flows.find(key)
            while flow is not None:
                direction = self.side(flow, packet)
                if direction:
                    break
                key = (key + 1) & _MASK or 1  # two five-tuples with one key: the next slot
                flow = self.flows.find(key)
        old: Flow | None = None
        older: Flow | None = None
        if flow is not None:
            due = self.machine.deadline(flow)
            if self.now >= due:
                if (ts < due or self.survives(flow, due)) and self.goes_on(flow.orig if direction > 0 else flow.resp):
                    # The capture's clock ran back or ahead. conn.log ends the flow here, as Zeek's does; its bytes
                    # go on, so that no message is torn.
                    old = flow
                    self.end_record(flow)
                else:
                    self.retire(flow, ts, due)
                flow = None
            elif not bad and packet.flags & _SYN:
                end = flow.orig if direction > 0 else flow.resp
                if self.is_reuse(flow, end, ts):
                    older = self.replace(flow, ts)
                    flow = None
        if flow is None:
            key = key or self.key_of(packet)
            waiting = self.take_unfinished(key, ts) if self.unfinished else None
            flow = self.open(key, ts)
            if waiting is not None:
                self.read_on(flow, waiting, ts)
            if older is not None:
                flow.older = older
                self.reassembler.charge(older, PER_READING)
            if old is not None:
                self.out.append(self.machine.connection(old))
                self.take_over(flow, old, ts)
            direction = self.side(flow, packet)
        if bad:
            self.out.append(Weird(ts, "bad_TCP_header_len", flow.flow_id(), None, "TCP"))
            return
        self.last_flow = flow
        end = flow.orig if direction > 0 else flow.resp
        lingering = flow.delete_at
        self.step(flow, end, ts, False)
        end.pkts += 1
        end.ip_bytes += packet.ip_total
        if flow.half_open and flow.resp.state != _INACTIVE:
            flow.half_open = False
            self.unanswered -= 1
        if flow.delete_at and not lingering:
            self.schedule(flow, flow.delete_at)
            self.closing.append(flow)
        if packet.flags & _SYN and self.size() > self.max_flows:  # it may have made two out of one, see `renumber`
            self.evict(ts)
        if self.ledger.charged > self.max_kept:
            self.relieve(ts)

    def take_over(self, flow: Flow, old: Flow, ts: int) -> None:
        """Go on in `flow` where `old` was ended too early."""
        self.parked = old
        self.step(flow, None, ts, False)
        self.parked = None
        self.ledger.charged -= old.charged  # of nothing, if `flow` has it
        old.unfinished = False
        old.release()

    def inherit(self, flow: Flow, old: Flow, ts: int) -> None:
        """What of this may meet a bug of ours."""
        if old.late is not None and old.unfinished:
            self.reassembler.go_on(old, True)
        self.reassembler.settle_doubt(old)
        flow.inherit(old)
        if old.late is not None:
            old.late.move(old, flow)
        if old.unfinished and (old.orig.fin_cnt or old.orig.rst_cnt or old.resp.fin_cnt or old.resp.rst_cnt):
            self.reassembler.doubt(flow, ts)  # one of them has not sent the FIN or RST, or not obeyed it

    def take_unfinished(self, key: int, ts: int) -> Flow | None:
        """The flow of the segment in `packet`, if it ended in the middle of a message, and may be read on. It waits no
        more then."""
        flow: Flow | None = self.unfinished.get(key)
        if flow is None or not self.side(flow, self.packet):
            return None
        if self.now >= flow.delete_at and not self.survives(flow, flow.delete_at):
            self.end(flow, ts, False)
            return None
        del self.unfinished[key]
        return flow

    def read_on(self, flow: Flow, old: Flow, ts: int) -> None:
        """`flow` is new, and `old` waited for it in the middle of a message. If the segment in `packet` fits, it goes
        on here; else segments by the old numbers may follow, as behind a SYN (older.py)."""
        reassembler = self.reassembler
        if self.goes_on(old.orig if self.side(old, self.packet) > 0 else old.resp):
            self.take_over(flow, old, ts)
            return
        old.unfinished = False
        chain = old.chain()
        if len(chain) > self.max_older:
            self.reassembler.older_given_up += 1
            flow.older, old.older = old.older, None
            self.step(old, None, ts, False)
            self.ledger.charged -= old.charged
            old.release()
            return
        flow.older = old
        reassembler.older_flows += 1
        reassembler.charge(old, PER_READING)

    def goes_on(self, end: Endpoint) -> bool:
        """Is the segment in `packet`, sent by `end`, a continuation of what its flow carried?"""
        packet = self.packet
        seq = packet.seq
        if not end.is_numbered():  # then by what it acknowledges
            if not packet.flags & _ACK:
                return not packet.flags & _SYN
            end = end.peer
            seq = packet.ack
        elif packet.flags & _SYN:
            return seq == end.start_seq
        ahead = seq_delta(seq, (end.start_seq + end.next_rel) & 0xFFFFFFFF)
        return -_NEAR < ahead < _NEAR

    def open(self, key: int, ts: int) -> Flow:
        """A new flow, begun by the segment in `packet`."""
        packet = self.packet
        if self.size() >= self.max_flows or self.unanswered >= self.max_half_open:
            self.evict(ts)
        self.born += 1
        if self.born > 2 * self.flows.size() + _GARBAGE:
            self.compact()
        while self.flows.find(key) is not None:
            key = (key + 1) & _MASK or 1
        flow = begin_flow(self.index, ts)
        flow.key = key
        flow.family = packet.family
        flow.orig_hi = packet.src_hi
        flow.orig_lo = packet.src_lo
        flow.resp_hi = packet.dst_hi
        flow.resp_lo = packet.dst_lo
        flow.orig_p = packet.sport
        flow.resp_p = packet.dport
        flow.vlan = packet.vlan
        flow.inner_vlan = packet.inner_vlan
        if packet.parent is not None:
            flow.parent = packet.parent
        half_open = (packet.flags & (_SYN | _ACK)) == _SYN
        # Not its beginning, or a SYN-ACK: the side with the server's port answers (Zeek: WantConnection).
        if (
            not half_open
            and flow.orig_p in _SERVER_PORTS
            and (flow.resp_p not in _SERVER_PORTS or (not packet.flags & _SYN and flow.orig_p < flow.resp_p))
        ):
            flow.flip()
        self.flows.add(flow)
        self.flows_seen += 1
        self.oldest.append(flow)
        if half_open:
            flow.half_open = True
            self.unanswered += 1
            self.opening.append(flow)
            self.schedule(flow, ts + self.machine.attempt_ns)
        else:
            self.schedule(flow, ts + 6 * _TICK)
        if self.marking:
            self.most_flows = max(self.most_flows, self.size())
            self.most_half_open = max(self.most_half_open, self.unanswered)
        return flow

    def is_reuse(self, flow: Flow, sender: Endpoint, ts: int) -> bool:
        """Does the SYN in `packet` begin a new connection on the ports of an old one? (Zeek: IsReuse.)"""
        packet = self.packet
        orig = flow.orig
        if sender is not orig and sender.state == _INACTIVE and orig.state == _SYN_SENT:
            return False  # both sides open at once, or the responder answers in two steps (split handshake)
        if packet.flags & _ACK:
            if orig.state != _INACTIVE:
                return False
            orig = flow.resp
        if not (flow.orig.did_close or flow.resp.did_close):
            if packet.seq == orig.start_seq:
                return False
            if (
                not packet.flags & _ACK
                and orig.state == _SYN_ACK_SENT
                and flow.resp.state == _INACTIVE
                and packet.seq == flow.resp.start_seq
            ):
                return False
            name = "SYN_seq_jump" if orig.state == _SYN_SENT else "active_connection_reuse"
            self.out.append(Weird(ts, name, flow.flow_id(), None, "TCP"))
        elif _RESET not in {flow.orig.state, flow.resp.state}:
            if (_INACTIVE < flow.orig.state < _CLOSED and not flow.orig.did_close) or (
                _INACTIVE < flow.resp.state < _CLOSED and not flow.resp.did_close
            ):
                self.out.append(Weird(ts, "active_connection_reuse", flow.flow_id(), None, "TCP"))
            elif ts - flow.last_ts < self.machine.linger_ns:
                self.out.append(Weird(ts, "premature_connection_reuse", flow.flow_id(), None, "TCP"))
        return True

    def replace(self, flow: Flow, ts: int) -> Flow | None:
        """conn.log ends the flow, for a SYN with another number came, as Zeek's does. Its bytes go on beside those of
        the new one, in case segments by its own numbers follow: the SYN may be a forged one. Returned is what goes on.
        """
        chain = flow.chain()
        is_closed = flow.orig.closed_told and flow.resp.closed_told
        too_many = len(chain) > self.max_older  # the newest goes: of forged ones there may be any number
        if flow.reading == _NOBODY or is_closed or (too_many and not make_room(self.reassembler, flow, ts)):
            older = flow.older
            if older is not None and (older.reopened or too_many):
                flow.older = None
            else:
                older = None
            self.end(flow, ts, False)
            return older
        self.end_record(flow)
        self.reassembler.older_flows += 1
        self.out.append(self.machine.connection(flow))
        return flow

    def schedule(self, flow: Flow, due: int) -> None:
        """Look at the flow again when packet time reaches `due`."""
        self.timers += 1
        tick = due // _TICK + 1
        if tick <= self.swept:
            tick = self.swept + 1
        if tick != self.slot_tick:  # most go where the one before went
            self.slot_tick = tick
            slot = self.wheel.get(tick)
            if slot is None:
                slot = self.wheel[tick] = []
            self.slot = slot
        self.slot.append(flow)

    def sweep(self, now: int) -> None:
        """Packet time has moved into a new second: end the flows whose time is over."""
        tick = now // _TICK
        if tick - self.swept > len(self.wheel):
            due_ticks = sorted([t for t in self.wheel if t <= tick])
        else:
            due_ticks = [t for t in range(self.swept + 1, tick + 1) if t in self.wheel]
        self.swept = tick
        if self.defragmenter.pending and now != self.jump_to:  # that one frame's time is far ahead gives up nothing
            self.defragmenter.expire(now)
            self._tell_fragments(now, self.shard == 0)
            if self.marking:
                self._mark(0, 0)
        over: list[Flow] = []
        for due_tick in due_ticks:
            for flow in self.wheel.pop(due_tick):
                if flow.over and not flow.unfinished:
                    continue
                due = self.machine.deadline(flow)
                if due <= now or flow.late is not None or flow.older is not None:
                    over.append(flow)
                else:
                    self.look_again(flow, now, due)
        if len(over) > 1:
            over.sort(key=_number)  # however the flows are shared out, they end in this order
        for flow in over:
            if not flow.over or flow.unfinished:
                self.time_out(flow, now)
                if self.marking:
                    self._mark(1, flow.number)
        self.closing.tidy()
        self.opening.tidy()
        self.oldest.tidy()
        self.spared.tidy()
        self.valued.tidy()
        if self.emergency.is_on:
            self.emergency.look(now, self.size() - len(self.unfinished), self.half_open())

    def look_again(self, flow: Flow, now: int, due: int) -> None:
        """Its time is over at `due`, if nothing comes; what comes may also bring that forward."""
        if due - now > 6 * _TICK and not flow.delete_at:
            due = now + 6 * _TICK
        self.schedule(flow, due)

    def time_out(self, flow: Flow, now: int) -> None:
        """Give up what the flow waits for, and end it if its time is over."""
        if flow.late is not None or flow.older is not None:
            for each in flow.chain():
                self.reassembler.wait(each, now)
        due = self.machine.deadline(flow)
        if due > now:
            self.look_again(flow, now, due)
        elif self.survives(flow, due) and now < self.jump_to + due - self.jump_from:
            self.look_again(flow, now, self.jump_to + due - self.jump_from)
        else:
            self.retire(flow, now, due)

    def retire(self, flow: Flow, ts: int, due: int) -> None:
        """The flow's time is over since `due`: conn.log has it. But whoever is on the path can forge what ends it so
        soon, a FIN or a RST, and where one side is not seen its silence says nothing. So in the middle of a message it
        waits whether the next segment comes after all.
        """
        until = due + self.unfinished_ns
        if (
            flow.over
            or ts >= until
            or due >= flow.last_ts + self.machine.idle_ns  # it was idle
            or not (flow.in_message() or (flow.older is not None and any(map(_in_message, flow.chain()))))
        ):
            self.end(flow, ts, False)
            return
        self.end_record(flow)
        other = self.unfinished.get(flow.key)
        if other is not None:  # another one, by the same 64 bits
            self.end(other, ts, False)
        flow.unfinished = True
        flow.delete_at = until
        self.unfinished[flow.key] = flow
        self.schedule(flow, until)
        self.out.append(self.machine.connection(flow))

    def evict(self, ts: int) -> None:
        """Make room for one flow more: what conn.log has already goes first, then closed flows, then half-open ones,
        then the oldest, of those that spoke HTTP later, and of those in which OCSP was at the very end. An octet to
        port 80 is not enough for that: a whole head is. If one has to go that is not over, it is an emergency."""
        while self.unanswered >= self.max_half_open and self.opening:
            flow = self.opening.popleft()
            if flow.half_open:
                self.evicted_for_half_open += 1
                self.drop(flow, ts, "the flow table is full")
        while self.size() >= self.max_flows:
            if self.unfinished:
                self.evicted_unfinished += 1
                self.end(next(iter(self.unfinished.values())), ts, False)
                continue
            queue = self.closing or self.opening or self.oldest or self.spared or self.valued
            if not queue:
                return
            flow = queue.popleft()
            if flow.over or (queue is self.opening and not flow.half_open):
                continue
            if queue is self.oldest and flow.reader is not None and flow.reader.service is not None:
                self.spared.append(flow)
                continue
            if queue is self.spared and flow.reader is not None and flow.reader.valued:
                self.valued.append(flow)
                continue
            if queue is self.closing:
                self.evicted_closed += 1
            elif queue is self.opening:
                self.evicted_half_open += 1
            elif queue is self.oldest:
                self.evicted_idle += 1
            elif queue is self.spared:
                self.evicted_http += 1
            else:
                self.evicted_ocsp += 1
            self.drop(flow, ts, "the flow table is full")

    def relieve(self, ts: int) -> None:
        """Flows may keep too much in memory: if they do, some end (ledger.py)."""
        flows = take_stock(self.flows.values() + list(self.unfinished.values()), self.ledger, self.max_kept)
        for flow in flows:
            self.evicted_for_memory += 1
            self.drop(flow, ts, "flows keep too much in memory")
            if self.shards > 1:
                self.reassembler.most_held = max(self.reassembler.most_held, self.reassembler.max_total + 1)
        if flows:
            give_back()

    def drop(self, flow: Flow, ts: int, why: str) -> None:
        """End it before its time."""
        self.evicted += 1
        self.emergency.enter(ts, why)
        self.end(flow, ts, False)

    def compact(self) -> None:
        """More flows were opened than there are: forget those that are over in the queues and the wheel."""
        self.born = 0
        self.slot_tick = -1
        for queue in (self.closing, self.opening, self.oldest, self.spared, self.valued):
            opening = queue is self.opening
            queue.keep([flow for flow in queue.values() if not flow.over and (flow.half_open or not opening)])
        for tick, slot in list(self.wheel.items()):
            slot[:] = [flow for flow in slot if not flow.over or flow.unfinished]
            if not slot:
                del self.wheel[tick]

    def end_record(self, flow: Flow) -> None:
        """Take the flow out of the table."""
        flow.over = True
        if flow.half_open:
            flow.half_open = False
            self.unanswered -= 1
        self.flows.remove(flow)

    def step(self, flow: Flow, end: Endpoint | None, ts: int, at_end: bool) -> None:
        """The segment in `packet`, sent by `end`, or (None) the end of the flow, or it goes on where `parked` stopped.

        The flow boundary: a bug of ours costs this flow its reader and no other flow anything. Without `on_error` it
        goes on up.
        """
        try:
            if end is not None:
                self.machine.segment(flow, end, self.packet, ts)
            elif self.parked is not None:
                self.inherit(flow, self.parked, ts)
            else:
                self.reassembler.finish(flow, ts, at_end)
        except Exception as error:  # the flow boundary, see above
            if self.on_error is None:
                raise
            self.internal_errors += 1
            for each in flow.chain():
                each.reader = None
                each.reading = _NOBODY
            self.out.append(Weird(ts, "internal_error", flow.flow_id(), type(error).__name__, "FLOW"))
            self.on_error(flow.flow_id(), error)

    def end(self, flow: Flow, ts: int, at_end: bool) -> None:
        """The flow is over: tell its reader and conn.log."""
        told = flow.over
        if not told:
            self.end_record(flow)
        elif flow.unfinished:
            flow.unfinished = False
            del self.unfinished[flow.key]
        if flow.older is not None:
            self.end_older(flow, ts)
        self.step(flow, None, ts, at_end)
        self.ledger.charged -= flow.charged
        if not told:
            self.out.append(self.machine.connection(flow))
        flow.release()

    def end_older(self, flow: Flow, ts: int) -> None:
        """What went on beside the flow, by older numbers, is over with it."""
        chain = flow.chain()
        chain.pop()
        flow.older = None
        self.reassembler.older_flows -= len(chain)
        for older in chain:
            older.older = None
            self.step(older, None, ts, False)
            self.ledger.charged -= older.charged
            if flow.service is None:
                flow.service = older.service
            older.release()

    def outcomes(self) -> dict[str, int]:
        """How many frames were what, by name; those that did not occur are left out."""
        return {name: count for (name, _), count in zip(OUTCOMES, self.counts, strict=True) if count}

    def limits(self) -> dict[str, int]:
        """How often each limit was reached, by settings key, and behind a colon what it cost. What several share a
        capture's flows count adds up: of fragments, which all of them put together, the first one's count."""
        reassembler, fragments = self.reassembler, self.defragmenter
        found = {
            "flow.max_flows:unfinished": self.evicted_unfinished,
            "flow.max_flows:closed": self.evicted_closed,
            "flow.max_flows:half_open": self.evicted_half_open,
            "flow.max_flows:oldest": self.evicted_idle,
            "flow.max_flows:oldest_http": self.evicted_http,
            "flow.max_flows:oldest_ocsp": self.evicted_ocsp,
            "flow.max_half_open": self.evicted_for_half_open,
            "flow.max_older_flows": reassembler.older_given_up,
            "flow.max_kept_bytes": self.evicted_for_memory,
            **reassembler.limits(),
        }
        if not self.shard:
            found["flow.max_fragment_datagrams"] = fragments.evicted_datagrams
            found["flow.max_fragment_bytes"] = fragments.evicted_bytes
            found["flow.fragment_timeout_s"] = fragments.timed_out
        return found

    def size(self) -> int:
        """Flows in the table, those that are read beside them, and those that may be read on."""
        return self.flows.size() + self.reassembler.older_flows + len(self.unfinished)

    def half_open(self) -> int:
        """Flows begun by a SYN that is not answered yet."""
        return self.unanswered

    def timers_set(self) -> int:
        """Timers that are set, those of flows that are over meanwhile included."""
        return sum([len(slot) for slot in self.wheel.values()])

    def held_bytes(self) -> int:
        """Payload bytes that wait above a hole."""
        total = 0
        for newest in self.flows.values() + list(self.unfinished.values()):
            for flow in newest.chain():
                for end in (flow.orig, flow.resp):
                    if end.held is not None:
                        total += sum([last - first for first, last, _ in end.held])
        return total

    def finish(self, at_most: int = 0x7FFFFFFFFFFF) -> bool:
        """The input is over: flows end, in the order in which they began. At most so many; returns if some are left.

        Whoever takes `out` in between does not hold the records of all flows at once.
        """
        if not self.finished:
            self.finished = True
            spared = self.spared.values() + self.valued.values()
            ending = [flow for flow in spared + self.oldest.values() if not flow.over]
            ending += self.unfinished.values()
            if spared or self.unfinished:
                ending.sort(key=_number)  # as they were opened
            ending.reverse()
            self.ending = ending
            for queue in (self.closing, self.opening, self.oldest, self.spared, self.valued):
                queue.keep([])
            self.wheel.clear()
            self.index = END_INDEX
            for _ in range(self.defragmenter.finish()):
                if self.shard == 0:
                    self.out.append(Weird(self.now, INCOMPLETE, None, None, "IP"))
            if self.marking:
                self._mark(0, 0)
        ending = self.ending
        while ending and at_most > 0:
            at_most -= 1
            flow = ending.pop()
            self.end(flow, self.now, not flow.unfinished)
            if self.marking:
                self._mark(1, flow.number)
        return bool(ending)

    def abandon(self) -> None:
        """Let go of all flows, told or not: there is no memory left for them."""
        for newest in self.flows.values() + list(self.unfinished.values()):
            for flow in newest.chain():
                flow.release()
        self.flows = FlowTable()
        self.unfinished.clear()
        for queue in (self.closing, self.opening, self.oldest, self.spared, self.valued):
            queue.keep([])
        self.wheel.clear()
        self.slot_tick = -1
        self.slot = []
        self.last_flow = None
        self.defragmenter.pending.clear()
        self.out.clear()

    def begin_anew(self) -> None:
        """After `finish`: what comes now may be earlier than what was, for the clock was set back."""
        self.finished = False
        self.now = self.swept = self.calm_until = 0
        self._leapt(0, 0)
        self.slot_tick = -1


def _in_message(flow: Flow) -> bool:
    return flow.in_message()


def _number(flow: Flow) -> int:
    return flow.number


__all__ = ["Connection", "FlowTracker", "Mark"]
