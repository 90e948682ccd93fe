"""Logs as files in a folder: <stream>.log, as `zeek -r` leaves them."""

from __future__ import annotations

import os
from pathlib import Path

from sensor.logs.records import STREAMS
from sensor.logs.sinks.output import write_lines
from sensor.logs.sinks.sink import SinkError


class FolderSink:
    """A file for each log that has lines; the folder is made if it is not there.

    What an earlier run left under these names is removed at once, so that the folder holds the logs of one run. A file
    is never followed through a symbolic link. If `durable`, closing waits until the disk has everything.
    """

    merged = False

    def __init__(self, folder: Path, durable: bool = False) -> None:
        """Raises SinkError if the folder cannot be made or written to."""
        self._folder = folder
        self._durable = durable
        self._files: dict[str, tuple[int, str]] = {}  # descriptor and name by log
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stream in STREAMS:
                (folder / f"{stream}.log").unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(f"{error.filename or folder}: {error.strerror}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SinkError(f"{folder}: not writable")

    def write(self, stream: str, lines: bytes) -> None:
        file = self._files.get(stream)
        if file is None:
            file = self._files[stream] = self._open(stream)
        write_lines(file[0], file[1], lines)

    def close(self) -> None:
        self._closed = True
        failed = None
        while self._files:
            _, (fd, name) = self._files.popitem()
            try:
                if self._durable:
                    os.fsync(fd)
            except OSError as error:
                failed = SinkError(f"{name}: {error.strerror}")
            finally:
                os.close(fd)
        if failed is not None:
            raise failed

    def _open(self, stream: str) -> tuple[int, str]:
        if self._closed:
            raise SinkError(f"{self._folder}: closed")
        path = self._folder / f"{stream}.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o644), str(path)
        except OSError as error:
            raise SinkError(f"{path}: {error.strerror}") from None
