"""sensor.service.landlock: each right on its own, and what an older kernel lacks. More in test_privileges.py."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sensor.service import kernel, landlock
from tests.service.confined import run

RESTRICT = """
from sensor.service import landlock
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
"""


@pytest.mark.needs("root")
def test_below_and_nowhere_else(open_place: Path) -> None:
    code = (
        RESTRICT
        + """
missing, file = place / "missing", place / "elsewhere" / "public"
landlock.restrict([place / "cache", missing], [file, place / "elsewhere" / "nothing" / "there"])
for name, what in {
    "read": lambda: open(place / "cache" / "ct").read(), "write": lambda: open(place / "cache" / "ct", "w"),
    "list": lambda: os.listdir(place / "cache"), "list above": lambda: os.listdir(place),
    "write file": lambda: file.write_text("x"), "make": lambda: (place / "elsewhere" / "new").write_text("x"),
    "status": lambda: os.stat(place / "elsewhere").st_mode,
}.items():
    found[name] = attempt(what)[0]
"""
    )
    assert run(code, open_place) == {
        "read": "done",
        "write": "EACCES",
        "list": "done",
        "list above": "EACCES",
        "write file": "done",
        "make": "EACCES",
        "status": "done",
    }  # fmt: skip  (as a table)


@pytest.mark.needs("root")
def test_no_way_around_by_tcp(open_place: Path) -> None:
    code = (
        RESTRICT
        + """
landlock.restrict([], [])
found["bind"] = attempt(lambda: socket.socket().bind(("127.0.0.1", 0)))[0]
found["connect"] = attempt(lambda: socket.socket().connect(("127.0.0.1", 9)))[0]
"""
    )
    assert run(code, open_place) == {"bind": "EACCES", "connect": "EACCES"}


@pytest.mark.parametrize(
    ("abi", "fs", "size", "lacks"),
    [(1, 13, 8, 4), (2, 14, 8, 4), (3, 15, 8, 3), (4, 15, 16, 2), (5, 16, 16, 1), (6, 16, 24, 0), (99, 16, 24, 0)],
)
def test_an_older_kernel_is_asked_for_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, abi: int, fs: int, size: int, lacks: int
) -> None:
    """The kernel is a fake: there is only one here. It notes what it is asked for."""
    asked = []

    def syscall(number: int, *args: object) -> int:
        if number == 444 and args[0] is None:
            return abi
        if number == 444:
            asked.append((args[0]._obj[0], args[1].value))
        return 99_999

    monkeypatch.setattr(kernel, "syscall", syscall)
    monkeypatch.setattr("os.close", lambda _: None)
    found = landlock.restrict([], [])
    assert asked == [((1 << fs) - 1, size)]
    assert (found.abi, len(found.lacks)) == (abi, lacks)
    assert found.forbids == (("no TCP",) if abi >= 4 else ()) + (
        ("no signals to others, no abstract sockets",) if abi >= 6 else ()
    )


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_or_container_without_it_says_so(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def syscall(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(kernel, "syscall", syscall)
    assert landlock.restrict([], []) == landlock.Landlocked(0, ("Landlock",))
