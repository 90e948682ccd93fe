"""The command as its users start it: exit codes, what is on which stream, any input, the same bytes each time."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PCAPS, Run, logs_of

MORNING = PCAPS / "office" / "morning.pcapng"
GOOD = PCAPS / "ocsp" / "openssl-post-good.pcap"
CUT = PCAPS / "file" / "cut-in-record.pcap"


def _serials(folder: Path) -> list[str]:
    return [json.loads(line)["serial_number"] for line in (folder / "ocsp_exchange.log").read_text().splitlines()]


def test_version_and_help(ocspwatch: Run) -> None:
    version = ocspwatch("--version")
    assert version.returncode == 0
    assert re.fullmatch(rb"ocspwatch \d+\.\d+\S* \((un)?compiled, Python [\d.]+\S*\)\n", version.stdout)
    told = ocspwatch("replay", "--help")
    assert told.returncode == 0
    assert b"--json" in told.stdout


def test_all_read_is_0(ocspwatch: Run, tmp_path: Path) -> None:
    done = ocspwatch("replay", GOOD, "-o", tmp_path / "made" / "logs")
    assert (done.returncode, done.stderr) == (0, b"")
    assert GOOD.name[-9:].encode() in done.stdout  # a narrow page shortens the name in its middle
    assert {"conn.log", "http.log", "files.log", "ocsp.log", "ocsp_exchange.log", "leak.log", "notice.log"} == set(
        logs_of(tmp_path / "made" / "logs")
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"This is no capture.\n", b"\x7fELF" + bytes(600), gzip.compress(b"no capture either\n" * 9, mtime=0)],
    ids=["empty", "text", "program", "compressed text"],
)
def test_no_capture_is_2_and_one_line(ocspwatch: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pcap"
    path.write_bytes(content)
    done = ocspwatch("replay", path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert str(path).encode() in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["nowhere.pcap"],
        [],
        [str(GOOD), "--hash-bodies", "some"],
        [str(GOOD), "--timestamps", "never"],
        ["--unheard-of"],
    ],
    ids=["no file", "no input", "no such choice", "no such time", "no such option"],
)
def test_a_mistake_of_the_callers_is_2(ocspwatch: Run, args: list[str]) -> None:
    done = ocspwatch("replay", *args)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr
    assert b"Traceback" not in done.stderr


def test_output_that_cannot_be_made_is_2(ocspwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = ocspwatch("replay", GOOD, "-o", tmp_path / "taken")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"taken" in done.stderr


def test_settings_that_are_wrong_are_2_with_file_and_line(ocspwatch: Run, tmp_path: Path) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text("flow:\n  no_such_key: 1\nhttp:\n  hash_bodies: some\n")
    done = ocspwatch("--config", settings, "replay", GOOD)
    assert done.returncode == 2
    lines = done.stderr.decode().splitlines()
    assert [f"{settings}:2" in lines[0], f"{settings}:4" in lines[1], len(lines)] == [True, True, 2]


def test_read_in_part_is_3_and_says_where(ocspwatch: Run, tmp_path: Path) -> None:
    done = ocspwatch("replay", CUT, "-o", tmp_path)
    assert done.returncode == 3
    assert done.stderr == b""
    assert b"Everything was readable" not in done.stdout
    assert b"bytes skipped" in done.stdout
    assert len(_serials(tmp_path)) == 1
    weirds = [json.loads(line) for line in (tmp_path / "weird.log").read_text().splitlines()]
    assert any(weird.get("source") == "CAPTURE" and re.search(r"\d", weird.get("addl", "")) for weird in weirds)


def test_read_in_part_is_said_without_a_summary_too(ocspwatch: Run) -> None:
    for option in ("--quiet", "--json"):
        done = ocspwatch("replay", CUT, option)
        assert done.returncode == 3
        assert done.stderr.count(b"\n") == 1
        assert CUT.name.encode() in done.stderr


def test_json_is_all_there_is_on_standard_output(ocspwatch: Run) -> None:
    done = ocspwatch("replay", MORNING, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) > 200
    assert {row["_path"] for row in rows} >= {"conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice"}
    assert all(next(iter(row)) == "_path" for row in rows)


def test_json_survives_a_reader_that_leaves(command: list[str], environment: dict[str, str]) -> None:
    words = [*command, "replay", str(MORNING), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) == 0
    assert said == b""


def test_quiet_says_nothing(ocspwatch: Run, tmp_path: Path) -> None:
    done = ocspwatch("replay", MORNING, "-q", "-o", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "leak.log").exists()


def test_no_colour_where_it_is_no_terminal_or_unwanted(ocspwatch: Run) -> None:
    for options, env in (((), {}), (("--no-color",), {}), ((), {"NO_COLOR": "1", "FORCE_COLOR": "1"})):
        done = ocspwatch("replay", MORNING, *options, env=env)
        assert done.returncode == 0
        assert b"\x1b" not in done.stdout
        assert b"Who disclosed what" in done.stdout


def test_config_prints_what_is_in_force(ocspwatch: Run, tmp_path: Path) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text("http:\n  hash_bodies: all\n")
    done = ocspwatch("--config", settings, "config")
    assert done.returncode == 0
    assert b'hash_bodies: "all"' in done.stdout
    assert f"{settings}:2".encode() in done.stdout
    again = tmp_path / "again.yaml"
    again.write_bytes(done.stdout)
    assert ocspwatch("--config", again, "replay", GOOD, "-q").returncode == 0


def test_several_inputs_are_one_time_line(ocspwatch: Run, tmp_path: Path) -> None:
    first, second = PCAPS / "file" / "rotated-1.pcap", PCAPS / "file" / "rotated-2.pcap"
    for number, order in enumerate(([first, second], [second, first])):
        done = ocspwatch("replay", *order, "-q", "-o", tmp_path / str(number))
        assert done.returncode == 0
        assert len(_serials(tmp_path / str(number))) == 3
    assert logs_of(tmp_path / "0") == logs_of(tmp_path / "1")


def test_a_folder_is_all_captures_in_it(ocspwatch: Run, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    for name in ("rotated-1.pcap", "rotated-2.pcap"):
        (folder / name).write_bytes((PCAPS / "file" / name).read_bytes())
    done = ocspwatch("replay", folder, "-q", "-o", tmp_path / "logs")
    assert done.returncode == 0
    assert len(_serials(tmp_path / "logs")) == 3


@pytest.mark.parametrize("name", ["pcap.gz", "pcap.zst", "pcap.xz", "one-interface.pcapng", "ethernet.erf"])
def test_standard_input_is_read_like_a_file(ocspwatch: Run, tmp_path: Path, name: str) -> None:
    capture = PCAPS / "file" / name
    piped = ocspwatch("replay", "-", "-q", "-o", tmp_path / "piped", stdin=capture.read_bytes())
    named = ocspwatch("replay", capture, "-q", "-o", tmp_path / "named")
    assert (piped.returncode, named.returncode) == (0, 0)
    assert len(_serials(tmp_path / "piped")) == 2
    assert logs_of(tmp_path / "piped") == logs_of(tmp_path / "named")


def test_standard_input_beside_a_file(ocspwatch: Run, tmp_path: Path) -> None:
    second = (PCAPS / "file" / "rotated-2.pcap").read_bytes()
    done = ocspwatch("replay", PCAPS / "file" / "rotated-1.pcap", "-", "-q", "-o", tmp_path, stdin=second)
    assert done.returncode == 0
    assert len(_serials(tmp_path)) == 3


def test_a_fifo(ocspwatch: Run, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = GOOD.read_bytes()

    def write() -> None:
        with fifo.open("wb") as pipe:
            for start in range(0, len(data), 100):
                pipe.write(data[start : start + 100])
                pipe.flush()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    done = ocspwatch("replay", fifo, "-q", "-o", tmp_path / "logs")
    writer.join(10)
    assert done.returncode == 0
    assert len(_serials(tmp_path / "logs")) == 1


def test_the_same_capture_gives_the_same_bytes(ocspwatch: Run, tmp_path: Path) -> None:
    made = []
    for number, env in enumerate(
        (
            {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
            {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8"},
            {"PYTHONHASHSEED": "4294967295", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"},
        )
    ):
        folder = tmp_path / str(number)
        done = ocspwatch("replay", MORNING, "-o", folder, "--timestamps", "iso8601", env=env)
        assert done.returncode == 0
        assert done.stderr == b""
        made.append((logs_of(folder), done.stdout))
    assert len(made[0][0]) >= 7
    assert made[0] == made[1] == made[2]


def test_a_second_run_replaces_the_first(ocspwatch: Run, tmp_path: Path) -> None:
    ocspwatch("replay", MORNING, "-q", "-o", tmp_path / "twice")
    first = logs_of(tmp_path / "twice")
    ocspwatch("replay", MORNING, "-q", "-o", tmp_path / "twice")
    assert first["leak.log"]
    assert logs_of(tmp_path / "twice") == first
