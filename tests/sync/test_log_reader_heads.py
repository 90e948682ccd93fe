"""One log's heads: what was seen of them counts, whether its entries were read or not."""

from __future__ import annotations

import pytest

from sensor.online.pacing import GivenUpError
from tests.ct.pki import Ca
from tests.sync.conftest import NOW
from tests.sync.ct_log import START_MS, CtLog, Logged, usual_entries
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink
from tests.sync.test_log_reader import Read, nothing_was_kept, refused


@pytest.fixture
def twin(entries: list[Logged], sub: Ca, root: Ca, server: LogServer) -> CtLog:
    """The same log, with the same key, but one entry is another: what others are shown."""
    changed = list(entries)
    changed[100] = usual_entries(sub, root, 1, 99_999)[0]
    return CtLog(key=server.log.key, origin=server.log.origin, roots=[root.der]).add(changed)


def test_a_split_view_of_one_size(server: LogServer, reader: Read, sink: MemorySink, twin: CtLog) -> None:
    reader().to_the_head()
    server.log, server.at_ms = twin, START_MS + 1
    server._tiles.clear()
    assert refused(reader) == "signed two different trees of 1,500 entries (split view)"


@pytest.mark.parametrize("before", [101, 256, 700])
def test_a_split_view_that_grew(server: LogServer, reader: Read, sink: MemorySink, twin: CtLog, before: int) -> None:
    server.size = before
    reader().to_the_head()
    rows = dict(sink.rows)
    server.log, server.size, server.at_ms = twin, 1500, START_MS + 1
    assert "does not begin with" in refused(reader)
    assert sink.rows == rows and sink.positions[twin.log_id].tree_size == before


def without_entries(path: str, body: bytes) -> bytes | int:
    return 500 if "tile/data" in path or "get-entries" in path else body


def seen_without_entries(server: LogServer, reader: Read, sink: MemorySink) -> None:
    """A run that sees a head, and gets no entry."""
    before = dict(sink.rows)
    server.lie = without_entries
    with pytest.raises(GivenUpError):
        reader().to_the_head()
    server.lie = None
    assert sink.rows == before


def test_a_head_counts_before_any_entry_is_read(server: LogServer, reader: Read, sink: MemorySink, twin: CtLog) -> None:
    seen_without_entries(server, reader, sink)
    server.log, server.at_ms = twin, START_MS + 1
    server._tiles.clear()
    assert refused(reader) == "signed two different trees of 1,500 entries (split view)"
    assert nothing_was_kept(sink, server)


@pytest.mark.parametrize("again", [False, True])
def test_a_rollback_behind_a_head_whose_entries_were_not_read(
    server: LogServer, reader: Read, sink: MemorySink, again: bool
) -> None:
    server.size = 600
    reader().to_the_head()
    server.size, server.at_ms = 1500, START_MS + 1
    seen_without_entries(server, lambda: reader(again=again), sink)
    position = sink.positions[server.log.log_id]
    assert (position.next_index, position.tree_size, position.filtered) == (600, 1500, "f")
    server.size, server.at_ms = 900, START_MS + 2
    assert refused(reader) == "rolled back: it had 1,500 entries, and shows 900"


def test_a_head_alone_binds_no_reading(server: LogServer, reader: Read, sink: MemorySink) -> None:
    """Where nothing was read, the next run begins where it wants, and keeps what it wants."""
    seen_without_entries(server, lambda: reader(filtered="one site"), sink)
    reader(since_ms=START_MS + 140_000).to_the_head()
    assert sink.positions[server.log.log_id].first_index == 1400


def test_an_empty_log_has_one_root(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.size = 0
    reader().to_the_head()
    reader().to_the_head()
    assert sink.positions[server.log.log_id].tree_size == 0 and sink.commits == 1
    sink.positions.clear()
    head = server.log.sth if not server.tiled else server.log.checkpoint
    server.lie = lambda *_: head(0, START_MS, b"\x55" * 32)
    assert "are not those of the tree of 0 it signed" in refused(reader)


def test_a_head_that_was_rolled_back(server: LogServer, reader: Read, sink: MemorySink) -> None:
    reader().to_the_head()
    server.size, server.at_ms = 900, START_MS + 1
    asked = len(server.asked)
    assert refused(reader) == "rolled back: it had 1,500 entries, and shows 900"
    assert len(server.asked) == asked + 1  # signed later: no stale copy


def test_an_old_head_again_and_again(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.at_ms = START_MS + 5
    reader().to_the_head()
    server.size, server.at_ms = 900, START_MS
    assert refused(reader) == "rolled back: it had 1,500 entries, and shows 900"


def test_an_old_head_once_is_a_stale_copy(server: LogServer, reader: Read, sink: MemorySink) -> None:
    server.size, server.at_ms = 1000, START_MS + 5
    reader().to_the_head()
    heads = [(900, START_MS), (1500, START_MS + 9)]

    def lie(path: str, body: bytes) -> bytes:
        if ("get-sth" in path and "consistency" not in path) or "checkpoint" in path:
            server.size, server.at_ms = heads.pop(0)
            return server.answer(path) or b""
        return body

    server.lie = lie
    reader().to_the_head()
    assert sink.positions[server.log.log_id].next_index == 1500


@pytest.mark.parametrize(("age_s", "is_named"), [(0, False), (2 * 86400, False), (2 * 86400 + 3600, True)])
def test_a_head_that_grows_old(server: LogServer, reader: Read, age_s: int, is_named: bool) -> None:
    """A freeze hides what came after; what there is, is read."""
    server.at_ms = (NOW - age_s) * 1000
    one = reader()
    one.to_the_head()
    assert one.reading.at == 1500
    assert one.reading.note == ("its newest head is 49 hours old, though it takes certificates" if is_named else None)
