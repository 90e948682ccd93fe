"""sensor.workers.shard: what one worker says of a capture; all of them together are tests/workers/test_reading.py."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.pki.issuers import ALGORITHMS
from sensor.settings import AuditSettings, CtSettings, Settings
from sensor.workers import shard
from sensor.workers.chunk import GIVE_UP, LAST, PART, Chunk, ChunkReader
from sensor.workers.shard import Task, Worker, log_count
from tests.workers.conftest import PCAPS


def said(path: Path, shard: int, shards: int, settings: Settings) -> list[tuple[int, dict[str, object], int]]:
    """Kind, account and number of rows of each chunk."""
    read, write = os.pipe()

    def work() -> None:
        task = Task(shard, shards, 7, settings, merged=False, with_summary=False)
        Worker(task, open_inputs([str(path)], settings.capture), write, None).run()
        os.close(write)

    thread = threading.Thread(target=work)
    thread.start()
    reader, found = ChunkReader(read, log_count(merged=False)), []
    while chunk := reader.read():
        assert isinstance(chunk, Chunk)
        found.append((chunk.kind, chunk.account, len(chunk.rows)))
    thread.join()
    reader.close()
    return found


def test_each_tells_of_all_frames_and_of_its_flows(tmp_path: Path) -> None:
    settings = Settings(ct=CtSettings(path=str(tmp_path / "none.sqlite")))
    path = PCAPS / "tcp" / "colliding-tuples.pcap"
    (one,), (other,), (alone,) = said(path, 0, 2, settings), said(path, 1, 2, settings), said(path, 0, 1, settings)
    assert one[0] == other[0] == LAST
    outcomes = [account.pop("outcomes")["tcp"] for _, account, _ in (one, other, alone)]  # type: ignore[index]
    asked = [account.pop("crls")[0] for _, account, _ in (one, other, alone)]  # type: ignore[index]
    assert max(asked[:2]) <= asked[2] <= asked[0] + asked[1]
    assert one[1] == other[1] == alone[1]
    assert one[2] + other[2] == alone[2]
    assert outcomes[0] + outcomes[1] == outcomes[2] == one[1]["frames"]
    assert 0 < outcomes[0] < outcomes[2]


def test_what_comes_of_one_batch_goes_in_chunks_of_some_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of packet time may end thousands of flows at once: what is told of them has to fit into a place."""
    settings = Settings(ct=CtSettings(path=str(tmp_path / "none.sqlite")))
    path = PCAPS / "tcp" / "colliding-tuples.pcap"
    ((_, _, rows),) = said(path, 0, 1, settings)
    monkeypatch.setattr(shard, "_CHUNK_BYTES", 1000)
    chunks = said(path, 0, 1, settings)
    assert len(chunks) > 3
    assert sum(count for _, _, count in chunks) == rows
    assert [kind for kind, _, _ in chunks] == [PART] * (len(chunks) - 1) + [LAST]


def test_each_tells_whose_certificates_are_asked_about_and_whose_crls_came(store: str) -> None:
    settings = Settings(ct=CtSettings(path=store))
    ((_, asked, _),) = said(PCAPS / "ocsp" / "revocation-reasons.pcap", 0, 1, settings)
    questions, crls, serials, asked_of, crls_of = asked["crls"]  # type: ignore[misc]
    assert (questions, crls, serials, len(asked_of), crls_of) == (1, 0, 0, 1, [])
    ((_, fetched, _),) = said(PCAPS / "crl" / "gzip-chunked.pcap", 0, 1, settings)
    questions, crls, serials, asked_of, crls_of = fetched["crls"]  # type: ignore[misc]
    assert (questions, crls, asked_of) == (0, 1, [])
    assert serials > 0
    assert len(crls_of) == len(ALGORITHMS)


def test_who_checks_more_signatures_than_its_part_gives_up(store: str) -> None:
    """What one process alone would leave unchecked, it alone can say."""
    path = PCAPS / "ocsp" / "revocation-reasons.pcap"
    for per_second, expected in ((3, LAST), (2, GIVE_UP)):
        settings = Settings(ct=CtSettings(path=store), audit=AuditSettings(signatures_per_s=per_second))
        kinds = {said(path, shard, 2, settings)[-1][0] for shard in (0, 1)}
        assert kinds == {LAST, expected}
