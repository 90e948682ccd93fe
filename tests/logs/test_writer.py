"""sensor.logs.writer: batches in order, counts, what goes together, and a sink that fails."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.sinks.sink import SinkError
from sensor.logs.writer import LogWriter
from sensor.settings import FlowSettings, LogSettings
from tests.logs.observations import (
    CERTIFICATE_FETCH,
    CLEARTEXT,
    CONNECTION,
    CRL_FETCH,
    EXCHANGE,
    FLOW,
    LEAK,
    REPLY_FILE,
    RESPONSE,
    TRANSACTION,
    TS,
    WEIRD,
    S,
    changed,
    make_writer,
)


def write_all(writer: LogWriter) -> None:
    writer.transaction(TRANSACTION)
    writer.exchanges([EXCHANGE], [LEAK])
    writer.leaks([LEAK])
    writer.leaks([changed(LEAK, ts=TS + S)])
    writer.weird(WEIRD)
    writer.cleartext(CLEARTEXT)
    writer.crl(CRL_FETCH)
    writer.certificates(CERTIFICATE_FETCH)
    writer.connection(CONNECTION)


def test_every_log_gets_its_lines_and_they_are_counted() -> None:
    writer, sink = make_writer()
    write_all(writer)
    writer.close()
    expected = {
        "conn": 1,
        "http": 1,
        "files": 1,
        "ocsp": 1,
        "weird": 1,
        "notice": 1,
        "ocsp_exchange": 1,
        "leak": 2,
        "stats": 0,
        "capture_loss": 0,
        "ocspwatch_stats": 0,
        "cleartext": 1,
        "crl": 1,
        "x509": 1,
        "weird_stats": 0,
        "ocspwatch_limits": 0,
    }
    assert writer.counts == expected
    assert {stream: len(sink.records(stream)) for stream in expected} == expected
    assert writer.weird_counts == {"HTTP_bad_chunk_size": 1}


def test_merged_lines_keep_the_order_of_events_and_say_their_log() -> None:
    writer, sink = make_writer(merged=True)
    for _ in range(200):
        write_all(writer)
    writer.close()
    assert set(sink.data) == {""}
    paths = [record["_path"] for record in sink.records("")]
    each = ["files", "http", "ocsp", "ocsp_exchange", "leak", "leak", "cleartext", "crl", "conn"]
    assert paths[:12] == [*each[:5], "notice", *each[5:6], "weird", "cleartext", "crl", "x509", "conn"]
    assert paths[12:21] == each
    assert all(next(iter(record)) == "_path" for record in sink.records(""))


def test_lines_are_handed_over_in_batches_and_on_request() -> None:
    sizes = []

    class Watching(MemorySink):
        def write(self, stream: str, lines: bytes) -> None:
            sizes.append(len(lines))
            super().write(stream, lines)

    sink = Watching()
    writer = LogWriter(LogSettings(), FlowSettings().local_nets, sink)
    writer.connection(CONNECTION)
    assert not sizes
    writer.flush()
    assert len(sizes) == 1
    writer.flush()
    assert len(sizes) == 1
    for number in range(1000):
        writer.connection(changed(CONNECTION, ts=TS + number * S))
    assert 2 < len(sizes) < 20
    assert max(sizes) < 100_000
    writer.close()
    writer.close()
    times = [record["ts"] for record in sink.records("conn")]
    assert times == sorted(times) and len(times) == 1001


def test_a_sink_that_fails_is_told_of_and_what_comes_later_is_whole() -> None:
    class Failing(MemorySink):
        full = True

        def write(self, stream: str, lines: bytes) -> None:
            if self.full:
                raise SinkError("disk: full")
            super().write(stream, lines)

    sink = Failing()
    writer = LogWriter(LogSettings(), FlowSettings().local_nets, sink)
    writer.connection(CONNECTION)
    with pytest.raises(SinkError, match="disk: full"):
        writer.flush()
    sink.full = False
    writer.connection(changed(CONNECTION, history="S"))
    writer.close()
    assert [record["history"] for record in sink.records("conn")] == ["S"]


def test_a_network_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        LogWriter(LogSettings(), ["nonsense"], MemorySink())


def test_the_same_observations_give_the_same_bytes() -> None:
    def run() -> dict[str, bytes]:
        writer, sink = make_writer(stream=True, community_id=True)
        write_all(writer)
        writer.close()
        return sink.data

    assert run() == run()


def jq(command: str, folder: Path) -> str:
    shell = ["sh", "-c", command]
    environment = {"LC_ALL": "C", "PATH": PATH}
    return subprocess.run(shell, cwd=folder, check=True, capture_output=True, text=True, env=environment).stdout


PATH = str(Path(shutil.which("jq") or "jq").parent) + ":/usr/bin:/bin"


@pytest.mark.needs("jq")
def test_the_diarys_own_commands_work(tmp_path: Path) -> None:
    """Issue 2: MIME types with `null` for replies of unknown type, and the table of ports."""
    untyped = changed(RESPONSE, files=(changed(REPLY_FILE, mime_type=None),))
    page = changed(RESPONSE, files=(changed(REPLY_FILE, mime_type="text/html"),))
    writer = LogWriter(LogSettings(), FlowSettings().local_nets, FolderSink(tmp_path))
    for response in (RESPONSE, RESPONSE, RESPONSE, untyped, untyped, page):
        writer.transaction(changed(TRANSACTION, response=response))
    for port in (443, 443, 80):
        writer.connection(changed(CONNECTION, flow=changed(FLOW, resp_p=port)))
    writer.close()
    types = jq("jq -c .resp_mime_types http.log | sort | uniq -c | sort -nr | head", tmp_path)
    assert [line.split() for line in types.splitlines()] == [
        ["3", '["application/ocsp-response"]'],
        ["2", "null"],
        ["1", '["text/html"]'],
    ]
    ports = jq('jq -r \'select(.proto=="tcp") | ."id.resp_p"\' conn.log | sort | uniq -c | sort -nr | head', tmp_path)
    assert [line.split() for line in ports.splitlines()] == [["2", "443"], ["1", "80"]]
    sums = jq("jq -s 'map(.orig_bytes) | add' conn.log", tmp_path)
    assert json.loads(sums) == 405
