"""sensor.service.privileges: from inside a process that gave up its rights, be it root or with CAP_NET_RAW."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sensor.service import privileges
from sensor.service.account import PrivilegeError
from sensor.settings import ServiceSettings
from tests.conftest import NOBODY
from tests.service.confined import CONFINE, REPOSITORY, run

pytestmark = pytest.mark.needs("root", "setpriv")

AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
ONLY_NET_RAW = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+net_raw",
    "--ambient-caps=-all,+net_raw",
    "--bounding-set=-all,+net_raw",
    "--",
)  # fmt: skip  (as words of one command line)

PROBES = """
found["ids"] = [os.getresuid(), os.getresgid(), os.getgroups()]
found["status"] = kernel.status()
found["capabilities"] = capabilities.held()
found["limits"] = [resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_DATA)]
libc = ctypes.CDLL(None, use_errno=True)
def raw(number, *args):
    if libc.syscall(number, *args) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
refused = {
    "/etc/shadow": lambda: open("/etc/shadow"),
    "a file of everybody's": lambda: open(place / "elsewhere" / "public"),
    "/etc/passwd": lambda: open("/etc/passwd"),
    "writing elsewhere": lambda: open(place / "elsewhere" / "new", "w"),
    "overwriting elsewhere": lambda: open(place / "elsewhere" / "public", "a"),
    "truncating elsewhere": lambda: os.truncate(place / "elsewhere" / "public", 0),
    "deleting elsewhere": lambda: os.unlink(place / "elsewhere" / "public"),
    "moving out of the logs": lambda: os.rename(place / "logs" / "stays.log", place / "elsewhere" / "conn.log"),
    "linking into the logs": lambda: os.link(place / "elsewhere" / "public", place / "logs" / "stolen"),
    "a device": lambda: os.mknod(place / "logs" / "device", 0o600 | 0o020000, os.makedev(1, 3)),
    "a raw packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "a raw IP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "any socket": lambda: socket.socket(),
    "a connection to loopback": lambda: talk.connect(server.getsockname()),
    "a datagram to loopback": lambda: talk.sendto(b"x", server.getsockname()),
    "a message to loopback": lambda: talk.sendmsg([b"x"], [], 0, server.getsockname()),
    "a program": lambda: os.execv("/bin/true", ["true"]),
    "a name space": lambda: raw(272, 0x10000000),
    "tracing": lambda: raw(101, 16, os.getppid(), 0, 0),
    "io_uring": lambda: raw(425, 1, None),
    "becoming root": lambda: os.setuid(0),
    "a signal to others": lambda: os.kill(os.getppid(), 0),
}
(place / "logs" / "stays.log").write_text("{}")
found["refused"] = {name: attempt(what) for name, what in refused.items()}
allowed = {
    "writing a log": lambda: (place / "logs" / "conn.log").write_text("{}"),
    "moving a log": lambda: os.rename(place / "logs" / "conn.log", place / "logs" / "conn.old"),
    "deleting a log": lambda: os.unlink(place / "logs" / "conn.old"),
    "a folder in the logs": lambda: os.mkdir(place / "logs" / "folder"),
    "writing the cache": lambda: open(place / "cache" / "ct", "r+").write("x"),
    "a thread": lambda: threading.Thread(target=int).start(),
    "statistics": lambda: packets.getsockopt(263, 6, 8),
    "accepting": lambda: (server.setblocking(False), attempt(server.accept)),
    "binding anew": lambda: packets.bind(("lo", 0)),
    "its own status": lambda: open("/proc/self/status").read(10),
    "interfaces": lambda: open("/sys/class/net/lo/flags").read(),
}
found["allowed"] = {name: attempt(what) for name, what in allowed.items()}
"""


def _check(found: dict, uid: int, gid: int) -> None:
    assert found["ids"] == [[uid] * 3, [gid] * 3, []]
    status = found["status"]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    capabilities = found["capabilities"]
    assert {name: capabilities[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {
        "CapInh": 0,
        "CapPrm": 0,
        "CapEff": 0,
        "CapAmb": 0,
    }  # fmt: skip  (one line)
    assert found["limits"] == [[0, 0], [2 << 30, 2 << 30]]
    done = {name: result for name, result in found["refused"].items() if result[0] not in ("EACCES", "EPERM", "EXDEV")}
    assert not done
    failed = {name: result for name, result in found["allowed"].items() if result[0] != "done"}
    assert not failed


def test_started_as_root_it_becomes_nobody_and_can_do_nothing_else(open_place: Path) -> None:
    found = run(CONFINE + PROBES, open_place, user=f"{NOBODY}:{NOBODY}")
    assert int(found["before"]["CapEff"], 16) & (1 << 21)  # there was something to lose: CAP_SYS_ADMIN
    _check(found, NOBODY, NOBODY)
    assert found["capabilities"]["CapBnd"] == 0
    assert (open_place / "logs").stat().st_uid == NOBODY
    assert found["not_possible"] == []
    said = "; ".join(found["given_up"])
    for part in (f"uid {NOBODY}", "without capabilities", "no_new_privs", "Landlock ABI", "seccomp", "2048 MiB"):
        assert part in said
    assert (open_place / "elsewhere" / "public").read_text() == "for everybody"


def interpreter_for_all() -> tuple[str, ...]:
    """An interpreter with our dependencies that others may run: the one that runs the tests may be in root's home."""
    packages = Path(msgspec.__file__).parents[1]
    for python in (sys.executable, "/usr/bin/python3"):
        command = ("env", f"PYTHONPATH={packages}", "PYTHONSAFEPATH=", python)
        check = [*AS_NOBODY, *command, "-c", "import sensor.service.privileges"]
        if subprocess.run(check, check=False, capture_output=True, cwd=REPOSITORY).returncode == 0:
            return command
    return pytest.skip("no interpreter here that others than root may run with these dependencies")


def test_started_with_cap_net_raw_alone_it_needs_nothing_else(open_place: Path) -> None:
    (open_place / "logs").mkdir()
    (open_place / "logs").chmod(0o777)
    code = CONFINE + PROBES + 'found["import"] = attempt(lambda: __import__("colorsys"))\n'
    found = run(code, open_place, (*ONLY_NET_RAW, *interpreter_for_all()))
    assert found["import"][0] == "done"  # should one be forgotten, it is found
    assert {int(bits, 16) for bits in found["before"].values()} == {1 << 13}
    _check(found, NOBODY, NOBODY)
    assert found["not_possible"] == ["an empty capability bounding set (takes CAP_SETPCAP)"]


def test_a_root_that_is_told_so_stays_root_and_is_confined_all_the_same(open_place: Path) -> None:
    found = run(CONFINE + PROBES, open_place, allow_root=True)
    found["refused"].pop("becoming root")
    _check(found, 0, 0)


def test_what_is_switched_off_is_said(open_place: Path) -> None:
    code = CONFINE + 'found["public"] = attempt(lambda: open(place / "elsewhere" / "public"))\n'
    found = run(code, open_place, user=f"{NOBODY}", landlock=False, seccomp=False)
    assert found["public"][0] == "done"
    assert found["not_possible"] == ["Landlock (service.landlock is off)", "a seccomp filter (service.seccomp is off)"]


def test_other_threads_are_refused(open_place: Path) -> None:
    code = """
threading.Thread(target=lambda: signal.pause() if 0 else __import__("time").sleep(30), daemon=True).start()
try:
    privileges.seal(settings, privileges.drop_user(settings))
except privileges.PrivilegeError as error:
    found["said"] = str(error)
"""
    assert "other threads" in run(code, open_place, user=f"{NOBODY}")["said"]


def test_memory_beyond_the_limit_is_refused_and_no_more(open_place: Path) -> None:
    code = (
        CONFINE
        + """
try:
    bytearray(256 << 20)
except MemoryError:
    found["said"] = "no"
found["small"] = len(bytearray(8 << 20))
"""
    )
    found = run(code, open_place, user=f"{NOBODY}", max_memory_bytes=128 << 20)
    assert found["said"] == "no" and found["small"] == 8 << 20


def test_root_without_an_account_is_a_mistake_that_is_found_before_anything_is_opened() -> None:
    with pytest.raises(PrivilegeError, match=r"no user no-such-user.*--allow-root"):
        privileges.check_user(ServiceSettings(user="no-such-user"))
    privileges.check_user(ServiceSettings(user="no-such-user", allow_root=True))
    privileges.check_user(ServiceSettings(user="nobody"))
