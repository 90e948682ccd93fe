"""Rows J1 to J8: what hostile text does to the logs, and what a hostile disk does. tests/logs has the parts."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensor.logs.records import STREAMS
from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.sink import SinkError
from sensor.settings import LogSettings, Settings
from tests import conservation
from tests.hostile.rows import REPOSITORY, Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, asking, conversation, watch
from tests.http.wire import post, reply
from tests.ocsp import wire as ocsp

ROWS = {
    "J1": Row(
        "line ends, escape sequences, bidi, lone surrogates, invalid UTF-8, quotes, backslashes, in every field",
        ("logs.max_field_bytes",),
        ("log_string_field_truncated", "log_fields_cut"),
        guards=(
            Guard("sensor/logs/encode.py", "if _BAD(text) is None:", "if True:"),
            Guard("sensor/logs/parts.py", "if is_longer(text, self._max_bytes):", "if False:"),
        ),
    ),
    "J2": Row(
        "numbers that are huge or none",
        guards=(Guard("sensor/http/grammar.py", "return number if number <= _MAX_NUMBER else -1", "return number"),),
        note="64 bits and no more: Content-Length has 19 digits, times are checked",
    ),
    "J3": Row(
        "attacker's text as a key",
        guards=(
            Guard(
                "sensor/logs/render.py",
                'http.string("user_agent", parts.text(request.user_agent))',
                'http.string(parts.text(request.user_agent), "")',
                "a field is named by what was said",
            ),
        ),
        note="Keys come from the records alone",
    ),
    "J4": Row(
        "hash seed, locale, time zone, processors",
        guards=(
            Guard(
                "sensor/flow/uid.py",
                "    word = 0\n",
                "    word = hash(uid) & _MASK\n",
                "identifiers out of Python's hash",
            ),
        ),
    ),
    "J5": Row(
        "a full disk, a reader gone, a link where a log should be",
        tests=("logs/sinks/test_live_file.py::test_what_is_no_file_is_refused",),
        guards=(
            Guard("sensor/logs/sinks/output.py", "        raise SinkError(", "        assert 0, ("),
            Guard(
                "sensor/logs/sinks/output.py",
                '        raise ReaderGone(f"{name}: nobody reads it any more") from None\n',
                '        raise SinkError(f"{name}: nobody reads it any more") from None\n',
            ),
            Guard("sensor/logs/sinks/live_file.py", "os.O_APPEND | os.O_NOFOLLOW", "os.O_APPEND"),
            Guard("sensor/logs/sinks/folder.py", "os.O_TRUNC | os.O_NOFOLLOW", "os.O_TRUNC"),
        ),
    ),
    "J6": Row(
        "TERM, INT, KILL in the middle",
        guards=(
            Guard(
                "sensor/cli/replay.py",
                "    before = {number: signal.signal(number, stop) for number in taken}\n",
                "    before: dict[int, object] = {}\n",
            ),
        ),
    ),
    "J7": Row(
        "Zeek's consumers",
        guards=(
            Guard(
                "sensor/logs/render.py",
                "http.raw('\"tags\":[],')",
                'http.raw(\'"tags":[],"referrer":null,\')',
                "what is not there is null",
            ),
        ),
        note="tests/peer: jq, Zeek's own scripts' fields, SIEM schemas",
    ),
    "J8": Row(
        "spreadsheets and terminals",
        guards=(Guard("sensor/logs/encode.py", "if _BAD(text) is None:", "if True:"),),
        note="CSV is not written; control characters never reach a line",
    ),
}
NASTY = (
    b"a\nb",
    b"a\rb",
    b"a\0b",
    b"\x1b[2J\x1b]0;title\x07",
    b"\x7f\x85\x9b",
    "\u2028\u2029\u202e\u2066\ufeff\u200b".encode(),
    b"\xed\xa0\x80\xff\xfe\xc0\xaf\xf8\x88\x80\x80\x80",
    b'"}{"ts":1,"uid":"C',
    b"\\x0a\\n\\u000a",
    b"=cmd|' /C calc'!A0",
    b"x" * 5000,
    "\U0001f600\u00e9".encode(),
)
AS_FROM_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell has it ignored
from sensor.cli.main import start
start()
"""
CAPTURE = REPOSITORY / "pcaps" / "office" / "morning.pcapng"


def with_text(text: bytes) -> Watched:
    """`text` wherever a client or server can put some."""
    line = text.replace(b"\r", b"?").replace(b"\n", b"?").replace(b"\0", b"?")
    target = line.replace(b" ", b"%20")
    sign = ocsp.request(ocsp.cert_id(7), requestor=ocsp.tlv(0x81, text))
    fields = (b"User-Agent: " + line, b"Referer: " + line, b"Origin: " + line, b"Cookie: " + line)
    head = b"POST /" + target + b" HTTP/1.1\r\nHost: " + line + b"\r\n" + b"\r\n".join(fields)
    body = b"\r\n" + TYPE + b"request\r\nContent-Length: %d\r\n\r\n" % len(sign) + sign
    answer = reply(b"x", b"Content-Type: " + line, b'Content-Disposition: attachment; filename="' + line + b'"')
    answer = answer.replace(b"200 OK", b"200 " + line, 1)
    return watch(conversation(("c", head + body), ("s", answer), ("c", asking(9)), ("s", answering(9))))


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text[:12]))
def test_j1_j8_text_stays_within_its_field(text: bytes) -> None:
    """`watch` has looked at every line: one of JSON, no control character. And what was said can be told apart."""
    seen = with_text(text)
    assert "09" in seen.serials
    assert sum(map(len, seen.logs.values())) >= 8
    for rows in seen.logs.values():
        for row in rows:
            for value in row.values():
                assert not re.search(
                    "[\x00-\x07\x0b\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\u200b]", str(value)
                ), value


def test_j1_long_text_is_cut_and_said_to_be() -> None:
    settings = Settings(logs=LogSettings(max_field_bytes=100))
    sign = post(b"/", ocsp.request(ocsp.cert_id(7), requestor=ocsp.tlv(0x81, b"r" * 5000)), TYPE + b"request")
    seen = watch(conversation(("c", sign)), settings)
    (row,) = seen.exchanges
    assert len(str(row["requestor_name"])) <= 110
    (told,) = [weird for weird in seen.logs["weird"] if weird["name"] == "log_string_field_truncated"]
    assert (told["addl"], told["uid"]) == ("ocsp_exchange", row["uid"])


@pytest.mark.parametrize("length", [b"9" * 18, b"9" * 19, b"9" * 30, b"-1", b"1e400", b"NaN", b"Infinity"])
def test_j2_numbers(length: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nx"
    seen = watch(conversation(("c", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("s", head)))
    for rows in seen.logs.values():
        for row in rows:
            assert all(abs(value) < 2**63 for value in row.values() if isinstance(value, int | float))
    assert ("HTTP_bad_content_length" in seen.weirds) is (length != b"9" * 18)


def test_j3_keys_are_ours() -> None:
    names = {log: set(record.__struct_fields__) for log, record in STREAMS.items()}
    for text in NASTY:
        for log, rows in with_text(text).logs.items():
            for row in rows:
                own = {key.replace("id.", "id_").replace(".", "_") for key in row}
                assert len(own) <= len(names[log]) + 6
                assert all(re.fullmatch(r"[A-Za-z0-9_.]+", key) for key in row), row


def run(*words: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    env = os.environ | conservation.environment() | {str(k): str(v) for k, v in dict(more.pop("env", {})).items()}  # type: ignore[call-overload]
    argv = [sys.executable, "-m", "sensor.cli.main", *map(str, words)]
    return subprocess.run(argv, env=env, capture_output=True, check=False, cwd=REPOSITORY, **more)  # type: ignore[call-overload, no-any-return]


def test_j4_the_same_bytes_everywhere(tmp_path: Path) -> None:
    told = set()
    for number, env in enumerate(
        (
            {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
            {"PYTHONHASHSEED": "99", "TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8"},
            {"PYTHONHASHSEED": "7", "TZ": "America/Los_Angeles", "LANG": "de_DE.UTF-8"},
        )
    ):
        done = run("replay", CAPTURE, "-q", "-o", tmp_path / str(number), env=env)
        assert done.returncode == 0, done.stderr
        told.add(tuple((path.name, path.read_bytes()) for path in sorted((tmp_path / str(number)).glob("*.log"))))
    assert len(told) == 1


def test_j5_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """As on a full disk: the run fails and says so; what was written are whole lines but perhaps the last."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = run("replay", CAPTURE, "-q", "-o", tmp_path / "logs", preexec_fn=limit)
    assert done.returncode not in {0, 1}
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 3
    for log in (tmp_path / "logs").glob("*.log"):
        for line in log.read_bytes().split(b"\n")[:-1]:
            json.loads(line)


def test_j5_a_reader_that_goes() -> None:
    """As `... -o - | head -1`: the run ends without a word."""
    argv = [sys.executable, "-m", "sensor.cli.main", "replay", str(CAPTURE), "--json"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_j5_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "conn.log").symlink_to(precious)
    run("replay", CAPTURE, "-q", "-o", tmp_path / "logs")
    assert precious.read_text() == "mine"


def test_j5_a_link_that_comes_later_is_not_followed(tmp_path: Path) -> None:
    """Behind the back of a run: when it began there was none."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    sink = FolderSink(tmp_path / "logs")
    (tmp_path / "logs" / "conn.log").symlink_to(precious)
    with pytest.raises(SinkError, match=r"conn\.log"):
        sink.write("conn", b"{}\n")
    sink.close()
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_j6_signals(number: signal.Signals, tmp_path: Path) -> None:
    """A pipe that says no more: TERM and INT end the run with what came, as read in part; KILL leaves no half line."""
    content = (REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap").read_bytes()
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", AS_FROM_A_TERMINAL, "replay", "-", "-o", str(tmp_path / "logs")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as run:
        assert run.stdin is not None
        run.stdin.write(content)
        run.stdin.flush()
        until = time.monotonic() + 20
        while not (tmp_path / "logs" / "ocsp_exchange.log").exists() and time.monotonic() < until:
            time.sleep(0.05)
        run.send_signal(number)
        out, said = run.communicate(timeout=20)
    if number == signal.SIGKILL:
        assert run.returncode == -9
    else:
        assert run.returncode == 3
        assert f"stopped by {number.name}" in said.decode()
        assert b"1 of 1" in out or b"openssl" in out or b"OCSP" in out
    assert b"Traceback" not in said
    told = (tmp_path / "logs" / "ocsp_exchange.log").read_bytes().split(b"\n")
    for line in told[:-1]:
        json.loads(line)
    assert number == signal.SIGKILL or (told[-1] == b"" and len(told) == 2)


def test_j7_zeeks_form() -> None:
    """Times in seconds, what is not there left out, `id.orig_h` and not a nested `id`."""
    seen = watch(conversation(("c", asking(5)), ("s", answering(5))))
    (row,) = seen.of("http")
    assert isinstance(row["ts"], float)
    assert row["id.orig_h"] == "10.20.0.31"
    assert "referrer" not in row
    assert None not in row.values()
