"""sensor.cli.rights: nothing is imported later, and what a running `live` may do is what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import GOOD, NEEDS, REPOSITORY, Live, frames, rows
from tests.conftest import NOBODY, Cable
from tests.service.test_privileges import ONLY_NET_RAW, interpreter_for_all

LATER = """
import sys
from pathlib import Path
import sensor.cli.live, sensor.cli.rights
from sensor.capture.inputs import open_inputs
from sensor.capture.live.opening import open_live
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.report.render import print_summary
from sensor.report.summary import Summary
from sensor.rules.loader import load_rules
from sensor.rules.shipped import paths_in_force
from sensor.service.notify import ServiceManager
from sensor.settings import RuleSettings, Settings
settings, summary = Settings(rules=RuleSettings(shipped=True)), Summary()
source = open_inputs([str(path) for path in sorted(Path("pcaps").rglob("*.pcap*"))], settings.capture)
sensor.cli.rights.import_everything()
writer = LogWriter(settings.logs, (), MemorySink())
sensor.cli.live.apply_rules(load_rules(paths_in_force(settings.rules, []), settings.rules), settings, writer)
pipeline = Pipeline(settings, StoreLookup(settings.ct), writer, summary)
pipeline.prepare()
before = set(sys.modules)
opened = []
def note(event, args):
    if event == "open" and "pcaps" not in str(args[0]):
        opened.append(args[0])
sys.addaudithook(note)
pipeline.run(source)
pipeline.complete_summary()
print_summary(summary, sys.stderr)
found = set(sys.modules) - before
opened = [name for name in opened if name is not None]
print(sorted(found), opened, pipeline.leaks)
"""


def test_nothing_is_imported_or_opened_once_packets_are_parsed(tmp_path: Path) -> None:
    """Every kind of message that our captures have; the formats of capture files are no part of live."""
    store = tmp_path / "ocspwatch" / "ct.sqlite"
    command = [sys.executable, "-c", "import sys; from sensor.cli.main import main; sys.exit(main())"]
    certificates = str(REPOSITORY / "pcaps" / "office" / "certs")
    environment = {"XDG_DATA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(
        [*command, "ct", "import", "--ct", str(store), certificates], check=True, capture_output=True, cwd=REPOSITORY
    )
    done = subprocess.run(
        [sys.executable, "-c", LATER], check=False, capture_output=True, text=True, cwd=REPOSITORY, env=environment
    )
    assert done.returncode == 0, done.stderr
    imported, opened, leaks = re.fullmatch(r"(\[.*?\]) (\[.*?\]) (\d+)\n", done.stdout).groups()
    assert imported in ("[]", "['sensor.capture.scapy_formats']")
    assert opened == "[]"
    assert int(leaks) > 100


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)


def check_rights(live: Live, bounding: int) -> None:
    """Of the process that parses, that which writes, and all their threads, from the outside."""
    pids = list(family(live.process.pid))
    assert len(pids) == 2
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found = status(int(task.name))
            assert found["Uid"].split() == found["Gid"].split() == [str(NOBODY)] * 4
            assert found["Groups"] in ("", str(NOBODY))
            assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
            assert int(found["CapBnd"], 16) == bounding
            assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max data size +2147483648 +2147483648 ", limits)
    writers = [fd.readlink() for fd in Path(f"/proc/{pids[0]}/fd").iterdir()]
    assert not [target for target in writers if str(target).endswith(".log")]


@NEEDS
def test_root_becomes_somebody_and_the_parser_holds_no_log(wire: Cable, open_place: Path) -> None:
    logs = open_place / "logs"
    user = ("--set", f"service.user={NOBODY}:{NOBODY}")
    live = Live(open_place, "-i", "w1", "-o", str(logs), before=user, allow_root=False)
    assert "listening" in live.said, live.rights
    wire.send(*frames(GOOD))
    check_rights(live, 0)
    code, out, err = live.stop()
    assert (code, err) == (0, "")
    assert "Who disclosed what" in out
    assert len(rows(logs / "leak.log")) == 1
    assert logs.stat().st_uid == (logs / "leak.log").stat().st_uid == NOBODY
    parser, writer = live.rights
    assert parser.startswith(f"ocspwatch: parser: runs as nobody (uid {NOBODY}, group nogroup); without capabilities; ")
    for phrase in (
        "no_new_privs",
        "no core dumps",
        "at most 2048 MiB of memory",
        "reads only libraries",
        "writes nowhere",  # the look-up cache is not there and cannot be made
        "no TCP",
        "no signals to others",
        "seccomp: no new sockets, connections, programs or namespaces, no tracing",
        "may still take packets of w1, hand lines to the log process",
    ):
        assert phrase in parser
    assert writer == (
        f"ocspwatch: log process: the same; writes only below {logs} and {open_place}; "
        f"{open_place} is for logs to be found when it is made anew\n"
    )


@NEEDS
@pytest.mark.parametrize("user", [NOBODY, 4242], ids=["nobody", "a number without an account"])
def test_sudo_on_a_fresh_machine_needs_no_settings(wire: Cable, open_place: Path, user: int) -> None:
    """Root's HOME is nothing to whoever it becomes: no store is looked for there, and none of root's is used."""
    home = open_place / "root"
    data = home / ".local" / "share"
    data.mkdir(parents=True)
    home.chmod(0o700)
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(data), "SUDO_UID": str(user), "SUDO_GID": str(user)}
    live = Live(
        open_place, "-i", "w1", "-o", str(open_place / "logs"), allow_root=False, environment=environment
    )  # fmt: skip  (in two lines)
    assert "listening" in live.said, live.said
    wire.send(*frames(GOOD))
    code, _, err = live.stop()
    assert (code, err) == (0, "")
    assert len(rows(open_place / "logs" / "leak.log")) == 1
    assert not list(data.iterdir())


@NEEDS
@pytest.mark.needs("setpriv")
def test_cap_net_raw_alone_will_do(wire: Cable, open_place: Path) -> None:
    """Never root: as systemd starts it, with one ambient capability."""
    (open_place / "logs").mkdir()
    (open_place / "logs").chmod(0o777)
    live = Live(
        open_place / "cache",
        "-i",
        "w1",
        "-o",
        str(open_place / "logs"),
        allow_root=False,
        interpreter=(*ONLY_NET_RAW, *interpreter_for_all()),
    )  # fmt: skip  (in two lines)
    assert "listening" in live.said, live.rights
    wire.send(*frames(GOOD))
    check_rights(live, 1 << 13)
    code, _, err = live.stop()
    assert (code, err) == (0, "")
    assert len(rows(open_place / "logs" / "leak.log")) == 1
    assert live.rights[2:] == ["ocspwatch: not possible here: an empty capability bounding set (takes CAP_SETPCAP)\n"]


@NEEDS
@pytest.mark.needs("setpriv", "setcap")
def test_a_capability_of_the_interpreters_file_will_do(wire: Cable, open_place: Path) -> None:
    """As in the image: Docker gives users other than root no ambient capabilities."""
    *environment, python = interpreter_for_all()
    copy = open_place / "python3"
    shutil.copy(python, copy)
    subprocess.run(["setcap", "cap_net_raw=ep", copy], check=True)
    nobody = (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--bounding-set=-all,+net_raw",
        "--",
    )
    home = subprocess.run(
        [python, "-c", "import sys; print(sys.base_prefix)"], check=True, capture_output=True, text=True
    )
    (open_place / "logs").mkdir()
    os.chown(open_place / "logs", NOBODY, NOBODY)
    live = Live(
        open_place / "cache",
        "-i",
        "w1",
        "-o",
        str(open_place / "logs"),
        allow_root=False,
        interpreter=(*nobody, *environment, f"PYTHONHOME={home.stdout.strip()}", str(copy)),
    )  # fmt: skip  (in two lines)
    assert "listening" in live.said, live.rights
    wire.send(*frames(GOOD))
    check_rights(live, 1 << 13)
    assert live.stop()[0] == 0
    assert len(rows(open_place / "logs" / "leak.log")) == 1


@NEEDS
@pytest.mark.needs("setpriv")
def test_without_the_capability_it_says_what_is_missing(wire: Cable, open_place: Path) -> None:
    nothing = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    live = Live(open_place / "cache", "-i", "w1", allow_root=False, interpreter=(*nothing, *interpreter_for_all()))
    assert live.process.wait(10) == 2
    assert "CAP_NET_RAW" in live.said


@pytest.mark.needs("root")
def test_root_is_refused_without_an_account_and_nothing_is_opened(tmp_path: Path) -> None:
    live = Live(
        tmp_path,
        "-i",
        "nosuch0",
        "-o",
        str(tmp_path / "logs"),
        before=("--set", "service.user=nosuch"),
        allow_root=False,
    )  # fmt: skip  (in two lines)
    assert live.process.wait(10) == 2
    assert "there is no user nosuch to run as" in live.said and "--allow-root" in live.said
    assert not (tmp_path / "logs").exists()
