"""sensor.capture.inputs with `follow`: files that grow are read as they are written, until one has had enough."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from sensor.capture.source import CaptureError
from tests.capture.files import frame, frames, open_paths, pcap, pcap_record, pcapng, quiet, take, taken


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    path = tmp_path / "growing"
    path.write_bytes(pcap(frames(3)))
    return path


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_a_growing_file_is_followed(growing: Path) -> None:
    source = open_paths(growing, follow=True)
    batches = source.batches()
    assert take(batches, 3) == frames(3)
    assert quiet(batches)
    append(growing, pcap_record(frame(3)))
    assert take(batches, 1) == [frame(3)]
    source.close()
    assert list(batches) == []
    assert source.complete
    assert [one.frames for one in source.files] == [4]


def test_a_partial_record_is_waited_for_and_no_damage(growing: Path) -> None:
    source = open_paths(growing, follow=True)
    batches = source.batches()
    take(batches, 3)
    record = pcap_record(frame(3, 300))
    for cut in (3, 13, 100):
        append(growing, record[:cut])
        assert quiet(batches)
        record = record[cut:]
    append(growing, record)
    assert take(batches, 1) == [frame(3, 300)]
    append(growing, pcap_record(frame(4))[:-1])
    assert quiet(batches)
    source.close()
    assert list(batches) == []
    assert (source.weirds, source.complete) == ([], True)


def test_an_odd_record_is_not_held_back(growing: Path) -> None:
    """What is longer than on the wire is judged by the record behind it, unless there is none yet."""
    source = open_paths(growing, follow=True)
    batches = source.batches()
    take(batches, 3)
    odd = frame(3)._replace(wirelen=5)
    append(growing, pcap_record(odd))
    assert take(batches, 1, within=1.0) == [odd]
    source.close()


def test_a_file_without_its_first_bytes_yet(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"")
    source = open_paths(path, follow=True)
    batches = source.batches()
    assert quiet(batches)
    content = pcapng(frames(2))
    append(path, content[:30])
    assert quiet(batches)
    append(path, content[30:])
    assert take(batches, 2) == frames(2)
    source.close()


def test_a_growing_file_that_turns_out_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"")
    source = open_paths(path, follow=True)
    batches = source.batches()
    assert quiet(batches)
    append(path, b"this is not a capture at all")
    assert list(batches) == []
    assert [weird.name for weird in source.weirds] == ["input_unreadable"]
    assert not source.complete


def test_following_no_capture_is_the_callers_mistake(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("this is not a capture at all")
    with pytest.raises(CaptureError):
        open_paths(path, follow=True)


@pytest.mark.parametrize("rename", [True, False], ids=["renamed", "cut off"])
def test_a_rotated_file(growing: Path, rename: bool) -> None:
    source = open_paths(growing, follow=True)
    batches = source.batches()
    take(batches, 3)
    if rename:
        append(growing, pcap_record(frame(3)))
        growing.rename(growing.with_name("growing.1"))
        growing.write_bytes(pcap([frame(4)]))
        assert take(batches, 2) == [frame(3), frame(4)]
    else:
        growing.write_bytes(pcap([frame(4)]))
        assert take(batches, 1) == [frame(4)]
    append(growing, pcap_record(frame(5)))
    assert take(batches, 1) == [frame(5)]
    source.close()
    assert list(batches) == []
    assert source.complete
    assert [one.frames for one in source.files] == ([4, 2] if rename else [3, 2])


def test_several_growing_files_do_not_wait_for_each_other(tmp_path: Path) -> None:
    first, second, done = (tmp_path / name for name in ("first", "second", "done"))
    first.write_bytes(pcap(frames(20)[1::2]))
    second.write_bytes(pcap(frames(20)[::2]))
    done.write_bytes(pcap([frame(30)]))
    source = open_paths(first, second, done, follow=True)
    batches = source.batches()
    assert take(batches, 21) == [*frames(20), frame(30)]
    for number in (31, 32, 33):
        append(second, pcap_record(frame(number)))
        assert take(batches, 1) == [frame(number)]
    append(first, pcap_record(frame(34)))
    assert take(batches, 1) == [frame(34)]
    source.close()
    assert list(batches) == []
    assert source.complete


def test_following_ends_from_another_thread(growing: Path) -> None:
    source = open_paths(growing, follow=True)
    threading.Timer(0.3, source.close).start()
    before = time.monotonic()
    assert [one for batch in source.batches() for one in taken(batch)] == frames(3)
    assert time.monotonic() - before < 3
    assert [one.frames for one in source.files] == [3]
    assert source.complete


def test_following_ends_with_control_c(growing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_paths(growing, follow=True)
    batches = source.batches()
    take(batches, 3)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert list(batches) == []
    assert source.complete
