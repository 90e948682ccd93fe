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
        self._files: dict[str, int] = {}
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
        if self._closed:
            raise SinkError(f"{self._folder}: closed")
        path = self._folder / f"{stream}.log"
        fd = self._files.get(stream)
        if fd is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                fd = os.open(path, flags, 0o644)
            except OSError as error:
                raise SinkError(f"{path}: {error.strerror}") from None
            self._files[stream] = fd
        write_lines(fd, str(path), lines)

    def close(self) -> None:
        self._closed = True
        failed = None
        while self._files:
            stream, fd = self._files.popitem()
            try:
                if self._durable:
                    os.fsync(fd)
            except OSError as error:
                failed = SinkError(f"{self._folder / stream}.log: {error.strerror}")
            finally:
                os.close(fd)
        if failed is not None:
            raise failed
