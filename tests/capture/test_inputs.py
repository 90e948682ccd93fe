"""sensor.capture.inputs: files, folders, pipes and files that grow; what is the caller's mistake and what is not."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings
from tests.capture.files import (
    Frame,
    drain,
    frame,
    frames,
    open_files,
    open_paths,
    pcap,
    pcap_header,
    pcap_record,
    pcapng,
    quiet,
    take,
    taken,
)

KNOBS = CaptureSettings()


# Names.


def test_a_folder_is_read_through_and_what_is_no_capture_listed(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    (tmp_path / "b.txt").write_bytes(pcap([frame(2)]))
    (tmp_path / "README").write_text("no capture")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "sub" / "a").write_bytes(gzip.compress(pcapng([frame(1)])))
    (tmp_path / "sub" / "deeper" / "c").write_bytes(pcap([frame(3)]))
    (tmp_path / "sub" / "dangling").symlink_to("nowhere")
    (tmp_path / "sub" / "text.gz").write_bytes(gzip.compress(b"no capture"))
    os.mkfifo(tmp_path / "sub" / "fifo")
    source = open_paths(tmp_path)
    assert drain(source).frames == [frame(1), frame(2), frame(3)]
    assert sorted(Path(name).relative_to(tmp_path).as_posix() for name in source.skipped) == [
        "README",
        "empty",
        "sub/dangling",
        "sub/fifo",
        "sub/text.gz",
    ]
    assert source.complete


def test_files_at_the_same_time_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a", "y/2", "x/2", "y/1", "x/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pcap([Frame(5_000_000_000, name.encode(), 9)]))
    told = [one.data.decode() for one in drain(open_paths(tmp_path)).frames]
    assert told == ["a", "b", "x/1", "x/2", "y/1", "y/2"]


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(frames(3)))
    (tmp_path / "link").symlink_to(path)
    assert drain(open_paths(path, tmp_path, path, tmp_path / "link")).frames == frames(3)


@pytest.mark.parametrize("content", [b"", b"abc", b"neither pcap nor anything else of that kind", bytes(100)])
def test_a_named_file_that_is_no_capture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(content)
    with pytest.raises(CaptureError) as error:
        open_paths(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_all_mistakes_are_told_at_once_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(pcap(frames(3)))
    (tmp_path / "text").write_text("text")
    before = open_files()
    with pytest.raises(CaptureError) as error:
        open_paths(tmp_path / "missing", tmp_path / "good", tmp_path / "text")
    lines = str(error.value).splitlines()
    assert lines[0] == f"{tmp_path / 'missing'}: No such file or directory"
    assert lines[1].startswith(f"{tmp_path / 'text'}: is no capture")
    assert len(lines) == 2
    assert open_files() == before


def test_names_that_are_no_utf8_can_be_logged(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"text\xe9"):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123  (a path of bytes)
            file.write(pcap(frames(1))[:-1] if name == b"caf\xe9" else b"text")
    source = open_paths(tmp_path)
    reading = drain(source)
    told = [reading.files[0].name, reading.weirds[0].addl or "", *source.skipped]
    assert [text.encode().count(b"\\udce9") for text in told] == [1, 1, 1]
    with pytest.raises(CaptureError) as error:
        open_paths(os.fsdecode(os.fsencode(tmp_path) + b"/text\xe9"), os.fsdecode(b"gone\xe9"))
    assert str(error.value).encode().count(b"\\udce9") == 2


def test_a_folder_without_captures(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    with pytest.raises(CaptureError, match="no capture among 1 files"):
        open_paths(tmp_path)


def test_a_header_alone_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap_header())
    reading = drain(open_paths(path))
    assert (reading.frames, reading.complete) == ([], True)


def test_the_size_of_it_all_is_known_only_of_files(tmp_path: Path) -> None:
    path, fifo = tmp_path / "capture", tmp_path / "fifo"
    path.write_bytes(pcap(frames(3)))
    os.mkfifo(fifo)
    assert open_paths(path).bytes_total == path.stat().st_size
    assert open_paths(path, follow=True).bytes_total is None
    with write_slowly(fifo, [pcap(frames(1))]):
        source = open_paths(path, fifo)
        assert source.bytes_total is None
        assert len(drain(source).frames) == 4


# Pipes.


class write_slowly:  # noqa: N801  (used as a statement)
    """A thread that opens a FIFO and writes pieces into it, each when it is told to or at once."""

    def __init__(self, fifo: Path, pieces: list[bytes], gate: threading.Semaphore | None = None) -> None:
        self._thread = threading.Thread(target=self._write, args=(fifo, pieces, gate), daemon=True)

    @staticmethod
    def _write(fifo: Path, pieces: list[bytes], gate: threading.Semaphore | None) -> None:
        with fifo.open("wb", buffering=0) as file:
            for piece in pieces:
                if gate is not None:
                    gate.acquire()
                file.write(piece)
            if gate is not None:
                gate.acquire()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_fifo(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content = pack(pcap(frames(5000)))
    with write_slowly(fifo, [content[at : at + 777] for at in range(0, len(content), 777)]):
        reading = drain(open_paths(fifo))
    assert reading.frames == frames(5000)
    assert reading.complete


def test_a_slow_writer_is_read_as_it_writes(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    gate = threading.Semaphore(0)
    records = [pcap_record(one) for one in frames(4)]
    pieces = [pcap_header() + records[0] + records[1][:30], records[1][30:] + records[2], records[3][:50]]
    with write_slowly(fifo, pieces, gate):
        gate.release()
        source = open_paths(fifo)
        batches = source.batches()
        assert take(batches, 1) == [frame(0)]
        assert quiet(batches)
        gate.release()
        assert take(batches, 2) == [frame(1), frame(2)]
        assert quiet(batches)
        gate.release()
        gate.release()
        assert [one for batch in batches for one in taken(batch)] == []
    assert [weird.name for weird in source.weirds] == ["pcap_truncated"]
    assert not source.complete


def test_a_pipe_and_files_are_one_time_line(tmp_path: Path) -> None:
    """Without following, the pipe's next frame may be the earliest, so it is waited for."""
    fifo, path = tmp_path / "fifo", tmp_path / "capture"
    os.mkfifo(fifo)
    path.write_bytes(pcap(frames(100)[::2]))
    gate = threading.Semaphore(0)
    odd = frames(100)[1::2]
    pieces = [pcap_header() + b"".join(pcap_record(one) for one in odd[:20]), b"".join(map(pcap_record, odd[20:]))]
    with write_slowly(fifo, pieces, gate):
        gate.release()
        source = open_paths(path, fifo)
        batches = source.batches()
        first = take(batches, 40)
        assert first == frames(40)
        assert quiet(batches)
        gate.release()
        gate.release()
        assert first + [one for batch in batches for one in taken(batch)] == frames(100)


def test_a_wait_for_a_pipe_is_interrupted_by_control_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    gate = threading.Semaphore(0)
    with write_slowly(fifo, [pcap(frames(1))], gate):
        gate.release()
        source = open_paths(fifo)
        batches = source.batches()
        take(batches, 1)

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("sensor.capture.stream.RawBytes.wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(batches)
        gate.release()


def replay_stdin(repository: Path, content: bytes | None, *paths: str) -> str:
    code = (
        "import sys; from sensor.capture.inputs import open_inputs; from sensor.settings import CaptureSettings\n"
        "source = open_inputs(sys.argv[1:], CaptureSettings())\n"
        "count = sum(batch.stop - batch.first for batch in source.batches())\n"
        "print(count, source.complete, source.bytes_total, [one.name for one in source.files])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *paths], input=content, capture_output=True, check=False, cwd=repository
    )
    return (told.stdout or told.stderr.splitlines()[-1]).decode().strip()


def test_standard_input(repository: Path, tmp_path: Path) -> None:
    content = pcap(frames(3000))
    path = tmp_path / "capture"
    path.write_bytes(pcap([frame(3000)]))
    assert replay_stdin(repository, content, "-") == "3000 True None ['-']"
    assert replay_stdin(repository, gzip.compress(content), "-", "-") == "3000 True None ['-']"
    assert replay_stdin(repository, content, str(path), "-") == f"3001 True None ['-', '{path}']"
    assert replay_stdin(repository, content[:-1], "-") == "2999 False None ['-']"
    assert "-: is no capture" in replay_stdin(repository, b"text", "-")
    assert "-: is empty" in replay_stdin(repository, b"", "-")


def test_standard_input_from_a_file(repository: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "capture", tmp_path / "other"
    path.write_bytes(pcap(frames(3000)))
    other.write_bytes(pcap([frame(3000)]))
    for paths, count in ((["-"], 3000), ([str(other), "-"], 3001)):
        with path.open("rb") as file:
            code = (
                "import sys; from sensor.capture.inputs import open_inputs\n"
                "from sensor.settings import CaptureSettings\n"
                "print(sum(b.stop - b.first for b in open_inputs(sys.argv[1:], CaptureSettings()).batches()))"
            )
            told = subprocess.run(
                [sys.executable, "-c", code, *paths], stdin=file, capture_output=True, check=True, cwd=repository
            )
        assert told.stdout == b"%d\n" % count
