"""A sensor's counters as a page in the Prometheus text format.

Format: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4; names as its naming guide has them. It is
rendered here and not by prometheus_client: that is another dependency and a tenth of a second at every start for what
takes sixty lines, its server can neither be bounded nor be given a socket that was opened before the rights to do so
were given up. That library and promtool read this page in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from sensor.health.counters import Levels, Running, Totals
from sensor.privacy.leak import Grade

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_LABELS: Final = 100
"""Values of one label that get a line of their own; the others are added up as "other"."""

_GRADES: Final = [grade.value for grade in Grade]
Labelled = tuple[str, float]
Number = TypeVar("Number", int, float)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page says. Mappings: from the value of the label to the count, times in seconds."""

    totals: Totals
    levels: Levels
    running: Running
    leaks: Mapping[str, int] = {}
    weirds: Mapping[str, int] = {}
    limits: Mapping[str, int] = {}
    log_lines: Mapping[str, int] = {}
    stage_seconds: Mapping[str, float] = {}
    started_at: float = 0.0
    version: str = ""
    build: str = ""


def add_up(reports: Sequence[Report]) -> Report:
    """Several workers' as one: sums, and of times the earliest start and the farthest lag. At least one."""
    totals = [each.totals for each in reports]
    levels = [each.levels for each in reports]
    running = [each.running for each in reports]
    lags = [each.lag_ns for each in running if each.lag_ns is not None]
    waiting = [each.log_queue_bytes for each in running if each.log_queue_bytes is not None]
    return Report(
        totals=Totals(**_sums(Totals, totals)),
        levels=Levels(**_sums(Levels, levels, "emergency"), emergency=any(each.emergency for each in levels)),
        running=Running(
            **_sums(Running, running, "lag_ns", "log_queue_bytes"),
            lag_ns=max(lags, default=None),
            log_queue_bytes=sum(waiting) if waiting else None,
        ),
        leaks=_joined([each.leaks for each in reports]),
        weirds=_joined([each.weirds for each in reports]),
        limits=_joined([each.limits for each in reports]),
        log_lines=_joined([each.log_lines for each in reports]),
        stage_seconds=_joined([each.stage_seconds for each in reports]),
        started_at=min(each.started_at for each in reports),
        version=reports[0].version,
        build=reports[0].build,
    )


def _sums(kind: type[msgspec.Struct], parts: Sequence[msgspec.Struct], *but: str) -> dict[str, int]:
    return {name: sum(getattr(part, name) for part in parts) for name in kind.__struct_fields__ if name not in but}


def _joined(counts: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    joined: dict[str, Number] = {}
    for each in counts:
        for key, count in each.items():
            joined[key] = joined[key] + count if key in joined else count
    return joined


def render_metrics(report: Report) -> bytes:
    """The page."""
    totals, levels, running = report.totals, report.levels, report.running
    page: list[str] = []
    build = f'{{version="{_escape(report.version)}",build="{_escape(report.build)}"}}'
    _add(page, "build_info", "gauge", "Version, and whether the packet path is compiled.", [(build, 1)])
    _packets(page, totals, running)
    _flows(page, totals, levels)
    _count(page, "http_transactions", "HTTP requests with their replies.", totals.transactions)
    _count(page, "ocsp_exchanges", "Certificates asked about or answered for.", totals.exchanges)
    _by(page, "leaks", "Disclosures by how much they give away.", "grade", dict.fromkeys(_GRADES, 0) | {**report.leaks})
    _by(page, "weirds", "Oddities, logged or held back.", "name", report.weirds)
    _by(page, "limits_reached", "How often, by settings key and what it cost.", "limit", report.limits)
    _lookups(page, totals, levels)
    _by(page, "log_lines", "Lines written.", "log", report.log_lines)
    _count(page, "log_fields_cut", "Texts written cut, because they were too long.", totals.fields_cut)
    _count(page, "log_lines_dropped", "Lines that could not be written.", running.log_lines_dropped)
    if running.log_queue_bytes is not None:
        _level(page, "log_queue_bytes", "Bytes of lines that wait to be written.", running.log_queue_bytes)
    _by(page, "stage_seconds", "Time spent in each stage.", "stage", report.stage_seconds)
    _count(page, "internal_errors", "Bugs of ours; each has cost one connection or message.", totals.internal_errors)
    # The names that all clients use for these.
    _add(page, "process_cpu_seconds_total", "counter", "Processor time used.", [("", running.cpu_ns / 1e9)], prefix="")
    _add(page, "process_resident_memory_bytes", "gauge", "Memory in use.", [("", running.memory_bytes)], prefix="")
    _add(page, "process_start_time_seconds", "gauge", "When it was started.", [("", report.started_at)], prefix="")
    return "".join(page).encode()


def render_workers(reports: Sequence[Report | None]) -> bytes:
    """One page for several workers: each line says by `worker`, from 1, of which it is; None of one has none."""
    families: dict[str, list[str]] = {}
    up: list[str] = []
    _add(up, "worker_up", "gauge", "Whether a worker's counters are on this page.", [])
    for number, report in enumerate(reports, 1):
        label = f'worker="{number}"'
        up.append(f"ocspwatch_worker_up{{{label}}} {int(report is not None)}\n")
        if report is None:
            continue
        samples: list[str] = []
        head = ""
        for line in render_metrics(report).decode().splitlines(keepends=True):
            if line.startswith("# HELP"):
                head = line
            elif line.startswith("# TYPE"):
                samples = families.setdefault(head + line, [])
            else:
                samples.append(_labelled(line, label))
    return "".join([*up, *(head + "".join(samples) for head, samples in families.items())]).encode()


def _labelled(line: str, label: str) -> str:
    """A sample's line with one more label; neither a space nor a brace is in the name before."""
    name, brace, rest = line.partition("{")
    if brace and " " not in name:
        return f"{name}{{{label},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{label}}} {value}"


def _packets(page: list[str], totals: Totals, running: Running) -> None:
    _count(page, "packets", "Packets processed.", totals.frames)
    _count(page, "bytes", "Bytes of these packets on the wire.", totals.wire_bytes)
    kinds = {
        "tcp": totals.tcp_frames,
        "fragment": totals.fragment_frames,
        "other": totals.ordinary_frames,
        "odd": totals.odd_frames,
    }
    _by(page, "packets_decoded", "What the packets were; what was put together is counted again.", "kind", kinds)
    _count(page, "kernel_packets", "Packets that the kernel had for the sensor.", running.link_frames)
    _count(page, "kernel_drops", "... of them those it dropped because the sensor was slow.", running.dropped_frames)
    _count(page, "interface_drops", "Packets that the interfaces lost before.", running.interface_dropped_frames)
    if running.lag_ns is not None:
        _level(page, "packet_lag_seconds", "How far the last packet lies back.", running.lag_ns / 1e9)


def _flows(page: list[str], totals: Totals, levels: Levels) -> None:
    _count(page, "flows", "TCP connections begun.", totals.flows)
    _count(page, "flows_evicted", "... dropped before their time.", totals.flows_evicted)
    _level(page, "active_flows", "TCP connections in memory.", levels.flows)
    _level(page, "half_open_flows", "... of which only the SYN was seen.", levels.flows_half_open)
    _level(page, "emergency", "Whether it is in emergency mode: shorter timeouts.", int(levels.emergency))
    _count(page, "emergencies", "How often it went into it.", totals.emergencies)
    fates = {
        "delivered": totals.delivered_bytes,
        "duplicate": totals.duplicate_bytes,
        "discarded": totals.discarded_bytes,
    }
    _by(page, "payload_bytes", "TCP payload by what became of it.", "fate", fates)
    reasons = {
        "behind_fin": totals.discarded_behind_fin_bytes,
        "out_of_window": totals.discarded_out_of_window_bytes,
        "too_late": totals.discarded_too_late_bytes,
        "with_reset": totals.discarded_with_reset_bytes,
        "before_start": totals.discarded_before_start_bytes,
    }
    _by(page, "discarded_bytes", "TCP payload that was discarded, by why.", "reason", reasons)
    _count(page, "cut_bytes", "TCP payload that the capture cut off its segments.", totals.cut_bytes)
    _level(page, "held_bytes", "TCP payload that waits for what is missing before it.", levels.held_bytes)
    _count(page, "gap_bytes", "TCP payload that was not seen.", totals.gap_bytes)
    _count(page, "acks", "Acknowledgments of something new.", totals.acks)
    _count(page, "ack_gaps", "... of something that was not seen.", totals.ack_gaps)


def _lookups(page: list[str], totals: Totals, levels: Levels) -> None:
    answers = {
        "found": totals.lookups_found,
        "not_found": totals.lookups_not_found,
        "unavailable": totals.lookups_unavailable,
    }
    _by(page, "lookups", "Certificates looked up, by the answer.", "answer", answers)
    _count(page, "lookups_late", "Answers that came later than they were waited for.", totals.lookups_late)
    _count(page, "lookups_refused", "Look-ups not tried because too many waited.", totals.lookups_refused)
    _level(page, "lookups_waiting", "Look-ups that wait for an answer.", levels.lookups_waiting)
    _level(page, "leaks_waiting", "Disclosures that wait for one.", levels.leaks_waiting)


def _count(page: list[str], name: str, text: str, value: float) -> None:
    _add(page, f"{name}_total", "counter", text, [("", value)])


def _level(page: list[str], name: str, text: str, value: float) -> None:
    _add(page, name, "gauge", text, [("", value)])


def _by(page: list[str], name: str, text: str, label: str, counts: Mapping[str, float]) -> None:
    """A counter with one label; without samples if there is nothing to count."""
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown, rest = sorted(kept[:MAX_LABELS]), kept[MAX_LABELS:]
    if rest:
        shown.append(("other", sum(count for _, count in rest)))
    _add(page, f"{name}_total", "counter", text, [(f'{{{label}="{_escape(of)}"}}', n) for of, n in shown])


def _add(
    page: list[str], name: str, kind: str, text: str, values: Iterable[Labelled], prefix: str = "ocspwatch_"
) -> None:
    page.append(f"# HELP {prefix}{name} {text}\n# TYPE {prefix}{name} {kind}\n")
    page += [f"{prefix}{name}{labels} {value}\n" for labels, value in values]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
