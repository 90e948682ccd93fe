"""A running `ocspwatch live`, what it is fed with, and how its logs are read."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conservation

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap"
NEEDS = pytest.mark.needs("root", "namespaces", "ip")


def frames(capture: Path) -> list[bytes]:
    """Of a microsecond pcap in this machine's byte order."""
    data, at, found = capture.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("@I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


class Live:
    """A running `ocspwatch live`, listening when this has been made."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        config: Path | None = None,
        before: tuple[str, ...] = (),
        allow_root: bool = True,
        interpreter: tuple[str, ...] = (sys.executable,),
        environment: dict[str, str] | None = None,
    ) -> None:
        """`before` are words before the verb; `interpreter` may end up as somebody else."""
        named = ["--config", str(config)] if config else []
        rights = ["--allow-root"] if allow_root else []
        code = "import sys; from sensor.cli.main import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [
                *interpreter,
                "-c",
                code,
                *named,
                "--set",
                "capture.ring_bytes=16777216",
                *before,
                "live",
                *rights,
                *words,
            ],
            cwd=REPOSITORY,
            env=os.environ
            | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
            | conservation.environment()
            | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.said = ""
        self.rights: list[str] = []
        if environment and "NOTIFY_SOCKET" in environment:  # who listens there is told
            return
        for line in self.process.stderr:
            self.said = line
            if "listening" in line:
                break
            self.rights.append(line)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output, and what else was said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=5)
        return self.process.returncode, out, err


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
