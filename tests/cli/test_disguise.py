"""`--pseudonymize` as it is typed: its key, its mistakes, and what a bug of ours says then."""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path

import pytest

from sensor.cli.askers import AskersError
from sensor.cli.disguise import Disguise
from sensor.cli.main import main
from sensor.logs.sinks.memory import MemorySink
from sensor.report.summary import Summary
from sensor.settings import PrivacySettings, Settings
from sensor.weird import FlowId
from tests.cli.running import GOOD

UID = "CGc6hN1Vsl8tnS01e4"
FLOW = FlowId(UID, "192.0.2.1", 1, "192.0.2.2", 80)


pytestmark = pytest.mark.usefixtures("own_process_state")


def disguise(key: Path) -> Disguise:
    return Disguise(Settings(privacy=PrivacySettings(pseudonym_key=str(key))), None)


def test_a_bug_of_ours_is_told_without_payload(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        int("the secret in the packet")
    except ValueError as error:
        Disguise(Settings(), None).tell_error(FLOW, error)
    said = capsys.readouterr().err
    assert f"flow {UID} is dropped" in said
    assert "test_disguise.py" in said
    assert "invalid literal" not in said


def test_nor_with_the_uid_where_nobody_is_named(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disguise(key).tell_error(FLOW, ValueError("192.0.2.1"))
    said = capsys.readouterr().err
    assert "is dropped" in said and UID not in said and "192.0.2.1" not in said


def test_what_it_forgot_is_counted(key: Path) -> None:
    settings = PrivacySettings(pseudonym_key=str(key), max_pseudonyms=3)
    mine = Disguise(Settings(privacy=settings), None)
    sink = MemorySink()
    for number in range(1, 11):
        mine.sink(sink).write("conn", b'{"ts":1.0,"uid":"%s","id.orig_h":"192.0.2.%d"}\n' % (UID.encode(), number))
    assert mine.limits() == {"privacy.max_pseudonyms": 7}  # addresses; the uid is the same
    assert Disguise(Settings(), None).limits() == {}


def test_replay_tells_what_was_forgotten(key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few, named = ["--set", "privacy.max_pseudonyms=2"], ["--pseudonymize", str(key)]
    told = []
    for workers in ("1", "2"):
        assert main([*few, "replay", str(GOOD), *named, "-o", str(tmp_path / workers), "--workers", workers]) == 0
        told.append("privacy.max_pseudonyms" in capsys.readouterr().out)
    assert told == [True, True]
    few += ["--set", "health.in_replay=true"]
    assert main([*few, "replay", str(GOOD), *named, "-q", "-o", str(tmp_path / "logs")]) == 0
    assert '"privacy.max_pseudonyms"' in (tmp_path / "logs" / "ocspwatch_limits.log").read_text()


def test_want_of_memory_is_counted_where_it_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    mine = Disguise(Settings(), None)
    for error in (MemoryError(), ValueError(), MemoryError()):
        mine.tell_error(FLOW, error)
    assert mine.limits(bounds_memory=True) == {"service.max_memory_bytes": 2}
    assert mine.limits() == {}
    assert capsys.readouterr().err.count("is dropped") == 3


def test_a_crash_names_places_and_no_values(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disguise(key)
    try:
        {}[FLOW.orig_h]
    except KeyError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "test_disguise.py" in said and "KeyError" in said and "192.0.2.1" not in said
    thread = threading.Thread(target=lambda: {}[FLOW.orig_h])
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert "KeyError" in said and "192.0.2.1" not in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nor_does_that_of_a_process_that_asks_or_logs(
    key: Path, workers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`live` forks them before it does anything else; forked, they have its hook."""

    def crash(*_: object) -> None:
        sys.excepthook(KeyError, KeyError("192.0.2.1"), None)
        raise AskersError("this is as far as it goes")

    for place in ("askers", "live"):
        monkeypatch.setattr(f"sensor.cli.{place}.AskingProcesses", crash)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    asked = ["live", "-i", "lo", "--allow-root", "--workers", workers, "--pseudonymize", str(key)]
    assert main([*asked, "-o", str(key.parent / "logs")]) == 2
    said = capsys.readouterr().err
    assert "this is as far as it goes" in said and "KeyError" in said and "192.0.2.1" not in said


def test_nor_leaves_it_a_core_behind(key: Path) -> None:
    disguise(key)
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_without_a_key_nothing_stands_between() -> None:
    plain = Disguise(Settings(), None)
    sink = object()
    assert plain.sink(sink) is sink  # type: ignore[arg-type, comparison-overlap]
    assert type(plain.summary()) is Summary


def test_a_key_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key"
    assert main(["replay", "-q", str(GOOD), "-o", str(tmp_path / "a"), "--pseudonymize", f"new:{path}"]) == 0
    assert main(["replay", "-q", str(GOOD), "-o", str(tmp_path / "b"), "--pseudonymize", str(path)]) == 0
    assert (tmp_path / "a" / "leak.log").read_bytes() == (tmp_path / "b" / "leak.log").read_bytes()
    assert main(["replay", "-q", str(GOOD), "--pseudonymize", f"new:{path}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_key_that_others_may_read_is_a_mistake(key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key.chmod(0o644)
    assert main(["replay", str(GOOD), "-o", str(tmp_path / "logs"), "--pseudonymize", str(key)]) == 2
    said = capsys.readouterr().err
    assert "chmod 600" in said and key.read_text().strip() not in said
    assert not (tmp_path / "logs").exists()


def test_live_refuses_it_before_it_opens_anything(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key.chmod(0o640)
    assert main(["live", "-i", "nowhere0", "--pseudonymize", str(key)]) == 2
    assert "chmod 600" in capsys.readouterr().err


def test_the_setting_is_the_same(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key.chmod(0o640)
    assert main(["--set", f"privacy.pseudonym_key={key}", "replay", str(GOOD)]) == 2
    assert "chmod 600" in capsys.readouterr().err
