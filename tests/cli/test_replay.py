"""`ocspwatch replay`: what it writes, says, and returns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.capture.source import FrameBatch
from sensor.capture.timeline import TimeLine
from sensor.cli.disguise import Disguise
from sensor.cli.main import main
from sensor.http.reader import HttpReader
from sensor.settings import Settings
from sensor.weird import FlowId

REPOSITORY = Path(__file__).resolve().parents[2]
PCAPS = REPOSITORY / "pcaps"
GOOD = PCAPS / "ocsp" / "openssl-post-good.pcap"
CUT = PCAPS / "file" / "cut-in-record.pcap"


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_logs_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(GOOD), "-o", str(tmp_path / "logs")]) == 0
    assert "Who disclosed what" in capsys.readouterr().out
    (leak,) = rows(tmp_path / "logs" / "leak.log")
    (exchange,) = rows(tmp_path / "logs" / "ocsp_exchange.log")
    assert leak["serial_number"] == exchange["serial_number"]
    assert leak["uid"] == exchange["uid"]


def test_json_is_all_there_is_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(GOOD), "--json"]) == 0
    output = capfd.readouterr()
    paths = [json.loads(line)["_path"] for line in output.out.splitlines()]
    assert {"conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice"} <= set(paths)
    assert output.err == ""


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(GOOD), "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_no_colour_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(GOOD)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_cut_capture_is_read_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(CUT), "-o", str(tmp_path)]) == 3
    assert "cut-in-record.pcap" in capsys.readouterr().out
    assert rows(tmp_path / "ocsp_exchange.log")
    (weird,) = rows(tmp_path / "weird.log")
    assert weird["name"] == "pcap_truncated"


@pytest.mark.parametrize("content", [b"", b"abc", b"no capture, but long enough to look at"])
def test_no_capture_is_one_line_and_2(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert str(path) in output.err


def test_a_missing_file_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "nothing.pcap")]) == 2
    assert "nothing.pcap" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["replay", str(GOOD), "-o", str(tmp_path / "file" / "logs")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_cache_that_is_none_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ct.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    assert main(["replay", str(GOOD), "--ct", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(("form", "kind"), [("epoch", float), ("iso8601", str), ("millis", int)])
def test_timestamps(form: str, kind: type, tmp_path: Path) -> None:
    assert main(["replay", str(GOOD), "-q", "-o", str(tmp_path), "--timestamps", form]) == 0
    (exchange,) = rows(tmp_path / "ocsp_exchange.log")
    assert [type(exchange[name]) for name in ("ts", "this_update", "produced_at")] == [kind] * 3


def test_stream_and_community_id(tmp_path: Path) -> None:
    assert main(["replay", str(GOOD), "-q", "-o", str(tmp_path), "--stream", "--community-id"]) == 0
    (conn, *_) = rows(tmp_path / "conn.log")
    assert conn["_path"] == "conn"
    assert "_write_ts" in conn
    assert str(conn["community_id"]).startswith("1:")


def test_a_rotated_capture_is_one_time_line(tmp_path: Path) -> None:
    halves = [str(PCAPS / "file" / f"rotated-{n}.pcap") for n in (2, 1)]
    assert main(["replay", *halves, "-q", "-o", str(tmp_path)]) == 0
    exchanges = rows(tmp_path / "ocsp_exchange.log")
    assert len(exchanges) == 3
    assert all(exchange["evidence"] == "both" for exchange in exchanges)


def test_a_bug_costs_one_flow_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(HttpReader):
        def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:  # noqa: ARG002  (the reader's interface)
            raise KeyError(chunk)

    monkeypatch.setattr("sensor.pipeline.HttpReader", Broken)
    assert main(["replay", str(GOOD), "-q", "-o", str(tmp_path)]) == 3
    told = capsys.readouterr().err
    assert "internal error" in told
    assert "KeyError" in told
    assert "ocsp" not in told.replace("ocspwatch", "")  # no payload
    assert rows(tmp_path / "conn.log")


def test_where_memory_ends_what_was_read_is_written_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even a traceback can be made; the logs are there up to that, and the exit code says that it is not all."""
    whole = TimeLine.batches

    def batches(source: TimeLine) -> Iterator[FrameBatch]:
        yield next(whole(source))
        raise MemoryError

    def no_traceback(*_: object) -> list[str]:
        raise MemoryError

    monkeypatch.setattr(TimeLine, "batches", batches)
    assert main(["replay", str(PCAPS / "office" / "morning.pcapng"), "-o", str(tmp_path / "logs")]) == 3
    said = capsys.readouterr()
    assert "there is no memory left: read in part" in said.err
    assert (tmp_path / "logs" / "ocsp_exchange.log").stat().st_size > 1000
    monkeypatch.setattr("traceback.format_tb", no_traceback)
    Disguise(Settings(), None).tell_error(FlowId("C1", "10.0.0.1", 1, "10.0.0.2", 80), MemoryError())
    assert capsys.readouterr().err.splitlines()[1:] == ["no memory for a traceback", "MemoryError"]
