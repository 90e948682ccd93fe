"""The counters of a sensor at one moment, gathered from its stages by the composition root; no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start: none ever shrinks.

    Frames: frames = tcp + fragments + ordinary + odd, but that a datagram put together is counted again as what it is.
    Payload: payload = delivered + duplicate + discarded + what is held. Gaps and acknowledgments are Zeek's gap_stats:
    acknowledgments of something new in flows whose handshake was seen, and those of them for bytes that were not seen.
    """

    frames: int = 0
    wire_bytes: int = 0
    tcp_frames: int = 0
    fragment_frames: int = 0
    ordinary_frames: int = 0
    odd_frames: int = 0
    flows: int = 0
    flows_evicted: int = 0
    emergencies: int = 0
    timers: int = 0
    fragments_expired: int = 0
    payload_bytes: int = 0
    delivered_bytes: int = 0
    duplicate_bytes: int = 0
    discarded_bytes: int = 0
    discarded_behind_fin_bytes: int = 0
    discarded_out_of_window_bytes: int = 0
    discarded_too_late_bytes: int = 0
    discarded_with_reset_bytes: int = 0
    discarded_before_start_bytes: int = 0
    cut_bytes: int = 0
    gap_bytes: int = 0
    acks: int = 0
    ack_gaps: int = 0
    transactions: int = 0
    files: int = 0
    exchanges: int = 0
    leaks: int = 0
    weirds: int = 0
    fields_cut: int = 0
    internal_errors: int = 0
    lookups_found: int = 0
    lookups_not_found: int = 0
    lookups_unavailable: int = 0
    lookups_late: int = 0
    lookups_refused: int = 0
    log_lines: int = 0

    def since(self, before: Totals) -> Totals:
        """What has come since `before`."""
        return Totals(**{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__})


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start by name: of each weird, logged or not, and of each limit that was reached, by settings
    key, and behind a colon, where that has several ways, what it cost."""

    weirds: Mapping[str, int] = {}
    limits: Mapping[str, int] = {}


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """What there is at the moment."""

    flows: int = 0
    flows_half_open: int = 0
    timers: int = 0
    held_bytes: int = 0
    fragment_bytes: int = 0
    emergency: bool = False
    lookups_waiting: int = 0
    leaks_waiting: int = 0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What only a sensor on an interface has. Counts since the start unless it says otherwise; None: not known.

    `link_frames` is what the kernel had for us, `dropped_frames` what of it was lost before we took it
    (packet(7), PACKET_STATISTICS: tp_packets, tp_drops); `interface_dropped_frames` never came so far. `lag_ns` is now
    minus the last frame's time.
    """

    link_frames: int = 0
    dropped_frames: int = 0
    interface_dropped_frames: int = 0
    memory_bytes: int = 0
    lag_ns: int | None = None
    cpu_ns: int = 0
    log_lines_dropped: int = 0
    log_queue_bytes: int | None = None
