"""What the service manager is told: ready, alive, stopping. sd_notify(3)'s protocol over a plain socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_MAX_STATUS = 200


class ServiceManager:
    """Whoever started this process, if it listens (NOTIFY_SOCKET); else nothing happens.

    Connects at once, before rights are given up that it would take. Nothing here waits or fails: a service manager
    that does not listen is no reason to stop.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._socket: socket.socket | None = None
        self.watchdog_s: float | None = _watchdog(environment)
        """`alive` is to be called at least this often; None if nobody looks."""
        address = environment.get("NOTIFY_SOCKET", "")
        if address.startswith(("/", "@")):
            talk = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            try:
                talk.connect("\0" + address[1:] if address.startswith("@") else address)
            except OSError:
                talk.close()
            else:
                self._socket = talk

    def ready(self, status: str) -> None:
        """Packets are taken from now on."""
        self._say(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """For `systemctl status`."""
        self._say(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """The watchdog's keep-alive."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def close(self) -> None:
        """Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, text: str) -> None:
        if self._socket is not None:
            try:
                self._socket.send(text.encode(errors="replace"))
            except OSError:
                return  # its buffer is full, or it has gone; the next word may come through


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """A third of the time after which the service manager loses patience: WATCHDOG_USEC, sd_watchdog_enabled(3)."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 3e6 if microseconds > 0 else None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MAX_STATUS]
