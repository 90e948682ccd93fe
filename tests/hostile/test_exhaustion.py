"""Rows D1 to D4, D8 to D10: more than there is room for. Small limits; `python -m tests.hostile.floods` has it all."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from sensor.ct.memory import MemoryLookup
from sensor.flow.ledger import weigh
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import FlowSettings, HealthSettings, LogSettings, Settings
from tests import conservation
from tests.conservation import unbalanced_at_end
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, S, batch
from tests.flow.talk import HANDSHAKE, MS, Ends, frames_of, listen, parse
from tests.hostile.floods import FLOODS, HIDDEN, columns, drown, hidden_in
from tests.hostile.rows import REPOSITORY, Guard, Row
from tests.hostile.witness import answering, asking, conversation, exchange, watch
from tests.http.wire import get

FLOW = ("flow.max_flows", "flow.max_half_open")
FULL = Guard(
    "sensor/flow/tracker.py",
    "if self.size() >= self.max_flows or self.unanswered >= self.max_half_open:",
    "if False:",
)
ROWS = {
    "D1": Row(
        "a SYN flood",
        FLOW,
        ("flows_evicted", "emergency_mode"),
        (Guard("sensor/flow/tracker.py", "self.unanswered >= self.max_half_open and self.opening", "False"),),
    ),
    "D2": Row(
        "flows of one octet each",
        FLOW,
        ("flows_evicted",),
        (FULL, Guard("sensor/flow/tracker.py", "flow.reader.valued", "False")),
    ),
    "D3": Row(
        "segments above holes that nobody fills",
        ("flow.max_ooo_bytes", "flow.max_ooo_segments", "flow.max_reassembly_bytes"),
        (
            "gap_bytes",
            "excessive_out_of_order_segments",
            "excessive_reassembly_bytes",
            "above_hole_data_without_any_acks",
        ),
        (
            Guard(
                "sensor/flow/reassembly.py", "end.held_bytes > self.hole_bytes\n            or", "False\n            or"
            ),
            Guard("sensor/flow/reassembly.py", "or len(end.held) > self.max_held_segments", "or False"),
            Guard("sensor/flow/reassembly.py", "or self.total_held > self.max_total", "or False"),
        ),
    ),
    "D4": Row("slowloris: an octet at a time, from everywhere", FLOW, ("flows_evicted",), (FULL,)),
    "D8": Row(
        "a limit on memory, in a flood; messages that do not end, in more connections than there is memory for",
        ("flow.max_kept_bytes",),
        ("flows_evicted", "emergency_mode"),
        (
            Guard("sensor/flow/tracker.py", "if self.ledger.charged > self.max_kept:", "if False:"),
            Guard("sensor/http/pairing.py", "            self.ledger.charged += _PER_EXCHANGE\n", "            pass\n"),
            Guard(
                "sensor/flow/tracker.py",
                "        if self.born > 2",
                "        self.kept = [*getattr(self, 'kept', ()), bytes(1 << 17)]\n        if self.born > 2",
                "each flow leaves 128 KiB behind",
            ),
        ),
        note="RLIMIT_DATA instead of a memory cgroup: it refuses, not kills",
    ),
    "D9": Row(
        "tuples chosen so that they share a slot",
        guards=(
            Guard(
                "sensor/flow/tracker.py",
                "        a = ((a ^ src_lo) * _MIX1) & _MASK\n",
                "        a = (a + src_lo) & _MASK\n",
            ),
            Guard(
                "sensor/flow/tracker.py",
                "                direction = self.side(flow, packet)\n                if direction:",
                "                direction = self.side(flow, packet) or 1\n                if direction:",
            ),
            Guard("sensor/flow/tracker.py", 'self.seed = int.from_bytes(os.urandom(8), "big")', "self.seed = 0"),
        ),
        note="The hash is seeded",
    ),
    "D10": Row(
        "a storm of weirds",
        ("logs.weird_burst", "logs.weird_rate", "logs.weird_window_s", "logs.weirds_per_s", "logs.max_weirds"),
        ("excessive_weirds", "num_seen"),
        (
            Guard("sensor/logs/repeats.py", "% self._rate == 0", "% 1 == 0"),
            Guard("sensor/logs/repeats.py", "if self._admitted <= self._per_second:", "if True:"),
            Guard("sensor/logs/repeats.py", "if seen.times <= self._burst:", "if False:"),
            Guard("sensor/logs/repeats.py", "if not 0 <= weird.ts - seen.since < window:", "if False:"),
            Guard("sensor/logs/repeats.py", "seen.since, seen.times = weird.ts, 1", "seen.times = 1"),
            Guard("sensor/logs/repeats.py", "if len(self._seen) >= self._most:", "if False:"),
        ),
    ),
}
SMALL = Settings(
    flow=FlowSettings(
        max_flows=2000,
        max_half_open=500,
        max_reassembly_bytes=1 << 20,
        max_kept_bytes=1 << 20,
        max_fragment_datagrams=100,
    )
)
COUNT = 6_000


@pytest.mark.parametrize("name", FLOODS)
def test_d1_d2_d3_d4_d8_floods(name: str, tmp_path: Path) -> None:
    """A hundred exchanges in each are told whole; tables stay within their limits."""
    _, pipeline = drown(name, COUNT, tmp_path, SMALL)
    rows = [json.loads(line) for line in (tmp_path / "ocsp_exchange.log").open()]
    assert {row["serial_number"] for row in rows if row["evidence"] == "both"} == {
        f"{n:02X}" for n in range(1, HIDDEN + 1)
    }
    assert not unbalanced_at_end(pipeline.tracker)
    assert pipeline.tracker.internal_errors == 0


@pytest.mark.parametrize("name", FLOODS)
def test_d1_d2_d3_d4_d8_tables_within_their_limits(name: str) -> None:
    heard = listen(SMALL.flow)
    most = 0
    for one in columns(hidden_in(FLOODS[name](COUNT), COUNT, 20_000)):
        heard.tracker.feed(one)
        most = max(most, len(heard.tracker.flows))
        assert heard.tracker.unanswered <= 500
        assert heard.tracker.reassembler.total_held <= 1 << 20
        assert heard.tracker.ledger.charged <= 1 << 20
        assert len(heard.tracker.defragmenter.pending) <= 100
    assert most <= 2000
    heard.tracker.finish()


@pytest.mark.parametrize("name", ["large heads", "large bodies", "unanswered requests", "decompressors"])
def test_d8_flows_keep_no_more_than_they_may(name: str) -> None:
    """Whoever is weighed at any time weighs no more than was charged for and a message each, and that is within the
    limit."""
    writer = LogWriter(SMALL.logs, SMALL.flow.local_nets, MemorySink())
    pipeline = Pipeline(SMALL, MemoryLookup(), writer, None)
    tracker = pipeline.tracker
    for number, data in enumerate(FLOODS[name](1900)):
        pipeline.feed(batch([Frame(START + number, data)], number))
        if number % 50 == 0:
            kept = sum([sum(weigh(flow)) for flow in tracker.flows.values()])
            assert kept - 3 * 1024 * len(tracker.flows) <= tracker.ledger.charged <= 1 << 20
    assert tracker.evicted > 100
    pipeline.finish()
    writer.close()
    assert tracker.ledger.charged == 0 or name == "unanswered requests"


def test_d8_a_flood_within_a_limit_on_memory() -> None:
    """Half a gigabyte is enough for anything; nothing is lost for want of it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))

    argv = [sys.executable, "-m", "tests.hostile.floods", "--frames", "8000", "--only", "flows of one octet"]
    env = os.environ | conservation.environment()
    run = subprocess.run(argv, preexec_fn=limit, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("| 100 |")


def test_d9_addresses_that_differ_in_one_bit() -> None:
    frames: list[Frame] = []
    for number in range(200):
        ends = Ends(f"10.{number}.0.1", f"198.51.{number}.40", 40_000 ^ number)
        frames += exchange(number + 1, ends)
    frames.sort(key=lambda frame: frame.ts)
    seen = watch(frames)
    assert {row["serial_number"] for row in seen.exchanges} == {f"{n:02X}" for n in range(1, 201)}
    assert {row["evidence"] for row in seen.exchanges} == {"both"}


def test_d9_nobody_outside_knows_the_slots() -> None:
    """Tuples chosen for one run share no slot in another."""
    assert len({watch([], witness=False).pipeline.tracker.seed for _ in range(3)}) == 3


def test_d10_a_storm_of_weirds() -> None:
    """Of no flow: the first ones of a name, then one in so many, and the outcomes count all. Of one flow: once."""
    broken = wire.ethernet(wire.ip4("10.20.0.31", "198.51.100.40", b"x" * 20, total=12))
    frames = [Frame(START + number * 1000, broken) for number in range(3000)]
    frames += [Frame(START + 7 * S + number * 1000, broken) for number in range(505)]  # the next window
    seen = watch(frames, Settings(logs=LogSettings(weird_burst=5, weird_rate=100, weird_window_s=7)))
    assert len(seen.weirds) == 5 + (3000 - 5) // 100 + 5 + 500 // 100
    assert len(set(seen.weirds)) == 1
    assert sum(count for name, count in seen.accounts.outcomes.items() if name != "tcp") == 3505
    lies = "".join(f"c> A @1 !{10 + number} forged\n" for number in range(50))
    seen = watch(frames_of(parse(HANDSHAKE + "c> A @1 =100\n" + lies)))
    assert seen.weirds.count("rexmit_inconsistency") == 1


def test_d10_a_storm_of_flows_with_a_weird_each() -> None:
    """No flow repeats itself: a second has its lines all the same, and the counters are exact."""
    frames: list[Frame] = []
    for number in range(300):
        ends = Ends(f"10.1.{number >> 8}.{number & 255}", "198.51.100.40", 1024 + number)
        frames += [Frame(START + number * 10_000, ends.frame(each).data) for each in parse("c> S\nc> S @9\n", ends)]
    logs = LogSettings(weirds_per_s=50, max_weirds=100)
    seen = watch(frames, Settings(logs=logs, health=HealthSettings(in_replay=True)))
    logged = [row["name"] for row in seen.logs["weird"]]
    assert logged.count("SYN_seq_jump") == 50
    assert logged.count("excessive_weirds") == 1
    counted = {row["name"]: row["num_seen"] for row in seen.logs["weird_stats"]}
    assert counted == {"SYN_seq_jump": 300, "excessive_weirds": 1}
    limits = {row["limit"]: row["times"] for row in seen.logs["ocspwatch_limits"]}
    assert (limits["logs.weirds_per_s"], limits["logs.max_weirds"]) == (250, 201)
    told = [row["sub"] for row in seen.logs["notice"] if row["note"] == "Sensor::Limit_Reached"]
    assert "logs.weirds_per_s" in told


@pytest.mark.parametrize("how", ["post", "get", "reply"])
def test_d2_who_speaks_ocsp_goes_behind_all_other_http(how: str) -> None:
    """In the middle of a message, or between two, while thousands of connections with other HTTP are opened."""
    asked, answered = asking(0x0BADCAFE), answering(0x0BADCAFE)
    if how == "get":
        asked = get(b"/" + quote(b64encode(asked.partition(b"\r\n\r\n")[2]), safe="").encode())
    elif how == "reply":
        asked = get(b"/somewhere")
    ends = Ends(client="10.9.9.9")
    whole = conversation(("c", asked), ("s", answered), ends=ends, segment=90)
    cut = len(whole) - (5 if how == "reply" else 8)  # the reply's last segment, or most of it, comes late
    frames = whole[:cut]
    for number in range(300):
        other = Ends(client=f"10.4.{number >> 8}.{number & 255}")
        frames += conversation(("c", get(b"/")), ends=other, start=frames[-1].ts + MS, close=False)[:4]
    frames += [frame._replace(ts=frames[-1].ts + MS) for frame in whole[cut:]]
    seen = watch(frames, Settings(flow=FlowSettings(max_flows=50)))
    (told,) = [row for row in seen.exchanges if row["id.orig_h"] == ends.client]
    assert (told["serial_number"], told["cert_status"]) == ("0BADCAFE", "good")
    assert "ambiguous" not in told
    assert len([row for row in seen.of("conn") if row["id.orig_h"] == ends.client]) == 1
