"""A Redis Cluster of our own on loopback: Debian's redis-server, put together by redis-cli."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from sensor.cluster.node import Command
from sensor.cluster.nodes import Answered, Nodes
from sensor.settings import ClusterSettings
from tests.ports import free_ports

_LATER_S = 50 * 365 * 86400
PASSWORD = "correct horse battery staple"


class Server:
    """One node."""

    def __init__(self, folder: Path, port: int, bus: int, words: Sequence[str]) -> None:
        self.port = port
        self.log = folder / f"{port}.log"
        self.words = [
            "redis-server",
            *("--port", str(port), "--cluster-port", str(bus), "--bind", "127.0.0.1"),
            *("--cluster-enabled", "yes", "--cluster-config-file", f"{port}.conf", "--cluster-node-timeout", "1000"),
            *("--cluster-require-full-coverage", "no"),
            *("--save", "", "--appendonly", "no", "--dir", str(folder), "--logfile", str(self.log), *words),
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until and self.process.poll() is None, self.log.read_text()
                time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Lasting(Nodes):
    """Whatever is written lasts: servers go by the real clock, by which our certificates may have expired."""

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        return super().ask([_later(command) for command in commands])


def _later(command: Command) -> Command:
    words = list(command)
    if b"EXAT" in words:
        words[-1] = b"%d" % (int(words[-1]) + _LATER_S)
    elif words[0] == b"EXPIREAT":
        words[2] = b"%d" % (int(words[2]) + _LATER_S)
    return tuple(words)


class Cluster:
    """Three masters, whole when this has been made."""

    def __init__(self, folder: Path, words: Sequence[str] = (), cli: Sequence[str] = ()) -> None:
        ports = free_ports(6)
        self.cli = ["redis-cli", *cli]
        self.servers = [Server(folder, *pair, words) for pair in zip(ports[:3], ports[3:], strict=True)]
        nodes = [f"127.0.0.1:{server.port}" for server in self.servers]
        made = subprocess.run(
            [*self.cli, "--cluster", "create", *nodes, "--cluster-yes"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        self.nodes = tuple(nodes)
        until = time.monotonic() + 20
        while not all(b"cluster_state:ok" in self.of(server, "CLUSTER", "INFO") for server in self.servers):
            assert time.monotonic() < until
            time.sleep(0.02)
        self.settings = ClusterSettings(nodes=self.nodes[:1], tls=False, timeout_ms=5000, retry_s=0.1, believed_s=0.0)

    def of(self, server: Server, *words: str) -> bytes:
        """What redis-cli prints."""
        return subprocess.run(
            [*self.cli, "-p", str(server.port), *words], capture_output=True, check=True, timeout=10
        ).stdout

    def empty(self) -> None:
        for server in self.servers:
            self.of(server, "FLUSHALL")

    def close(self) -> None:
        for server in self.servers:
            server.kill()
