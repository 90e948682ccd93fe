"""sensor.health.metrics: a page that Prometheus' own tools read, with every counter, and with bounded labels."""

from __future__ import annotations

import subprocess

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sensor.health.counters import Levels, Running, Totals
from sensor.health.metrics import MAX_LABELS, Report, add_up, render_metrics, render_workers

REPORT = Report(
    totals=Totals(**{name: 1000 + place for place, name in enumerate(Totals.__struct_fields__)}),
    levels=Levels(flows=5, flows_half_open=2, held_bytes=7, emergency=True, lookups_waiting=3, leaks_waiting=4),
    running=Running(
        link_frames=50,
        dropped_frames=6,
        memory_bytes=1 << 26,
        lag_ns=1_500_000,
        cpu_ns=2_500_000_000,
        log_queue_bytes=9,
    ),
    leaks={"exact": 3, "unlisted": 1},
    weirds={"clock_jump": 2, 'of "our"\\own\nmaking': 1},
    log_lines={"conn": 5},
    stage_seconds={"packets": 1.25},
    started_at=1_713_186_227.5,
    version="1.0",
    build="compiled",
)


def samples(report: Report) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(render_metrics(report).decode())
    return {(s.name, tuple(s.labels.items())): s.value for family in families for s in family.samples}


def test_prometheus_own_parser_reads_it() -> None:
    found = samples(REPORT)
    plain = {name: value for (name, labels), value in found.items() if not labels}
    assert plain["ocspwatch_packets_total"] == REPORT.totals.frames
    assert plain["ocspwatch_kernel_drops_total"] == 6
    assert plain["ocspwatch_packet_lag_seconds"] == 0.0015
    assert plain["ocspwatch_emergency"] == 1
    assert plain["process_cpu_seconds_total"] == 2.5
    assert plain["process_start_time_seconds"] == 1_713_186_227.5
    assert found["ocspwatch_leaks_total", (("grade", "exact"),)] == 3
    assert found["ocspwatch_weirds_total", (("name", 'of "our"\\own\nmaking'),)] == 1
    assert found["ocspwatch_build_info", (("version", "1.0"), ("build", "compiled"))] == 1
    assert found["ocspwatch_stage_seconds_total", (("stage", "packets"),)] == 1.25


def test_every_counter_is_on_the_page() -> None:
    """But those that come by label: leaks, weirds, files and lines of the logs."""
    values = set(samples(REPORT).values())
    by_label = {"leaks", "weirds", "files", "log_lines", "payload_bytes"}
    other = {"timers", "fragments_expired"}  # in stats.log and ocspwatch_stats.log
    missing = [
        name
        for name in Totals.__struct_fields__
        if name not in by_label | other and getattr(REPORT.totals, name) not in values
    ]
    assert not missing


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=render_metrics(REPORT), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_labels_are_bounded_and_what_is_left_is_added_up() -> None:
    weirds = {f"weird_{number:04}": number for number in range(1, 501)}
    found = {
        labels[0][1]: n for (name, labels), n in samples(replaced(weirds)).items() if name.endswith("weirds_total")
    }
    assert len(found) == MAX_LABELS + 1
    assert sum(found.values()) == sum(weirds.values())
    assert found["weird_0500"] == 500
    assert "weird_0001" not in found


def test_what_is_not_known_is_left_out() -> None:
    empty = Report(totals=Totals(), levels=Levels(), running=Running())
    names = {name for name, _ in samples(empty)}
    assert not names & {"ocspwatch_packet_lag_seconds", "ocspwatch_log_queue_bytes", "ocspwatch_weirds_total"}
    assert "ocspwatch_packets_total" in names


NAMED = {
    *("packets", "bytes", "kernel_packets", "kernel_drops", "interface_drops", "flows", "http_transactions"),
    *("ocsp_exchanges", "leaks", "weirds", "lookups", "stage_seconds", "log_lines_dropped"),
}
"""Those that somebody may be alarmed by; queues are levels."""


@pytest.mark.parametrize("workers", [0, 2])
def test_what_did_not_happen_yet_is_there_all_the_same(workers: int) -> None:
    """An alarm about a counter that appears with its first event does not see that event."""
    empty = Report(totals=Totals(), levels=Levels(), running=Running(log_queue_bytes=0))
    page = render_workers([empty] * workers) if workers else render_metrics(empty)
    families = {family.name: family for family in text_string_to_metric_families(page.decode())}
    assert families.keys() >= {f"ocspwatch_{name}" for name in NAMED}
    for queue in ("log_queue_bytes", "lookups_waiting", "leaks_waiting", "held_bytes", "active_flows"):
        assert [sample.value for sample in families[f"ocspwatch_{queue}"].samples] == [0] * max(1, workers)
    grades = [sample.labels["grade"] for sample in families["ocspwatch_leaks"].samples]
    assert sorted(grades) == sorted(["exact", "few", "many", "ca", "unlisted"] * max(1, workers))


def replaced(weirds: dict[str, int]) -> Report:
    return Report(totals=REPORT.totals, levels=REPORT.levels, running=REPORT.running, weirds=weirds)


def test_one_page_for_all_workers() -> None:
    other = Report(totals=Totals(frames=7), levels=Levels(), running=Running(), leaks={"exact": 5})
    page = render_workers([REPORT, None, other]).decode()
    families = list(text_string_to_metric_families(page))
    assert len({family.name for family in families}) == len(families)  # each is begun once
    found = {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}
    assert [found["ocspwatch_worker_up", (("worker", n),)] for n in "123"] == [1, 0, 1]
    assert found["ocspwatch_packets_total", (("worker", "1"),)] == REPORT.totals.frames
    assert found["ocspwatch_packets_total", (("worker", "3"),)] == 7
    assert found["ocspwatch_leaks_total", (("grade", "exact"), ("worker", "3"))] == 5
    assert found["ocspwatch_weirds_total", (("name", 'of "our"\\own\nmaking'), ("worker", "1"))] == 1
    alone = samples(REPORT)
    assert {
        (n, tuple(k for k in labels if k[0] != "worker")): v
        for (n, labels), v in found.items()
        if ("worker", "1") in labels and n != "ocspwatch_worker_up"
    } == {(n, tuple(sorted(labels))): v for (n, labels), v in alone.items()}


def test_several_reports_add_up() -> None:
    other = msgspec.structs.replace(
        REPORT,
        totals=Totals(frames=1),
        levels=Levels(flows=1),
        running=Running(link_frames=1, lag_ns=None, log_queue_bytes=None),
        leaks={"exact": 1, "few": 2},
        started_at=5.0,
    )
    total = add_up([REPORT, other])
    assert total.totals.frames == REPORT.totals.frames + 1
    assert total.totals.leaks == REPORT.totals.leaks
    assert total.levels == msgspec.structs.replace(REPORT.levels, flows=6)
    assert total.running == msgspec.structs.replace(REPORT.running, link_frames=51)
    assert total.leaks == {"exact": 4, "unlisted": 1, "few": 2}
    assert total.stage_seconds == {"packets": 2.5}
    assert (total.started_at, total.version) == (5.0, "1.0")
    assert add_up([other]) == other
