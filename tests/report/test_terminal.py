"""sensor.report.terminal, on a real terminal device: pictures without waiting, and everything as it was afterwards."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.report.terminal import wants_screen

REPOSITORY = Path(__file__).resolve().parents[2]
BEGIN = b"\x1b[?1049h\x1b[?25l\x1b[?7l"
END = b"\x1b[?7h\x1b[?25h\x1b[?1049l"
START = """
import sys, time, os, signal
from sensor.report.terminal import TerminalScreen, wants_screen
assert wants_screen(sys.stdout)
screen = TerminalScreen(sys.stdout, colour={colour})
def draw(*lines):
    screen.draw([[(line, "bad")] for line in lines], screen.size())
"""


class Terminal:
    """A pseudo-terminal with a program in its foreground; what it writes is read as it comes."""

    def __init__(self, code: str, colour: bool = False, reads: bool = True, encoding: str = "utf-8") -> None:
        self.main, self._device = pty.openpty()
        self.resize(80, 24)
        self.before = termios.tcgetattr(self._device)
        device = self._device
        self.process = subprocess.Popen(
            [sys.executable, "-c", START.format(colour=colour) + code],
            cwd=REPOSITORY,
            env=os.environ | {"TERM": "xterm", "PYTHONIOENCODING": encoding},
            preexec_fn=lambda: os.login_tty(os.dup(device)),  # noqa: PLW1509  (no thread holds a lock that it takes)
        )
        self.output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        if reads:
            self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                octets = os.read(self.main, 65536)
            except OSError:
                return
            if not octets:
                return
            self.output += octets

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._device, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def wait_for(self, octets: bytes) -> None:
        until = time.monotonic() + 30
        while octets not in self.output:
            assert time.monotonic() < until, self.output
            time.sleep(0.01)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._device)[3] & termios.ECHO)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self.main, self._device):
            os.close(fd)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


def run(terminals: list[Terminal], code: str, colour: bool = False, **options: object) -> Terminal:
    terminals.append(Terminal(code, colour, **options))  # type: ignore[arg-type]
    return terminals[-1]


def test_it_is_as_it_was_when_it_is_left(terminals: list[Terminal]) -> None:
    terminal = run(terminals, "draw('one', 'two'); input_ = sys.stdin.readline(); screen.leave(); screen.leave()")
    terminal.wait_for(b"two")
    assert not terminal.echoes()
    os.write(terminal.main, b"\n")
    assert terminal.process.wait(10) == 0
    terminal.wait_for(END)
    assert terminal.output.startswith(BEGIN)
    assert terminal.output.endswith(END)
    assert terminal.output.count(BEGIN) == terminal.output.count(END) == 1
    assert b"one\x1b[K\r" in terminal.output
    assert termios.tcgetattr(terminal._device) == terminal.before


def test_without_a_picture_nothing_is_written(terminals: list[Terminal]) -> None:
    terminal = run(terminals, "screen.leave()")
    assert terminal.process.wait(10) == 0
    assert terminal.output == b""


def test_a_crash_leaves_it_readable(terminals: list[Terminal]) -> None:
    terminal = run(terminals, "try:\n    draw('x'); time.sleep(0.3); 1 / 0\nfinally:\n    screen.leave()")
    assert terminal.process.wait(10) == 1
    terminal.wait_for(b"ZeroDivisionError")
    assert terminal.output.index(END) < terminal.output.index(b"Traceback")
    assert terminal.echoes()


def test_a_new_size_clears_what_was_there(terminals: list[Terminal]) -> None:
    terminal = run(terminals, "draw('one'); sys.stdin.read(1); draw('two'); sys.stdin.read(1); screen.leave()")
    terminal.wait_for(b"one")
    terminal.resize(40, 12)
    os.write(terminal.main, b"x")
    terminal.wait_for(b"two")
    assert b"\x1b[2J\x1b[?2026h\x1b[Htwo" in terminal.output
    os.write(terminal.main, b"x")
    assert terminal.process.wait(10) == 0


def test_who_draws_never_waits_for_a_terminal_that_is_stopped(terminals: list[Terminal]) -> None:
    """Nobody reads the other end: 2,000 pictures of 100 kB, and leaving, take no longer than leaving may."""
    code = "began = time.monotonic()\nfor n in range(2000):\n    draw('x' * 100_000)\nscreen.leave()\n"
    terminal = run(terminals, code + "os._exit(7 if time.monotonic() - began < 4 else 8)", reads=False)
    assert terminal.process.wait(20) == 7


def test_a_terminal_that_is_gone(terminals: list[Terminal]) -> None:
    code = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\ndraw('one'); time.sleep(0.5)\n"
    again = "for n in range(20):\n    draw('two')\n    time.sleep(0.02)\nscreen.leave(); os._exit(7)"
    terminal = run(terminals, code + again)
    terminal.wait_for(b"one")
    os.close(terminal.main)
    os.close(terminal._device)
    terminal.main = os.open("/dev/null", os.O_RDONLY)
    terminal._device = os.open("/dev/null", os.O_RDONLY)
    assert terminal.process.wait(10) == 7


def test_stopped_and_continued(terminals: list[Terminal]) -> None:
    """Ctrl-Z, as job control of a shell: given back, then drawn anew."""
    code = "screen.stand_back_when_stopped()\nwhile True:\n    draw('one'); time.sleep(0.05)"
    terminal = run(terminals, "if os.fork():\n    os.wait(); os._exit(0)\n" + code)
    terminal.wait_for(b"one")
    os.write(terminal.main, b"\x1a")
    terminal.wait_for(END)
    until = time.monotonic() + 20
    while not terminal.echoes():
        assert time.monotonic() < until
        time.sleep(0.01)
    before = len(terminal.output)
    os.killpg(terminal.process.pid, signal.SIGCONT)
    until = time.monotonic() + 30
    while BEGIN not in terminal.output[before:]:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(("colour", "painted"), [(True, b"\x1b[31mone\x1b[0m"), (False, b"\x1b[Hone\x1b[K")])
def test_colour(terminals: list[Terminal], colour: bool, painted: bytes) -> None:
    terminal = run(terminals, "draw('one'); time.sleep(0.2); screen.leave()", colour)
    terminal.wait_for(painted)


def test_a_terminal_without_these_characters(terminals: list[Terminal]) -> None:
    terminal = run(terminals, "draw('a ─ b … c · d µ e \\u4e2d'); time.sleep(0.2); screen.leave()", encoding="ascii")
    terminal.wait_for(b"a - b ~ c - d u e \\u4e2d")


def test_who_gets_a_screen() -> None:
    assert not wants_screen(io.StringIO(), {"TERM": "xterm"})
    with Path(os.devnull).open("w") as out:
        assert not wants_screen(out, {"TERM": "xterm"})
