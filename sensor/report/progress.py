"""A line on the terminal that says how far a long input is, while it is read; nothing where there is no terminal.

Written here and not by a library: it is one line, and its import would cost more than most captures take.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

from sensor.report import text
from sensor.report.layout import columns_of, fit

FIRST_AFTER_S = 0.5  # shorter inputs show none
EVERY_S = 0.1
_RATE_OVER_S = 3.0  # the rate is that of about this last stretch
_MIN_BAR, _MAX_BAR = 8, 30


class Progress:
    """Call `update` as often as you like (a clock reading, most times), `close` at the end, and before other output.

    `total` is the input's bytes, None where nobody knows them: a pipe, a growing file.
    """

    def __init__(
        self,
        out: TextIO,
        total: int | None,
        *,
        enabled: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._total = total
        self._clock = clock
        self._enabled = out.isatty() and os.environ.get("TERM") != "dumb" if enabled is None else enabled
        self._started = clock()
        self._next = self._started + FIRST_AFTER_S
        self._before = (self._started, 0)
        self._rate = 0.0
        self._is_shown = False

    def update(self, octets: int, frames: int) -> None:
        """So many bytes and packets have been read since the start."""
        if not self._enabled:
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY_S
        elapsed, read = now - self._before[0], octets - self._before[1]
        self._before = (now, octets)
        # Exponential smoothing with a time constant, so that it does not depend on how often it is called.
        share = min(1.0, elapsed / _RATE_OVER_S) if self._rate else 1.0
        self._rate += share * (read / elapsed - self._rate)
        columns = columns_of(self._out, 80)
        line = render_progress(octets, frames, self._total, self._rate, columns, _is_plain(self._out))
        self._write(f"\r\x1b[2K{line}")
        self._is_shown = True

    def close(self) -> None:
        """Takes the line away; it comes back with a later `update`."""
        if self._is_shown:
            self._write("\r\x1b[2K")
            self._is_shown = False

    def _write(self, control: str) -> None:
        try:
            self._out.write(control)
            self._out.flush()
        except (OSError, ValueError):  # the terminal is gone; the work goes on
            self._enabled = False


def render_progress(octets: int, frames: int, total: int | None, rate: float, columns: int, plain: bool) -> str:
    """One line of less than `columns`: for want of room the packets go, then the bar. `rate` in bytes a second."""
    packets, pace = text.plural(frames, "packet"), f"{text.octets(rate)}/s"
    if total is None or total <= 0:
        return fit("  ".join([text.octets(octets), packets, pace]), columns - 1)
    done = min(1.0, octets / total)
    left = f"{_clock_time((total - octets) / rate)} left" if rate > 0 else ""
    parts = [f"{done:4.0%}", f"{text.octets(octets)} of {text.octets(total)}", packets, pace, left]
    line = "  ".join(filter(None, parts))
    if len(line) >= columns:
        line = "  ".join(filter(None, [*parts[:2], *parts[3:]]))
    bar = min(columns - len(line) - 3, _MAX_BAR)
    if bar < _MIN_BAR:
        return fit(line, columns - 1)
    full, empty = ("=", "-") if plain else ("━", "─")
    filled = round(bar * done)
    return f"{line[:4]}  {full * filled}{empty * (bar - filled)}{line[4:]}"


def _clock_time(seconds: float) -> str:
    whole = max(0, round(seconds))
    minutes, hours = whole // 60, whole // 3600
    return f"{hours}:{minutes % 60:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _is_plain(out: TextIO) -> bool:
    try:
        "━─".encode(out.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
