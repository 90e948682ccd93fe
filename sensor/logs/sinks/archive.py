"""Logs that were put aside: their names, their compression in a thread of its own, and how long they are kept.

An archive is `<stream>.YYYY-MM-DD-HH-MM-SS.log`, with `.gz` behind it once it is compressed; the time is UTC, that at
which the file was begun. Nothing else in the folder is ever touched.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from sensor.logs.records import STREAMS

_NAME = re.compile(
    rf"(?:{'|'.join(map(re.escape, STREAMS))})\.\d{{4}}-\d\d-\d\d-\d\d-\d\d-\d\d(?:\.\d{{1,4}})?\.log(?P<gz>\.gz)?"
)
_UNFINISHED = ".partial"
_PIECE = 1 << 18
_NICENESS = 10
_DAY_S = 86400.0
_JUMP_S = 3600.0  # the wall clock moved by more than this against the monotonic one: somebody set it
_DISTRUST_S = 86400.0  # for so long nothing is deleted after that


def archive_path(folder: Path, stream: str, begun: float) -> Path:
    """A free name for the file of `stream` that was begun at `begun` (seconds since 1970)."""
    stem = f"{stream}.{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime(max(0.0, begun)))}"
    for suffix in ("", *(f".{number}" for number in range(1, 10000))):
        path = folder / f"{stem}{suffix}.log"
        if not path.exists() and not path.with_name(path.name + ".gz").exists():
            return path
    raise FileExistsError(17, "ten thousand archives of one second", str(path))


class Retention:
    """Deletes archives that were last written to more than `keep_days` ago; 0 keeps all.

    A wall clock that jumps deletes nothing: for a day after a jump of more than an hour all archives are kept.
    """

    def __init__(self, keep_days: int, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._keep_s = keep_days * _DAY_S
        self._clock = clock
        self._monotonic = monotonic
        self._difference = clock() - monotonic()
        self._trusted_from = monotonic()
        self.deleted = 0
        """Archives deleted so far."""

    def look_at_clock(self) -> bool:
        """Whether the wall clock was set since the last look; to be called often."""
        difference = self._clock() - self._monotonic()
        jumped = abs(difference - self._difference) > _JUMP_S
        self._difference = difference
        if jumped:
            self._trusted_from = self._monotonic() + _DISTRUST_S
        return jumped

    def apply(self, folder: Path) -> None:
        """Raises OSError."""
        self.look_at_clock()
        if not self._keep_s or self._monotonic() < self._trusted_from:
            return
        oldest = self._clock() - self._keep_s
        for path in archives(folder):
            if path.lstat().st_mtime < oldest:
                path.unlink(missing_ok=True)
                self.deleted += 1


def archives(folder: Path) -> Iterator[Path]:
    """All archives in a folder, compressed or not. Raises OSError."""
    return (Path(entry.path) for entry in os.scandir(folder) if _NAME.fullmatch(entry.name))


def remove_unfinished(folder: Path) -> list[Path]:
    """Takes up what an earlier run left: half compressed files go, archives to be compressed are returned. Raises
    OSError."""
    for entry in os.scandir(folder):
        if entry.name.endswith(_UNFINISHED) and _NAME.fullmatch(entry.name.removesuffix(_UNFINISHED)):
            Path(entry.path).unlink()
    return sorted(path for path in archives(folder) if path.suffix != ".gz")


class Compressor:
    """Compresses archives one after the other, in a thread with a low priority that exists once there is work.

    The uncompressed file goes when the compressed one is on the disk. What fails (a full disk) is left as it is,
    counted, and taken up at the next start.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Path | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self.failed = 0
        """Archives that could not be compressed."""

    def add(self, path: Path) -> None:
        self._waiting.put(path)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log compressor", daemon=True)
            self._thread.start()

    def close(self, within_s: float) -> None:
        """Stops within that time; what is not compressed yet is left to the next run."""
        self._stopping = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(within_s)

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while (path := self._waiting.get()) is not None and not self._stopping:
            try:
                self._compress(path)
            except FileNotFoundError:
                continue  # deleted meanwhile, by the retention or by the operator
            except OSError:
                self.failed += 1

    def _compress(self, path: Path) -> None:
        """Raises OSError."""
        done = path.with_name(path.name + ".gz")
        unfinished = done.with_name(done.name + _UNFINISHED)
        with path.open("rb") as source:
            status = os.fstat(source.fileno())
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(unfinished, flags, status.st_mode & 0o777), "wb") as target:
                try:
                    if not self._squeeze(source, target, int(status.st_mtime)):
                        return
                    os.utime(target.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))  # the retention goes by it
                    os.fsync(target.fileno())
                    unfinished.rename(done)
                finally:
                    unfinished.unlink(missing_ok=True)
        path.unlink()

    def _squeeze(self, source: BinaryIO, target: BinaryIO, mtime: int) -> bool:
        """False if it was told to stop before the end."""
        with gzip.GzipFile(filename="", mode="wb", fileobj=target, compresslevel=6, mtime=mtime) as packed:
            while piece := source.read(_PIECE):
                if self._stopping:
                    return False
                packed.write(piece)
        target.flush()
        return True
