"""The key's file: made for its owner only, refused when others can read it, never quoted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensor.privacy.key_file import KeyFileError, load_key


def test_one_is_made_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        key = load_key(f"new:{path}")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(key) == 32
    assert load_key(str(path)) == key
    assert load_key(f"new:{tmp_path / 'other'}") != key


def test_one_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(f"new:{path}")
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="there already"):
        load_key(f"new:{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620, 0o601])
def test_one_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_key(f"new:{path}")
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(str(path))


@pytest.mark.needs("root")
def test_one_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(f"new:{path}")
    os.chown(path, 65534, 65534)
    with pytest.raises(KeyFileError, match="somebody else"):
        load_key(str(path))


@pytest.mark.parametrize("text", ["", "00", "g" * 64, "0" * 63, "0" * 65, "0" * 9000, "secret\x00" * 10])
def test_what_is_no_key_is_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(KeyFileError, match="64 hexadecimal digits") as caught:
        load_key(str(path))
    assert "secret" not in str(caught.value) and "0000" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    target = tmp_path / "key"
    load_key(f"new:{target}")
    link = tmp_path / "link"
    link.symlink_to(target)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (link, fifo, tmp_path, tmp_path / "gone", tmp_path / "gone" / "key"):
        with pytest.raises(KeyFileError, match=str(path)):
            load_key(str(path))
    with pytest.raises(KeyFileError, match="No such file"):
        load_key(f"new:{tmp_path / 'gone' / 'key'}")
