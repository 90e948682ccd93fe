"""A process that gives up its rights as `live` does, and then tries from the inside what it must not be able to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

PRELUDE = """
import ctypes, errno, json, os, resource, signal, socket, sys, threading
from pathlib import Path
from sensor.service import capabilities, kernel, privileges
from sensor.settings import ServiceSettings
settings = ServiceSettings(**json.loads(sys.argv[1]))
place = Path(sys.argv[2])

def attempt(what):
    try:
        return ["done", repr(what())[:60]]
    except OSError as error:
        return [errno.errorcode.get(error.errno, str(error.errno)), str(error)[:60]]
    except RuntimeError as error:
        return ["RuntimeError", str(error)[:60]]
found = {}
"""

CONFINE = """
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
packets.bind(("lo", 0))
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
found["before"] = {name: hex(bits) for name, bits in capabilities.held().items()}
bounded = privileges.drop_user(settings, [place / "logs"])
sealed = privileges.seal(settings, bounded, [place / "logs", place / "cache"])
found["given_up"], found["not_possible"] = sealed.given_up, sealed.not_possible
"""

REPORT = """
print(json.dumps(found))
"""


def run(code: str, place: Path, interpreter: tuple[str, ...] = (), **settings: object) -> dict[str, object]:
    """What `code` leaves in `found`, run after PRELUDE by the interpreter that `interpreter` is."""
    done = subprocess.run(
        [*(interpreter or [sys.executable]), "-c", PRELUDE + code + REPORT, json.dumps(settings), str(place)],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
