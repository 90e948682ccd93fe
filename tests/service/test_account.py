"""sensor.service.account: names and numbers, root refused, and no way back."""

from __future__ import annotations

import os

import pytest

from sensor.service.account import Account, PrivilegeError, become, describe_self, find_account, is_root, move_home
from tests.conftest import NOBODY


@pytest.mark.parametrize(
    ("user", "uid", "gid"),
    [("nobody", 65534, 65534), ("65534", 65534, 65534), ("4242:17", 4242, 17), ("4242", 4242, 4242)],
)
def test_a_name_or_numbers(user: str, uid: int, gid: int) -> None:
    assert find_account(user) == Account(uid, gid, user)


@pytest.mark.parametrize("user", ["root", "0", "0:0", "1000:0", "0:1000"])
def test_root_is_refused(user: str) -> None:
    with pytest.raises(PrivilegeError, match=r"is root: say --allow-root"):
        find_account(user)


@pytest.mark.parametrize("user", ["no-such-user", "", "12x", "-1", "1:2:3", "\u0661"])
def test_nobody_of_that_name(user: str) -> None:
    with pytest.raises(PrivilegeError, match="there is no user"):
        find_account(user)


@pytest.mark.needs("root")
def test_there_is_no_way_back() -> None:
    assert is_root()
    pid = os.fork()
    if not pid:  # the child's exit code is the result; nothing of pytest runs in it
        code = 1
        try:
            become(Account(4242, 4343, "somebody"))
            same = (os.getresuid(), os.getresgid(), os.getgroups()) == ((4242,) * 3, (4343,) * 3, [])
            code = 2 if not same or is_root() or "uid 4242" not in describe_self() else code
            os.setuid(0)
        except PermissionError:
            code = 0 if code == 1 else code
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_home_moves_and_what_lay_below_the_old_one_is_forgotten() -> None:
    environment = {
        "HOME": "/srv/admin",
        "XDG_DATA_HOME": "/srv/admin/share",
        "XDG_CONFIG_HOME": "/srv/administrator",
        "PATH": "/bin",
    }
    move_home(Account(NOBODY, NOBODY, "nobody"), environment)
    assert environment == {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/srv/administrator", "PATH": "/bin"}
    environment = {}
    move_home(Account(0, 0, "root"), environment)
    assert environment == {"HOME": "/root"}
    move_home(Account(4242, 4242, "4242"), environment)
    assert environment == {"HOME": "/nonexistent"}
