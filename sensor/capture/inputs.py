"""From what the user named (files, folders, pipes, "-") to one PacketSource."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sensor.capture.source import CaptureError
from sensor.capture.stream import POLL_S, RawBytes
from sensor.capture.timeline import MIN_WINDOW_BYTES, TimeLine, Track
from sensor.settings import CaptureSettings
from sensor.weird import Weird

STDIN_NAME = "-"
STDIN_FD = 0


def _printable(path: str) -> str:
    """A path in which bytes that are no UTF-8 (Python reads them as lone surrogates) can be printed and logged."""
    return path.encode("utf-8", "backslashreplace").decode()


class _Named:
    """Something the user named that should be one capture; or, if `found`, a file in a folder that may be one."""

    def __init__(self, path: str, *, found: bool) -> None:
        """Raises OSError."""
        self.path = path
        self.name = _printable(path)
        self.found = found
        status = os.fstat(STDIN_FD) if path == STDIN_NAME else Path(path).stat()
        self.identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        self.regular = stat.S_ISREG(status.st_mode)
        self.reopens = self.regular and path != STDIN_NAME

    def opened(self, *, follow: bool) -> RawBytes:
        """Waits for the writer of a FIFO. Raises OSError."""
        if self.path == STDIN_NAME:
            return RawBytes(STDIN_FD, growing=follow, owned=False)
        return RawBytes(os.open(self.path, os.O_RDONLY), path=self.path, growing=follow)


def open_inputs(paths: Sequence[str], settings: CaptureSettings, *, follow: bool = False) -> TimeLine:
    """All captures that `paths` name as one time line, in the order of their first frames.

    Each path is a file, a folder (read recursively, in the order of names; what is no capture in it is listed in
    `skipped`), a FIFO, or "-" for standard input. What is named twice is read once. With `follow`, files are waited
    on for more to be written, through rotations, until `close`.
    Looks at the first bytes of each; where there are several, on to the first frame.
    Raises CaptureError: a line for each path that is no capture or cannot be opened, or that there is no capture.
    """
    errors: list[str] = []
    skipped: list[str] = []
    named: dict[tuple[int, int], _Named] = {}
    for path in paths:
        try:
            for one in _expanded(path, skipped):
                named.setdefault(one.identity, one)
        except OSError as error:
            errors.append(f"{_printable(path)}: {error.strerror}")
    weirds: list[Weird] = []
    tracks: list[Track] = []
    for one in named.values():
        size = one.size if one.regular and not follow else None
        opened = partial(one.opened, follow=follow)
        track = Track(one.name, len(tracks), opened, size, settings, weirds, named=one.reopens)
        try:
            _prepare(track, one, several=len(named) > 1, follow=follow)
        except CaptureError as error:
            track.close()
            if one.found:
                skipped.append(one.name)
            else:
                errors.append(str(error))
        except OSError as error:
            if not one.found:
                errors.append(f"{one.name}: {error.strerror}")
            else:
                tracks.append(track)  # it may well be a capture: its turn comes, and a weird if it still cannot be read
        else:
            tracks.append(track)
    if not tracks and not errors:
        errors.append(f"{', '.join(map(_printable, paths))}: no capture among {len(skipped)} files")
    if errors:
        for track in tracks:
            track.close()
        raise CaptureError("\n".join(errors))
    return TimeLine(tracks, weirds, skipped, follow=follow)


def _expanded(path: str, skipped: list[str]) -> Iterator[_Named]:
    """The path itself, or the files in it; what cannot be one goes to `skipped`. Raises OSError."""
    if path == STDIN_NAME and os.isatty(STDIN_FD):
        raise OSError(errno.EINVAL, "standard input is a terminal")
    if path == STDIN_NAME or not Path(path).is_dir():
        yield _Named(path, found=False)
        return
    for folder, folders, files in os.walk(path, onerror=lambda error: skipped.append(_printable(str(error.filename)))):
        folders.sort()
        for name in sorted(files):
            member = str(Path(folder, name))
            try:
                one = _Named(member, found=True)
            except OSError:
                skipped.append(_printable(member))  # a dangling link
                continue
            if one.regular:
                yield one
            else:
                skipped.append(one.name)


def _prepare(track: Track, one: _Named, *, several: bool, follow: bool) -> None:
    """Make sure it is a capture, and find its first frame's time if that is needed. Raises CaptureError, OSError.

    A file among several is closed again until its turn comes. A growing file may still be without its first bytes.
    """
    probe = track
    if several and one.reopens:
        probe = Track(track.name, track.order, track.opened, None, track.settings, [])
    try:
        probe.open(MIN_WINDOW_BYTES if probe is not track else track.settings.window_bytes)
        waits = not (follow and one.regular)
        while not probe.recognise() and waits:
            probe.wait(POLL_S)
        while several and not probe.load() and not probe.ended and not follow:
            probe.wait(POLL_S)
        if probe.batch is not None:
            track.first_ts = probe.batch.ts[0]
    finally:
        if probe is not track:
            probe.close()
