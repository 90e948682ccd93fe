"""What the sensor says of itself to log lines: stats.log, capture_loss.log, ocspwatch_stats.log, its notices.

A few lines a minute: written field by field like all others, and not compiled.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import asdict

from sensor.health.measures import CaptureLoss, HealthNotice, LimitStats, Measure, OwnStats, Stats, WeirdStats
from sensor.logs.buffer import LineBuffer
from sensor.logs.parts import CAPTURE_LOSS, LIMITS, NOTICE, OWN_STATS, STATS, WEIRD_STATS, Parts
from sensor.settings import LogSettings

_INTERVALS: Final = frozenset({"ts_delta", "pkt_lag", "cpu"})
_LOGS: Final[dict[type, int]] = {
    Stats: STATS,
    CaptureLoss: CAPTURE_LOSS,
    OwnStats: OWN_STATS,
    WeirdStats: WEIRD_STATS,
    LimitStats: LIMITS,
    HealthNotice: NOTICE,
}


def log_of(measure: Measure) -> int:
    """The place in STREAMS of the log that says it."""
    return _LOGS[type(measure)]


class HealthLines:
    """Renders measures. Fields stand in the order of the records (`logs.records`)."""

    def __init__(self, settings: LogSettings, parts: Parts) -> None:
        self._parts = parts
        self._suppress_ns = int(settings.suppress_for_s * 1e9)
        self._told: dict[tuple[str, str], int] = {}  # when: as many as there are kinds of notices, and limits

    def is_new(self, notice: HealthNotice) -> bool:
        """Whether nothing of this kind was told within the window before; then it is told now."""
        key = (notice.note, notice.identifier)
        told = self._told.get(key)
        if told is not None and 0 <= notice.ts - told < self._suppress_ns:
            return False
        self._told[key] = notice.ts
        return True

    def line(self, out: LineBuffer, measure: Measure) -> None:
        """The line of the log that `log_of` names."""
        if type(measure) is OwnStats:
            self._own_stats(out, measure)
        elif type(measure) is HealthNotice:
            self._notice(out, measure)
        else:
            self._line(out, log_of(measure), asdict(measure))

    def _own_stats(self, out: LineBuffer, own: OwnStats) -> None:
        totals, levels = own.totals, own.levels
        self._line(
            out,
            OWN_STATS,
            {
                "ts": own.ts,
                "ts_delta": own.ts_delta,
                "peer": own.peer,
                "emergency": own.emergency,
                "emergencies": totals.emergencies,
                "pkts_lost_by_interface": own.interface_dropped,
                "pkts_tcp": totals.tcp_frames,
                "pkts_fragment": totals.fragment_frames,
                "pkts_other": totals.ordinary_frames,
                "pkts_odd": totals.odd_frames,
                "half_open_conns": levels.flows_half_open,
                "evicted_conns": totals.flows_evicted,
                "fragments_expired": totals.fragments_expired,
                "payload_bytes": totals.payload_bytes,
                "delivered_bytes": totals.delivered_bytes,
                "duplicate_bytes": totals.duplicate_bytes,
                "discarded_bytes": totals.discarded_bytes,
                "discarded_behind_fin_bytes": totals.discarded_behind_fin_bytes,
                "discarded_out_of_window_bytes": totals.discarded_out_of_window_bytes,
                "discarded_too_late_bytes": totals.discarded_too_late_bytes,
                "discarded_with_reset_bytes": totals.discarded_with_reset_bytes,
                "discarded_before_start_bytes": totals.discarded_before_start_bytes,
                "cut_bytes": totals.cut_bytes,
                "gap_bytes": totals.gap_bytes,
                "transactions": totals.transactions,
                "exchanges": totals.exchanges,
                "leaks": totals.leaks,
                "weirds": totals.weirds,
                "lookups_found": totals.lookups_found,
                "lookups_not_found": totals.lookups_not_found,
                "lookups_unavailable": totals.lookups_unavailable,
                "lookups_late": totals.lookups_late,
                "lookups_refused": totals.lookups_refused,
                "lookups_waiting": levels.lookups_waiting,
                "leaks_waiting": levels.leaks_waiting,
                "log_lines": totals.log_lines,
                "log_fields_cut": totals.fields_cut,
                "log_lines_dropped": own.log_lines_dropped,
                "log_queue_bytes": own.log_queue_bytes,
                "internal_errors": totals.internal_errors,
                "cpu": own.cpu,
            },
        )

    def _notice(self, out: LineBuffer, notice: HealthNotice) -> None:
        parts = self._parts
        us = notice.ts // 1000
        parts.begin(out, NOTICE, us, us)
        out.string("note", parts.short_str(notice.note))
        out.string("msg", parts.short_str(notice.msg))
        if notice.sub is not None:
            out.string("sub", parts.short_str(notice.sub))
        out.raw('"actions":["Notice::ACTION_LOG"],"email_dest":[],')
        out.seconds("suppress_for", self._suppress_ns // 1000)
        out.end()

    def _line(self, out: LineBuffer, stream: int, fields: dict[str, object]) -> None:
        """A line with these fields, `ts` the first of them, in nanoseconds as all times; None is left out."""
        parts = self._parts
        us = _whole(fields.pop("ts")) // 1000
        parts.begin(out, stream, us, us)
        for name, value in fields.items():
            if value is None:
                continue
            if isinstance(value, bool):
                out.flag(name, value)
            elif isinstance(value, str):
                out.string(name, parts.short_str(value))
            elif isinstance(value, float):
                out.value(name, repr(value))
            elif name in _INTERVALS:
                out.seconds(name, _whole(value) // 1000)
            else:
                out.number(name, _whole(value))
        out.end()


def _whole(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  (the fields that are left over are counts and times)
    return value
