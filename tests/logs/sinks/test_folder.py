"""sensor.logs.sinks.folder: plain names, one run's logs, no links followed, and what the disk says."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.sink import SinkError


def test_files_are_named_after_their_logs_and_folders_are_made(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "a" / "b")
    sink.write("conn", b"{}\n")
    sink.write("leak", b"{}\n")
    sink.close()
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["conn.log", "leak.log"]


def test_the_folder_holds_one_run(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text("old, and longer than what comes\n")
    (tmp_path / "leak.log").write_text("old\n")
    (tmp_path / "ssl.log").write_text("not ours\n")
    sink = FolderSink(tmp_path)
    sink.write("conn", b"{}\n")
    sink.close()
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"conn.log": "{}\n", "ssl.log": "not ours\n"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "logs"
    sink = FolderSink(folder)
    (folder / "conn.log").symlink_to(victim)
    with pytest.raises(SinkError, match=r"conn\.log: "):
        sink.write("conn", b"{}\n")
    sink.close()
    assert victim.read_text() == "precious"
    again = FolderSink(folder)  # a link of an earlier run is removed, not what it names
    again.write("conn", b"{}\n")
    again.close()
    assert victim.read_text() == "precious"
    assert not (folder / "conn.log").is_symlink()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        FolderSink(tmp_path / place)


def test_a_log_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "http.log").mkdir()
    with pytest.raises(SinkError, match=r"http\.log: "):
        FolderSink(tmp_path)


def test_files_are_not_writable_for_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        sink = FolderSink(tmp_path)
        sink.write("conn", b"{}\n")
        sink.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "conn.log").stat().st_mode) == 0o644


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (it is a list of descriptors, not of paths)
    for _ in range(3):
        sink = FolderSink(tmp_path, durable=True)
        for stream in ("conn", "http", "leak"):
            sink.write(stream, b"{}\n")
        sink.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  (as above)
