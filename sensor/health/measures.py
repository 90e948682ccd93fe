"""Counters at two moments in, what is said of the time between them out: the lines of three logs, and notices.

Zeek's policy/misc/stats, policy/misc/capture-loss and base/frameworks/packet-filter/netstats say the same of Zeek.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sensor.health.counters import Levels, Named, Running, Totals
from sensor.settings import HealthSettings

WAITS: Final = frozenset({"flow.fragment_timeout_s", "flow.hole_wait_s", "flow.reorder_wait_s"})
"""Limits that only say how long something lost is waited for: to reach one is no shortage."""


class Stats(msgspec.Struct, frozen=True):
    """One line of stats.log. Times in nanoseconds; None: not known, or not said in replay."""

    ts: int
    peer: str
    mem: int | None
    pkts_proc: int
    bytes_recv: int
    pkts_dropped: int | None
    pkts_link: int | None
    pkt_lag: int | None
    events_proc: int
    events_queued: int
    active_tcp_conns: int
    active_udp_conns: int
    active_icmp_conns: int
    tcp_conns: int
    udp_conns: int
    icmp_conns: int
    timers: int
    active_timers: int
    files: int
    active_files: int
    dns_requests: int
    active_dns_requests: int
    reassem_tcp_size: int
    reassem_file_size: int
    reassem_frag_size: int
    reassem_unknown_size: int


class CaptureLoss(msgspec.Struct, frozen=True):
    """One line of capture_loss.log. Times in nanoseconds."""

    ts: int
    ts_delta: int
    peer: str
    gaps: int
    acks: int
    percent_lost: float


class OwnStats(msgspec.Struct, frozen=True):
    """One line of ocspwatch_stats.log: what Zeek's stats.log has no field for. Times in nanoseconds."""

    ts: int
    ts_delta: int
    peer: str
    emergency: bool
    totals: Totals
    levels: Levels
    cpu: int | None
    log_lines_dropped: int | None
    log_queue_bytes: int | None
    interface_dropped: int | None


class WeirdStats(msgspec.Struct, frozen=True):
    """One line of weird_stats.log. `ts` nanoseconds."""

    ts: int
    name: str
    num_seen: int


class LimitStats(msgspec.Struct, frozen=True):
    """One line of ocspwatch_limits.log. Times in nanoseconds; `limit` is a settings key."""

    ts: int
    ts_delta: int
    peer: str
    limit: str
    cost: str | None
    times: int


class HealthNotice(msgspec.Struct, frozen=True):
    """A line of notice.log that is about no flow. `note` is Zeek's where Zeek has one; `ts` nanoseconds.

    What has the same `note` and `identifier` is not told again for a while.
    """

    ts: int
    note: str
    msg: str
    sub: str | None = None
    identifier: str = ""


Measure = Stats | CaptureLoss | OwnStats | WeirdStats | LimitStats | HealthNotice


class Meter:
    """When to measure next, and what came since the last time. Times are packet time in replay, the clock's else.

    The first moment that is told, by `begin`, starts the first interval; all intervals end at whole multiples of
    their length behind it, so that where a capture is cut into batches does not matter. A pause is one long interval.
    """

    def __init__(self, settings: HealthSettings) -> None:
        self._settings = settings
        self._step = int(settings.interval_s * 1e9)
        self._since = -1
        self._before = Totals()
        self._named = Named()
        self._running = Running()
        self.due = -1
        """When the next measurement is due, in nanoseconds; -1 until `begin`."""

    def begin(self, ts: int) -> None:
        """Idempotent."""
        if self.due < 0:
            self._since = ts
            self.due = ts + self._step

    def skip_to(self, ts: int) -> None:
        """It is `ts` now: the next measurement is due at the end of the interval that this moment lies in."""
        if ts >= self.due >= 0:
            self.due += ((ts - self.due) // self._step + 1) * self._step

    def measure(
        self, ts: int, totals: Totals, levels: Levels, running: Running | None = None, named: Named | None = None
    ) -> list[Measure]:
        """What there is to say at `ts` of the time since the last measurement."""
        named = named or Named()
        came, delta = totals.since(self._before), max(ts - self._since, 0)
        dropped = link = None
        if running is not None:
            dropped = running.dropped_frames - self._running.dropped_frames
            link = running.link_frames - self._running.link_frames
        loss = CaptureLoss(ts, delta, self._settings.peer, came.ack_gaps, came.acks, percent(came.ack_gaps, came.acks))
        found: list[Measure] = [
            _stats(ts, self._settings.peer, came, levels, running, dropped, link),
            loss,
            self._own(ts, delta, came, levels, running),
            *self._notices(ts, loss, dropped, link),
            *_emergency(ts, came),
            *[WeirdStats(ts, name, times) for name, times in _since(named.weirds, self._named.weirds)],
            *self._limits(ts, delta, _since(named.limits, self._named.limits)),
        ]
        self._since, self._before, self._named = ts, totals, named
        if running is not None:
            self._running = running
        return found

    def _own(self, ts: int, delta: int, came: Totals, levels: Levels, running: Running | None) -> OwnStats:
        cpu = lost = waiting = interface = None
        if running is not None:
            cpu = running.cpu_ns - self._running.cpu_ns
            lost = running.log_lines_dropped - self._running.log_lines_dropped
            waiting = running.log_queue_bytes
            interface = running.interface_dropped_frames - self._running.interface_dropped_frames
        return OwnStats(ts, delta, self._settings.peer, levels.emergency, came, levels, cpu, lost, waiting, interface)

    def _limits(self, ts: int, delta: int, reached: list[tuple[str, int]]) -> list[Measure]:
        found: list[Measure] = []
        told: dict[str, int] = {}
        for name, times in reached:
            limit, _, cost = name.partition(":")
            found.append(LimitStats(ts, delta, self._settings.peer, limit, cost or None, times))
            told[limit] = told.get(limit, 0) + times
        for limit, times in told.items():
            if limit in WAITS:
                continue
            text = f"{limit} was reached {times} times"
            found.append(HealthNotice(ts, "Sensor::Limit_Reached", text, limit, limit))
        return found

    def _notices(self, ts: int, loss: CaptureLoss, dropped: int | None, link: int | None) -> list[HealthNotice]:
        settings = self._settings
        found = []
        whole = loss.ts_delta >= self._step  # the last interval of a run may be a short one
        if loss.acks >= settings.enough_acks and loss.percent_lost >= 100 * settings.too_much_loss:
            text = f"{loss.percent_lost:.3f}% of the acknowledgments were for data that was not captured"
            found.append(HealthNotice(ts, "CaptureLoss::Too_Much_Loss", text, f"{loss.gaps} of {loss.acks}"))
        if dropped is not None and whole and loss.acks < settings.minimum_acks:
            text = f"only {loss.acks} TCP acknowledgments were seen, at least {settings.minimum_acks} were expected"
            found.append(HealthNotice(ts, "CaptureLoss::Too_Little_Traffic", text))
        if dropped and link is not None and dropped >= settings.too_many_drops * link:
            text = f"the kernel dropped {dropped} of {link} packets, {percent(dropped, link):.3f}%"
            found.append(HealthNotice(ts, "PacketFilter::Dropped_Packets", text))
        return found


def _emergency(ts: int, came: Totals) -> list[HealthNotice]:
    if not came.emergencies:
        return []
    text = "more traffic than there is room or time for: timeouts are shorter until it is over"
    return [HealthNotice(ts, "Sensor::Emergency_Mode", text, f"{came.flows_evicted} connections dropped early")]


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> list[tuple[str, int]]:
    """What has come, by name."""
    return [(name, now[name] - before.get(name, 0)) for name in sorted(now) if now[name] != before.get(name, 0)]


def percent(part: int, whole: int) -> float:
    """0.0 of nothing, as in Zeek's capture-loss."""
    return 100.0 * part / whole if whole else 0.0


def _stats(
    ts: int, peer: str, came: Totals, levels: Levels, running: Running | None, dropped: int | None, link: int | None
) -> Stats:
    events = came.transactions + came.exchanges + came.leaks + came.weirds + came.flows
    return Stats(
        ts,
        peer,
        None if running is None else running.memory_bytes >> 20,
        came.frames,
        came.wire_bytes,
        dropped,
        link,
        None if running is None else running.lag_ns,
        events,
        events,
        levels.flows,
        0,
        0,
        came.flows,
        0,
        0,
        came.timers,
        levels.timers,
        came.files,
        0,
        0,
        0,
        levels.held_bytes,
        0,
        levels.fragment_bytes,
        0,
    )
