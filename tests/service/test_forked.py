"""sensor.service.forked: a process that serves, its signals, its end, and a bug in it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Sequence

import pytest

from sensor.service.forked import Forked, NotAloneError

pytestmark = pytest.mark.usefixtures("alone")


def echo(talks: Sequence[socket.socket]) -> int:
    while octets := talks[0].recv(100):
        talks[0].sendall(octets)
    return 0


def test_it_serves_until_its_client_has_gone_whatever_signal_comes() -> None:
    process = Forked(echo, 1)
    (talk,) = process.talks
    talk.settimeout(20)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.pid, number)
        talk.sendall(b"still there?")
        assert talk.recv(100) == b"still there?"
    process.wait(0.05)
    assert process.pid  # it is waited for no longer than that
    talk.close()
    process.wait(20)
    assert process.pid == 0
    process.wait(20)


def test_a_bug_in_it_is_told_and_ends_it_alone(capfd: pytest.CaptureFixture[str]) -> None:
    def serve(talks: Sequence[socket.socket]) -> int:
        raise ValueError("a bug of ours")

    process = Forked(serve, 2)
    for talk in process.talks:
        talk.settimeout(20)
        assert talk.recv(1) == b""
        talk.close()
    assert os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1]) == 1
    process.wait(20)  # somebody else waited for it
    assert process.pid == 0
    assert "a bug of ours" in capfd.readouterr().err


def test_it_is_not_started_beside_threads() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with pytest.raises(NotAloneError):
            Forked(echo, 1)
    finally:
        end.set()
        thread.join()
