"""One reused, page-aligned buffer that slides over the bytes of a capture, so that no file is ever resident whole."""

from __future__ import annotations

import mmap

from sensor.capture.stream import ByteStream


def _pages(size: int) -> memoryview:
    """Memory that begins with a page, of which pages never touched are never resident, not shared with a fork."""
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


class Window:
    """`data` holds the capture's bytes from `start` to `end`; `base` plus an index is the offset in the capture.

    Reads always go to the same page-aligned place, behind a margin into which the unread rest is moved first: whole
    windows then lie aligned with the page cache, which copies them fastest.
    """

    def __init__(self, stream: ByteStream, size: int, margin: int) -> None:
        self.stream = stream
        self.at_end = False
        self._size = size
        self._margin = -(-margin // mmap.PAGESIZE) * mmap.PAGESIZE
        self.data = _pages(self._margin + size)
        self.start = self.end = self._margin
        self.base = -self._margin

    def fill(self) -> int | None:
        """Keep what lies from `start` to `end` and read on behind it: bytes read, 0 at the end, None: nothing yet.

        Moves the bytes: indexes into `data` and batches made of it are void. The rest kept may have any length.
        """
        rest = self.end - self.start
        if rest > self._margin:
            self._widen(rest)
        start = self._margin - rest
        if start != self.start:
            self.data[start : self._margin] = self.data[self.start : self.end]
            self.base += self.start - start
            self.start, self.end = start, self._margin
        got = self.stream.read_into(self.data[self._margin :])
        if got:
            self.end += got
        elif got == 0:
            self.at_end = True
        return got

    def _widen(self, rest: int) -> None:
        """A new buffer whose margin holds `rest` bytes; the caller's limits bound it."""
        margin = -(-rest * 2 // mmap.PAGESIZE) * mmap.PAGESIZE
        data = _pages(margin + self._size)
        data[margin - rest : margin] = self.data[self.start : self.end]
        self.base += self.start - (margin - rest)
        self.data, self._margin = data, margin
        self.start, self.end = margin - rest, margin
