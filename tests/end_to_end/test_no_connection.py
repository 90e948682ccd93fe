"""The default configuration asks nobody: every capture is replayed where there is no network, and where each call that
could begin a connection, resolve a name or start a program is told of, even if whoever made it hid that it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

PROGRAM = """
import contextlib, io, os, socket, sys
from pathlib import Path

asked = []

def hook(event, arguments):
    if event in FORBIDDEN:
        asked.append(f"{event} {arguments!r}")
        raise PermissionError(event)

FORBIDDEN = {
    "socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
    "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect", "ftplib.connect",
    "smtplib.connect", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork",
}
assert [name for _, name in socket.if_nameindex()] in (["lo"], []), "a namespace of its own"
assert len(Path("/proc/net/route").read_text().splitlines()) <= 1, "no routes"
sys.addaudithook(hook)
if sys.argv[1] == "planted":
    from sensor.ct.store_lookup import StoreLookup
    honest = StoreLookup.lookup
    def lookup(self, ids):
        with contextlib.suppress(OSError), socket.socket() as asking:
            asking.connect(("192.0.2.1", 443))
        return honest(self, ids)
    StoreLookup.lookup = lookup
from sensor.cli.main import main

replayed = 0
for path in map(Path, sys.stdin.read().splitlines()):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = main(["replay", str(path), "-o", sys.argv[2]])
    assert code in (0, 1, 2, 3), (path, code)
    replayed += 1
    if asked:
        break
print(replayed, "replayed")
print("\\n".join(asked[:3]))
"""


def replayed(captures: list[Path], tmp_path: Path, *, planted: bool = False) -> tuple[int, list[str]]:
    """How many captures were replayed, and what was asked of the network."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", PROGRAM, "planted" if planted else "as it is", str(tmp_path / "logs")],
        input="\n".join(map(str, captures)),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *asked = done.stdout.splitlines()
    return int(first.split()[0]), [line for line in asked if line]


@pytest.mark.needs("root", "namespaces", "unshare")
def test_every_capture_of_ours(tmp_path: Path) -> None:
    captures = sorted((REPOSITORY / "pcaps").rglob("*.pcap*"))
    assert len(captures) > 100
    assert replayed(captures, tmp_path) == (len(captures), [])


@pytest.mark.needs("root", "namespaces", "unshare", "shared/corpus/captures")
def test_captures_of_others(shared: Path, tmp_path: Path) -> None:
    captures = sorted(path for path in (shared / "corpus" / "captures").rglob("*") if path.is_file())
    assert len(captures) > 1000
    assert replayed(captures, tmp_path) == (len(captures), [])


@pytest.mark.needs("root", "namespaces", "unshare")
def test_a_connection_that_is_hidden_is_seen(tmp_path: Path) -> None:
    """Planted where a certificate is looked up, and its failure swallowed: the logs are those of a run without it."""
    _, asked = replayed([REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap"], tmp_path, planted=True)
    assert asked
    assert all(line.startswith("socket.connect ") and "192.0.2.1" in line for line in asked)
