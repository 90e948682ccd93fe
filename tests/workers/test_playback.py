"""sensor.workers.playback: what was left open is decided in the order of the moments, whoever made the lines."""

from __future__ import annotations

import os

from sensor.audit.findings import BITS, Finding
from sensor.audit.history import History
from sensor.logs.script import Script
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import CertStatus
from sensor.privacy.leak import LeakCounter
from sensor.settings import LogSettings
from sensor.weird import Weird
from sensor.workers.chunk import PART, ChunkReader, Peaks, write_chunk
from sensor.workers.playback import END, Playback, Reel

S = 10**9


class Table:
    """A playback to memory, and reels for it."""

    def __init__(self) -> None:
        self.sink = MemorySink(merged=True)
        self.writer = LogWriter(LogSettings(suppress_for_s=10.0), (), self.sink)
        self.weirds: list[str] = []
        self.notes: list[object] = []
        self.found: list[object] = []
        self.playback = Playback(
            self.writer,
            LeakCounter(100),
            LeakCounter(100),
            History(100),
            lambda weird: self.weirds.append(weird.name),
            lambda note, times: self.notes.append((*note, list(times))),
            lambda *finding: self.found.append(finding),
        )

    def reel(self, script: Script, lines: bytes) -> Reel:
        read, write = os.pipe()
        write_chunk(write, PART, (END, 0), Peaks(), 0, 0, script.take(), [lines])
        chunk = ChunkReader(read, 1).read()
        assert chunk is not None
        os.close(read)
        os.close(write)
        reel = Reel()
        reel.load(chunk)
        return reel

    def play(self, *reels: Reel) -> bytes:
        assert self.playback.play(list(reels)) in reels  # which would be loaded next
        self.writer.flush()
        return self.sink.data.get("", b"")


def cut(script: Script, moment: int, upto: int) -> None:
    """As LogWriter.cut, where the one log is so long now."""
    script.copy(0, upto)
    script.cut(moment, 0)


def test_times_seen_goes_on_from_one_shard_to_the_next() -> None:
    one, other = Script(1), Script(1)
    for moment, script in ((1, one), (2, other), (3, other), (5, one)):
        at = 4 if script.last_key > 0 else 0
        script.times(0, at + 2, at + 3, 99)
        script.notes.append((3, moment))
        cut(script, moment, at + 4)
    table = Table()
    assert table.play(table.reel(one, b"a=0\na=0\n"), table.reel(other, b"b=0\nb=0\n")) == b"a=1\nb=2\nb=3\na=4\n"
    assert table.notes == [(3, 1, [1]), (3, 2, [2]), (3, 3, [3]), (3, 5, [4])]


def test_a_notice_told_of_by_one_shard_is_held_back_of_another() -> None:
    one, other = Script(1), Script(1)
    one.notice(0, 0, 2, 7, 100 * S)
    cut(one, 1, 2)
    other.notice(0, 0, 2, 7, 105 * S)
    other.notice(0, 2, 4, 8, 105 * S)
    cut(other, 2, 4)
    other.notice(0, 4, 6, 7, 111 * S)
    cut(other, 3, 6)
    table = Table()
    assert table.play(table.reel(other, b"x\ny\nz\n"), table.reel(one, b"a\n")) == b"a\ny\nz\n"


def test_what_was_said_before_in_another_shard_is_a_finding() -> None:
    good, revoked = (list(CertStatus).index(status) | 8 for status in (CertStatus.good, CertStatus.revoked))
    one, other = Script(1), Script(1)
    expired = BITS[Finding.next_update_past]
    one.audit(0, 0, 27, 0, (5, 10, 10, revoked, b"h", "0A"))
    cut(one, 1, 30)
    other.audit(0, 0, 27, expired, (5, 20, 20, good, b"h", "0A"))
    cut(other, 2, 30)
    table = Table()
    lines = b'"audit":[],"verified":true,1\n.'
    got = table.play(table.reel(one, lines), table.reel(other, lines))
    assert got == lines + lines.replace(b"[]", findings(expired | BITS[Finding.status_undone]))


def test_the_same_by_numbers() -> None:
    good, revoked = (list(CertStatus).index(status) | 8 for status in (CertStatus.good, CertStatus.revoked))
    one, other = Script(1, with_names=False), Script(1, with_names=False)
    for script, moment, said in ((one, 1, revoked), (other, 2, good)):
        assert script.said(0, 0, 27, 0, (None, 5, 10 * moment, 10, said))
        cut(script, moment, 30)
    table = Table()
    lines = b'"audit":[],"verified":true,1\n.'
    got = table.play(table.reel(one, lines), table.reel(other, lines))
    assert got == lines + lines.replace(b"[]", findings(BITS[Finding.status_undone]))
    assert table.found == []


def findings(bits: int) -> bytes:
    from sensor.audit.findings import findings_of

    return b"[" + b",".join(b'"%b"' % each.value.encode() for each in findings_of(bits)) + b"]"


def test_weirds_are_sampled_over_all_shards() -> None:
    one, other = Script(1), Script(1)
    for moment in range(60):
        script = one if moment % 2 else other
        script.weird(0, 0, Weird(moment, "odd", None, str(moment), "TCP"))
        cut(script, moment, 0)
    table = Table()
    lines = table.play(table.reel(one, b""), table.reel(other, b"")).splitlines()
    assert len(table.weirds) == 60
    assert len(lines) == LogSettings().weird_burst
    assert [b'"addl":"%d"' % moment in line for moment, line in enumerate(lines)] == [True] * len(lines)


def test_a_weird_of_a_line_goes_where_its_line_goes() -> None:
    """Of the notice that another shard has told already nothing is odd."""
    one, other = Script(1), Script(1)
    for moment, script in ((1, one), (2, other)):
        script.notice(0, 0, 2, 7, 100 * S)
        script.weird_of(0, 2, Weird(100 * S, "log_string_field_truncated", None, "notice", "LOG"))
        cut(script, moment, 2)
    table = Table()
    lines = table.play(table.reel(one, b"a\n"), table.reel(other, b"b\n")).splitlines()
    assert (lines[0], len(lines)) == (b"a", 2)
    assert table.weirds == ["log_string_field_truncated"]
