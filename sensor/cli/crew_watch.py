"""What several workers of `live` show and say as one: each leaves it in memory that is read by who started them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sensor.cli.watch import Watch, open_watch
from sensor.health.metrics import Report, add_up
from sensor.health.shared import Shared
from sensor.report.merged import Counted, Glance, Glances, count_up, glance_at, one_input
from sensor.report.merged import add_up as add_counts
from sensor.report.render import print_summary
from sensor.report.summary import FileRead, Summary
from sensor.report.terminal import wants_screen

if TYPE_CHECKING:
    from sensor.report.board import Board

COUNTED_BYTES: Final = 1 << 24
"""Of all that a summary has counted; its limits leave a tenth of that, with the longest names there are."""


class Slate:
    """One worker's, `number` from 1. To be made before the fork."""

    def __init__(self, number: int, with_screen: bool) -> None:
        self.number = number
        self._with_screen = with_screen
        self.report = Shared(Report)
        self.glance = Shared(Glance)
        self.counted = Shared(Counted, COUNTED_BYTES)

    def show(self, report: Report, board: Board | None) -> None:
        """In the worker, now and then."""
        self.report.put(report)
        if board is not None and self._with_screen:
            self.glance.put(glance_at(board))

    def finish(self, board: Board, file: FileRead) -> None:
        """In the worker, at the end: `file` is what it took."""
        self.counted.put(count_up(board, file))


class PipedText(io.TextIOBase):
    """In place of a worker's standard error while there is a picture on the terminal: into the pipe that its starter
    reads, whole lines at once, so that none comes within another's. What that does not take is not waited for."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._begun = ""

    def write(self, text: str) -> int:
        lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            with contextlib.suppress(OSError):
                os.write(self._pipe, f"{lines}\n".encode(errors="replace"))
        return len(text)


class CrewWatch:
    """For whoever started the workers: `begin` when they run, `look` once a second, `close` it before `summarise`."""

    def __init__(self, slates: Sequence[Slate]) -> None:
        self._slates = slates
        self._reports: list[Report | None] = [None] * len(slates)
        self._watch: Watch | None = None

    @staticmethod
    def wants_screen(plain: bool) -> bool:
        """Whether there will be one."""
        return not plain and wants_screen(sys.stdout)

    def reports(self) -> list[Report | None]:
        """By worker, as they are now."""
        return [slate.report.get() for slate in self._slates]

    def begin(self, name: str, every_s: float, plain: bool, colour: bool) -> None:
        self._watch = open_watch(name, Glances(), every_s, plain, colour)

    def look(self) -> None:
        """What they left last; of one that is just writing, what it left before."""
        self._reports = [now or last for now, last in zip(self.reports(), self._reports, strict=True)]
        reports = [report for report in self._reports if report is not None]
        if self._watch is not None and reports:
            glances = [glance for slate in self._slates if (glance := slate.glance.get()) is not None]
            self._watch.board = Glances(glances)
            self._watch.show(add_up(reports))

    def close(self) -> None:
        """Idempotent."""
        if self._watch is not None:
            self._watch.close()

    def summarise(self, name: str, colour: bool | None) -> None:
        """Prints what all of them have seen, and whose counts are missing."""
        summary = Summary()
        files, missing = [], []
        for slate in self._slates:
            counted = slate.counted.get()
            if counted is None:
                missing.append(f"what worker {slate.number} saw is not in this summary")
            else:
                add_counts(summary, counted)
                files.append(counted.file)
        summary.files.append(one_input(name, files, missing))
        print_summary(summary, sys.stdout, colour=colour)
