"""Where the password comes from, and what is refused; it is in no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.cluster.password import VARIABLE, PasswordError, load_password
from sensor.settings import ClusterSettings

SECRET = "a secret of ours"


def settings(path: Path) -> ClusterSettings:
    return ClusterSettings(password_file=str(path))


def test_a_file_before_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\r\nanother line\n")
    path.chmod(0o600)
    assert load_password(settings(path), {VARIABLE: "not this"}) == SECRET


def test_the_environment() -> None:
    assert load_password(ClusterSettings(), {VARIABLE: SECRET}) == SECRET
    assert load_password(ClusterSettings(), {VARIABLE: ""}) is None
    assert load_password(ClusterSettings(), {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(PasswordError, match="chmod 600") as caught:
        load_password(settings(path), {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n" + SECRET.encode(), b"\xff\xfe" + SECRET.encode(), b"x" * 5000])
def test_files_without_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(PasswordError) as caught:
        load_password(settings(path), {})
    assert SECRET not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(SECRET)
    real.chmod(0o600)
    (tmp_path / "link").symlink_to(real)
    for name in ("link", "absent", "."):
        with pytest.raises(PasswordError):
            load_password(settings(tmp_path / name), {})
