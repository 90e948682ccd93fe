"""sensor.cli.online: `replay --online crt.sh` against a crt.sh of our own, and who refuses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.crtsh, however pytest is started

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.sources import DerItem
from sensor.ct.sources.files import Input, find_inputs, read_input
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests import conservation
from tests.crtsh.server import CrtSh, make_tls, say

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICE = REPOSITORY / "pcaps" / "office"
CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"
HTTP_LIBRARIES = ("urllib3", "http.client", "urllib.request", "requests", "sensor.online.fetching", "sensor.crtsh.desk")


@pytest.fixture(scope="module")
def certificates() -> list[bytes]:
    ders: list[bytes] = []
    for source in find_inputs([str(OFFICE / "certs")]):
        if isinstance(source, Input):
            ders += [item.der for item in read_input(source, CtSettings()) if isinstance(item, DerItem)]
    return ders


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, certificates: list[bytes]
) -> Iterator[CrtSh]:
    tls = make_tls(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = CrtSh(tls.good).add(*certificates)
    yield server
    server.close()


def start(folder: Path, *words: str, url: str | None = None) -> subprocess.Popen[str]:
    options = ["--set", f"ct.path={folder / 'ct.sqlite'}"]
    if url:
        options += ["--set", f"online.crtsh_url={url}", "--set", "online.requests_per_minute=6000"]
        options += ["--set", "online.max_tries=1", "--set", "online.timeout_s=50"]
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *options, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **conservation.environment()},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (one thread)
    )


def replay(folder: Path, *words: str, url: str | None = None) -> tuple[int, str, list[dict[str, object]]]:
    """Exit code, standard error, and the leaks by OCSP, without what depends on when an answer came."""
    out = folder / "logs"
    process = start(folder, "replay", str(OFFICE / "morning.pcapng"), "-o", str(out), *words, url=url)
    _, told = process.communicate(timeout=120)
    return process.returncode, told, leaks(out)


def leaks(out: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (out / "leak.log").read_text().splitlines()]
    ours = [{k: v for k, v in line.items() if k not in ("times_seen", "found_in")} for line in lines]
    return sorted(
        (line for line in ours if line["channel"] == "ocsp"), key=lambda line: json.dumps(line, sort_keys=True)
    )


def test_names_come_from_crtsh_as_they_would_from_an_import(server: CrtSh, tmp_path: Path) -> None:
    own, asked = tmp_path / "own", tmp_path / "asked"
    own.mkdir()
    asked.mkdir()
    store = Store(own / "ct.sqlite", 250)
    import_paths(store, [str(OFFICE / "certs")], CtSettings(), 1, ImportReport())
    store.close()
    code, told, expected = replay(own, "-q")
    assert (code, told) == (0, "")
    code, told, found = replay(asked, "--online", "crt.sh", url=server.url)
    assert code == 0, told
    assert told.startswith(
        f"ocspwatch: asks {server.url} about certificates that the cache does not know: it learns their serial "
        "numbers, that is, which sites the monitored clients visit, and this machine's address\n"
    )
    names = [line["site"] for line in expected if "site" in line]
    assert len(names) > 10
    assert [line["site"] for line in found if "site" in line] == names
    assert len(found) >= len(expected)
    count = len(server.asked)
    code, told, again = replay(asked, "--online", "crt.sh", url=server.url)
    assert len(server.asked) == count  # found: in the cache; not found: remembered
    assert [line["site"] for line in again if "site" in line] == names


def test_a_crtsh_that_fails_costs_names_but_no_leak(server: CrtSh, tmp_path: Path) -> None:
    server.misbehave = lambda handler: say(handler, 404, "text/html", b"<html>")
    plain, failing = tmp_path / "plain", tmp_path / "failing"
    plain.mkdir()
    failing.mkdir()
    _, _, expected = replay(plain, "-q")
    code, told, found = replay(failing, "--online", "crt.sh", url=server.url)
    assert code == 0
    assert found == expected
    assert "5 failed" in told and "status 404" in told and "while crt.sh was left alone" in told


def test_ctrl_c_ends_the_wait_and_keeps_all_lines(server: CrtSh, tmp_path: Path) -> None:
    server.misbehave = lambda _: bool(server.closing.wait(60))
    out = tmp_path / "logs"
    words = ("replay", str(OFFICE / "morning.pcapng"), "-o", str(out), "--online", "crt.sh")
    process = start(tmp_path, *words, url=server.url)
    until = time.monotonic() + 60
    while not server.asked and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode in (0, 3), told
    assert "at the end" in told
    plain = tmp_path / "plain"
    plain.mkdir()
    assert leaks(out) == replay(plain, "-q")[2]


def test_one_worker_asks(server: CrtSh, tmp_path: Path) -> None:
    code, told, found = replay(tmp_path, "--online", "crt.sh", "--workers", "2", url=server.url)
    assert code == 0 and "one worker: one asks crt.sh (--online)" in told
    assert any("site" in line for line in found)


def test_by_default_no_http_library_is_imported(tmp_path: Path) -> None:
    code = f"""
import sys
from sensor.cli.main import main
assert main(["replay", {str(OFFICE / "morning.pcapng")!r}, "-q", "-o", {str(tmp_path / "logs")!r}]) == 0
print([name for name in {HTTP_LIBRARIES!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **conservation.environment(), "XDG_DATA_HOME": str(tmp_path)},
    )
    assert done.stdout == "[]\n"
