"""Pictures on a terminal, one in the place of the other, from a thread of its own; afterwards it is as it was before.

Who draws never waits: a terminal may be stopped (Ctrl-S), slow or gone. A picture that was not begun when the next
comes is left out. Control sequences: ECMA-48, and xterm's for the alternate screen (1049), the cursor (25), line wrap
(7) and updates that are shown at once (2026, which others ignore).
"""

from __future__ import annotations

import os
import signal
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final, TextIO

from sensor.report.layout import Line, paint

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE: Final = "\x1b[?2026l\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN: Final = "\x1b[?2026h\x1b[H"
_END: Final = "\x1b[J\x1b[?2026l"
_LEAVE_WITHIN_S: Final = 1.0
_PLAIN: Final = str.maketrans({"─": "-", "…": "~", "·": "-", "µ": "u"})


def wants_screen(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `out` is a terminal that can be drawn on, and this program the one in its foreground."""
    try:
        return environ.get("TERM", "dumb") != "dumb" and out.isatty() and os.tcgetpgrp(out.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # not this process' terminal; no descriptor
        return False


class TerminalScreen:
    """The terminal behind `out`. Nothing happens before the first `draw`; `leave` gives it back, once or more often."""

    def __init__(self, out: TextIO, colour: bool) -> None:
        self._fd = out.fileno()
        self._encoding = out.encoding or "utf-8"
        self._colour = colour
        self._plain = False
        try:
            "─…·µ".encode(self._encoding)
        except UnicodeEncodeError:
            self._plain = True
        self._changed = threading.Condition()
        self._picture: tuple[tuple[int, int], str] | None = None
        self._leaving = False
        self._thread: threading.Thread | None = None
        self._shown: tuple[int, int] | None = None  # the size of what is on the terminal
        self._modes: list[object] | None = None

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            size = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    def draw(self, lines: Sequence[Line], size: tuple[int, int]) -> None:
        """`lines` fit into `size`, which was the terminal's a moment ago."""
        painted = "\x1b[K\r\n".join(paint(line, self._colour) for line in lines) + "\x1b[K"
        if self._plain:
            painted = painted.translate(_PLAIN)
        with self._changed:
            self._picture = (size, painted)
            self._leaving = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ocspwatch-screen", daemon=True)
                self._thread.start()
            self._changed.notify()

    def leave(self) -> None:
        """The terminal is given back, unless it takes nothing for a second: then there is nobody to see it."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._picture = None
            self._leaving = True
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LEAVE_WITHIN_S)

    def stand_back_when_stopped(self) -> None:
        """On Ctrl-Z the terminal is given back before the program stops; `draw` takes it again when it goes on."""

        def stop(number: int, _: FrameType | None) -> None:
            self.leave()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # here it stops, and from here it goes on
            signal.signal(number, stop)

        signal.signal(signal.SIGTSTP, stop)

    # What follows runs in the other thread.

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._picture is not None or self._leaving)
                    picture, self._picture = self._picture, None
                if picture is None:
                    break
                self._put(*picture)
        except OSError:  # the terminal is gone
            return
        finally:
            with suppress(OSError):
                self._give_back()

    def _put(self, size: tuple[int, int], painted: str) -> None:
        if os.tcgetpgrp(self._fd) != os.getpgrp():  # in the background somebody else has the terminal
            return
        begin = _BEGIN
        if self._shown is None:
            self._silence()
            begin = _ENTER + begin
        elif size != self._shown:
            begin = "\x1b[2J" + begin
        self._shown = size
        self._write(begin + painted + _END)

    def _silence(self) -> None:
        """What is typed is not shown; Ctrl-C and the like still do what they do."""
        with suppress(OSError, termios.error):
            self._modes = termios.tcgetattr(self._fd)
            quiet = list(self._modes)
            quiet[3] = int(str(quiet[3])) & ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._fd, termios.TCSANOW, quiet)  # type: ignore[arg-type]  # what tcgetattr gave

    def _give_back(self) -> None:
        if self._shown is None:
            return
        self._shown = None
        if self._modes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._modes)  # type: ignore[arg-type]  # what it gave
        self._write(_LEAVE)

    def _write(self, control: str) -> None:
        data = memoryview(control.encode(self._encoding, "backslashreplace"))
        while data:
            data = data[os.write(self._fd, data) :]
