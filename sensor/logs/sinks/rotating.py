"""Logs of a sensor that runs for months: live files under their plain names, put aside by time and size, compressed,
kept for so many days, opened anew when asked to. Waits for the disk: the queue in front of it (`queued.py`) does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from sensor.logs.records import STREAMS
from sensor.logs.sinks.archive import Compressor, Retention, archive_path, remove_unfinished
from sensor.logs.sinks.live_file import LiveFile
from sensor.logs.sinks.sink import ReaderGone, SinkError
from sensor.settings import LogSettings

_HOUR_S = 3600.0
_COMPRESSOR_STOPS_S = 1.0


class RotatingFolder:
    """A folder with `<stream>.log` for each log that has lines, and archives of them. One process writes to it.

    Earlier runs' files are gone on with. `tick` is called about once a second. All methods are of one thread.
    """

    merged = False
    ends_with_reader = False

    def __init__(
        self,
        folder: Path,
        settings: LogSettings,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes the folder (mode 0750) and mends what a killed run left there. Raises SinkError."""
        self._folder = folder.absolute()
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._files: dict[str, LiveFile] = {}
        self._compressor = Compressor()
        self._retention = Retention(settings.keep_days, clock, monotonic)
        self._next_sync = self._next_cleaning = monotonic()
        self._lock = -1
        self._said: list[str] = []
        self._last_said = ""
        self._take_folder()
        if not os.access(self._folder, os.W_OK | os.X_OK):
            self._leave_folder()
            raise SinkError(f"{folder}: not writable")
        self._resume()

    @property
    def folder(self) -> Path:
        return self._folder

    def messages(self) -> list[str]:
        """What the operator should know, one line each, since the last call."""
        said, self._said = self._said, []
        return said

    def _say(self, text: str) -> None:
        """The same is not said again before something else was."""
        if text != self._last_said:
            self._said.append(text)
            self._last_said = text

    def write(self, stream: str, data: memoryview) -> int:
        """Octets taken of `data`: whole lines of a file, as much as it takes at once of a FIFO. Raises SinkError if
        none could be; ReaderGone for a FIFO that nobody reads."""
        file = self._files.get(stream)
        if file is not None and (file.is_gone() or self._is_due(file)):
            self._let_go(stream)
            file = None
        if file is None:
            file = self._files[stream] = self._open(stream)
        try:
            return file.write(data)
        except ReaderGone:  # the FIFO stays open: closed now, it would end for a reader who has just come
            raise
        except SinkError:
            self._let_go(stream, aside=False)
            raise

    def tick(self) -> None:
        """Once a second: is anything due? Raises SinkError, which may be told and otherwise ignored."""
        now = self._monotonic()
        if self._settings.sync_every_s and now >= self._next_sync:
            self._next_sync = now + self._settings.sync_every_s
            self.sync()
        if self._retention.look_at_clock():
            self._say("the clock was set: no archive is deleted for a day")
        for stream, file in list(self._files.items()):
            if self._is_due(file):
                self._let_go(stream)
            elif file.is_elsewhere():
                self._let_go(stream, aside=False)
        if now >= self._next_cleaning:
            try:
                self._retention.apply(self._folder)
                self._next_cleaning = now + _HOUR_S
            except FileNotFoundError:
                return  # the folder is gone, or an archive was deleted meanwhile: the next tick looks again
            except OSError as error:
                self._next_cleaning = now + _HOUR_S
                raise SinkError(f"{self._folder}: {error.strerror}") from None

    def sync(self) -> None:
        """Waits until the disk has all that was written. Raises SinkError."""
        for file in self._files.values():
            file.sync()

    def reopen(self) -> None:
        """Lets go of all files; what comes goes to whatever lies under their names then (logrotate's HUP). A FIFO stays
        open if it is still there: half a line may be in it."""
        for stream, file in list(self._files.items()):
            if not file.is_fifo or file.is_elsewhere():
                self._let_go(stream, aside=False)

    def close(self) -> None:
        """Idempotent. Raises SinkError."""
        try:
            self.sync()
        finally:
            for stream in list(self._files):
                self._let_go(stream, aside=False)
            self._compressor.close(_COMPRESSOR_STOPS_S)
            self._leave_folder()

    def _resume(self) -> None:
        """Cuts the partial lines that a killed run left, whether or not their logs get more lines; takes up its
        archives. Raises SinkError."""
        for stream in STREAMS:
            path = self._folder / f"{stream}.log"
            if path.is_file() and not path.is_symlink():
                file = self._files[stream] = LiveFile.open(path, self._clock())
                if file.cut:
                    self._say(f"{path}: {file.cut} bytes of a line that was cut by a crash are removed")
        try:
            for path in remove_unfinished(self._folder):
                self._compress(path)
        except OSError as error:
            raise SinkError(f"{error.filename or self._folder}: {error.strerror}") from None

    def _open(self, stream: str) -> LiveFile:
        """Raises SinkError. The name comes from the process that parses strangers' bytes: it leads nowhere else."""
        if not stream.isidentifier():
            raise SinkError(f"{stream!r} is no log")
        if not self._has_folder():
            self._leave_folder()
            self._take_folder()
        return LiveFile.open(self._folder / f"{stream}.log", self._clock())

    def _is_due(self, file: LiveFile) -> bool:
        """Whether a file is to be put aside: it is large enough, or was begun in another stretch of time, be it
        because the clock was set back."""
        settings = self._settings
        if file.is_fifo or not file.size:
            return False
        if settings.rotate_bytes and file.size >= settings.rotate_bytes:
            return True
        every = settings.rotate_every_s
        return bool(every) and file.begun // every != self._clock() // every

    def _let_go(self, stream: str, aside: bool = True) -> None:
        """Closes the file of `stream`, and gives it the name of an archive if it is to be put `aside`."""
        file = self._files.pop(stream)
        try:
            if aside and not file.is_elsewhere():
                to = archive_path(self._folder, stream, file.begun)
                file.path.rename(to)
                self._compress(to)
        except OSError as error:
            self._say(f"{file.path}: cannot be put aside: {error.strerror}")
        finally:
            with contextlib.suppress(SinkError):
                file.sync()
            file.close()

    def _compress(self, path: Path) -> None:
        if self._settings.compress_rotated:
            self._compressor.add(path)

    def _take_folder(self) -> None:
        """Makes the folder if need be, and claims it for this process. Raises SinkError."""
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o750, parents=True)
            self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._leave_folder()
            raise SinkError(f"{self._folder}: another ocspwatch writes its logs there") from None
        except OSError as error:
            self._leave_folder()
            raise SinkError(f"{error.filename or self._folder}: {error.strerror}") from None

    def _has_folder(self) -> bool:
        """Whether the folder under the name is still the one that was claimed."""
        try:
            return self._lock >= 0 and os.path.samestat(self._folder.stat(), os.fstat(self._lock))
        except OSError:
            return False

    def _leave_folder(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1
