"""What a person who started `live` sees of it: a screen on a terminal, else a line now and then."""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from typing import TextIO

from sensor.capture.live.source import LiveSource
from sensor.health.metrics import Report
from sensor.pipeline import Pipeline
from sensor.report.board import Board
from sensor.report.merged import Glances
from sensor.report.render import wants_colour
from sensor.report.screen import Moment, Pace, render_line, render_screen
from sensor.report.summary import FileRead
from sensor.report.terminal import TerminalScreen, wants_screen

_MAX_HELD = 1000  # lines


def open_watch(source: str, board: Board | Glances, every_s: float, plain: bool, colour: bool) -> Watch:
    """The screen on standard output, or, where there is none and if `plain`, the lines."""
    screen = None
    if not plain and wants_screen(sys.stdout):
        screen = TerminalScreen(sys.stdout, colour=colour and wants_colour(sys.stdout))
    return Watch(source, board, every_s, screen)


def what_was_read(source: LiveSource, pipeline: Pipeline, lines_lost: int) -> FileRead:
    """The input of a summary, with what was lost of it."""
    stats, accounts = source.stats(), pipeline.accounts()
    damage = []
    if stats.dropped:
        damage.append(f"{stats.dropped} packets dropped, the sensor being too slow")
    if stats.interface_dropped:
        damage.append(f"{stats.interface_dropped} lost by the interface")
    if lines_lost:
        damage.append(f"{lines_lost} log lines could not be written")
    return FileRead(source.name, accounts.frames, accounts.wire_bytes, source.first_ts, source.last_ts, tuple(damage))


class HeldText(io.TextIOBase):
    """Takes what is written to standard error while there is a picture on the terminal: the last lines of it."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_MAX_HELD)
        self._begun = ""

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        self._lines.extend(whole)
        self._begun = self._begun[-4096:]
        return len(text)

    def last(self) -> str:
        return self._lines[-1] if self._lines else ""

    def release(self) -> str:
        """All that was held; nothing is any more."""
        text = "".join(f"{line}\n" for line in self._lines) + self._begun
        self._lines.clear()
        self._begun = ""
        return text


class Watch:
    """`show` it every report; `close` it before anything else is printed."""

    def __init__(self, source: str, board: Board | Glances, every_s: float, screen: TerminalScreen | None) -> None:
        """A line every so many seconds where there is no `screen`."""
        self._source = source
        self.board = board
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self._screen = screen
        self._pace = Pace()
        self._stderr: TextIO | None = None
        self._held = HeldText()
        if screen is not None:
            screen.stand_back_when_stopped()

    def show(self, report: Report) -> None:
        now = time.monotonic()
        rates = self._pace.add(now, report)
        if self._screen is not None:
            if self._stderr is None:
                self._stderr, sys.stderr = sys.stderr, self._held
            columns, rows = self._screen.size()
            moment = Moment(self._source, time.time(), report, rates, self.board, self._held.last())
            self._screen.draw(render_screen(moment, columns, rows), (columns, rows))
        elif now >= self._next:
            self._next = now + self._every_s
            print(f"ocspwatch: {render_line(report, rates)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Idempotent."""
        if self._screen is not None:
            self._screen.leave()
        if self._stderr is not None:
            sys.stderr, self._stderr = self._stderr, None
            sys.stderr.write(self._held.release())
