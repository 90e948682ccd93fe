"""What a test may need of the machine, said by a mark; in CI nothing may be missing.

    @pytest.mark.needs("jq", "tshark")          # programs on the PATH
    @pytest.mark.needs("root", "namespaces")    # see NEEDS
    @pytest.mark.needs("shared/corpus/zeek")    # a folder or file beside the repository

A test whose needs are not met is skipped with the reason. With OCSPWATCH_CI=1 a skip is a failure, whoever asked for
it, unless it is for want of ../shared: that is data which `.ci/run` cannot install.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
IN_CI = os.environ.get("OCSPWATCH_CI") == "1"


def _root() -> bool:
    return os.geteuid() == 0


def _namespaces() -> bool:
    """Whether a network namespace can be made, not merely whether the programs for it are there."""
    if not (_root() and shutil.which("unshare")):
        return False
    return subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode == 0


def _compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang"))


def _postgres() -> bool:
    """Debian keeps the server's programs off the PATH."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "postgres": (_postgres, "needs PostgreSQL's server"),
    "root": (_root, "needs root"),
    "namespaces": (_namespaces, "needs network namespaces"),
    "compiler": (_compiler, "needs a C compiler"),
    "git": (lambda: (REPOSITORY / ".git").exists() and shutil.which("git") is not None, "needs a git checkout"),
}


def missing(need: str) -> str | None:
    """Why `need` is not met, None if it is."""
    if need.startswith("shared/"):
        return None if (SHARED / need.removeprefix("shared/")).exists() else f"needs ../{need} beside the repository"
    if need in NEEDS:
        met, reason = NEEDS[need]
        return None if met() else reason
    return None if shutil.which(need) else f"needs the program {need}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `--numprocesses auto`: half of the time tests wait, for a server that hangs or a second that has to pass, and
    a processor does something else meanwhile."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): programs, folders and rights without which the test is skipped")
    config.addinivalue_line(
        "markers", "unbalanced(why): what its pipelines counted need not add up when they have ended"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for need in mark.args:
            reason = missing(need)
            if reason:
                pytest.skip(reason)


@pytest.fixture
def shared() -> Path:
    """The folder ../shared; ask for what is in it by the mark."""
    return SHARED


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


NOBODY = 65534
CLONE_NEWNET = 0x40000000  # linux/sched.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
ETH_P_ALL = 3  # linux/if_ether.h


@pytest.fixture
def network() -> Generator[None]:
    """A network namespace of this test's own, for this thread and the programs it starts: nothing but `lo`, up.

    It is gone with all in it when the test is over. Threads that are started in it are in it, too. Ask for "root"
    and "namespaces" by the mark.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert libc.setns(before, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(before)


class Cable:
    """From `out` to `into`, two interfaces of the network this was made in. What `send` is given has arrived, and all
    who listen there have it, when it returns: in between is a queue that runs over if it is filled too fast."""

    def __init__(self, out: str, into: str) -> None:
        for words in (
            f"link add {out} type veth peer {into}",
            f"link set {out} addrgenmode none arp off up",
            f"link set {into} addrgenmode none arp off up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((out, 0))
        # Of those who listen to an interface, the kernel gives a frame last to the one who came first.
        self._arrived = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._arrived.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
        self._arrived.bind((into, ETH_P_ALL))
        self._arrived.settimeout(0.05)
        for _ in range(400):  # a link takes a moment to come up, and drops meanwhile what it is given
            self.socket.send(bytes(60))
            with contextlib.suppress(TimeoutError):
                self._arrived.recv(1)
                break
        else:
            raise AssertionError(f"{into} does not come up")

    def send(self, *frames: bytes) -> None:
        self._arrived.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._arrived.recv(1):
                pass
        self._arrived.settimeout(20)
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})  # a processor's queue keeps the order, two of them do not
        try:
            for at in range(0, len(frames), 100):
                burst = frames[at : at + 100]
                for frame in burst:
                    self.socket.send(frame)
                for _ in burst:
                    self._arrived.recv(1)
        finally:
            os.sched_setaffinity(0, allowed)

    def close(self) -> None:
        self.socket.close()
        self._arrived.close()


@pytest.fixture
def wire(network: None) -> Generator[Cable]:
    """A cable from `w0` to `w1` in a network of the test's own. Nothing else is said there: no IPv6, no ARP."""
    cable = Cable("w0", "w1")
    yield cable
    cable.close()


@pytest.fixture
def open_place() -> Generator[Path]:
    """A folder that belongs to root, with `cache/` of nobody's in it and `elsewhere/` that everybody may write to."""
    place = Path(tempfile.mkdtemp(prefix="ocspwatch-"))
    place.chmod(0o755)
    for name in ("cache", "elsewhere"):
        (place / name).mkdir()
    os.chown(place / "cache", NOBODY, NOBODY)
    (place / "elsewhere").chmod(0o777)
    (place / "elsewhere" / "public").write_text("for everybody")
    (place / "cache" / "ct").write_text("cached")
    (place / "cache" / "ct").chmod(0o666)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def own_process_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's data folder is this test's. What it sets for a process of its own others here undo."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A new key of pseudonyms."""
    from sensor.privacy.key_file import load_key  # test_needs.py runs this file where there is no sensor

    path = tmp_path / "key"
    load_key(f"new:{path}")
    return path


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Given a package's name, it is not installed."""

    def take_away(package: str) -> None:
        real = builtins.__import__

        def refuse(name: str, *rest: Any) -> Any:
            if name.split(".", maxsplit=1)[0] == package:
                raise ImportError
            return real(name, *rest)

        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(builtins, "__import__", refuse)

    return take_away


@pytest.fixture
def alone() -> None:
    """This is the only thread: what forks demands it, and servers of other tests' modules may still be closing."""
    until = time.monotonic() + 20
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.005)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that must be alone, and is not, for another one's server does not end: a process that was forked has this
    thread alone."""
    if "alone" not in pyfuncitem.fixturenames or threading.active_count() == 1:
        return None
    pid = os.fork()
    if pid == 0:
        try:
            names = pyfuncitem._fixtureinfo.argnames
            pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        except BaseException:  # noqa: BLE001  (whatever ends it, it must not go on as a second pytest)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "it failed in a process of its own, see stderr"
    return True


_THRESHOLD = gc.get_threshold()


@pytest.fixture(autouse=True)
def _collector() -> Generator[None]:
    """The command sets the collector for a process of its own, in which next to nothing is garbage in cycles."""
    yield
    if gc.get_threshold() != _THRESHOLD or gc.get_freeze_count():
        gc.set_threshold(*_THRESHOLD)
        gc.unfreeze()
    if not gc.isenabled():
        gc.enable()


@pytest.fixture(scope="session")
def conservation_watch() -> Generator[Any]:
    if not Path(__file__).with_name("conservation.py").exists():  # test_needs.py has a copy of this file alone
        yield None
        return
    from tests.conservation import watch

    one = watch()
    yield one
    one.close()
    Path(one.name).unlink()


@pytest.fixture(autouse=True)
def _conservation(conservation_watch: Any, request: pytest.FixtureRequest) -> Generator[None]:
    """Of every pipeline that ends in the test, packets and octets are accounted for (tests/conservation.py)."""
    yield
    found = "" if conservation_watch is None else conservation_watch.take()
    if found and request.node.get_closest_marker("unbalanced") is None:
        pytest.fail(f"of a pipeline that has ended:\n{found}", pytrace=False)


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the command sets for a process of its own, in which a traceback is to have no values."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture(autouse=True)
def _threads_end() -> Generator[None]:
    """Those of a test's servers are given a moment to end: what forks must be alone in its process."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + 3
    for thread in set(threading.enumerate()) - before:
        thread.join(max(until - time.monotonic(), 0))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if "../shared" not in reason:
            report.outcome = "failed"
            report.longrepr = f"{report.nodeid}\nnothing may be skipped in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
