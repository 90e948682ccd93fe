"""The ledger of the recorded captures is what tshark and OpenSSL read in them; and a recording still works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcaps.lab import ledger, truth

LEDGER = ledger.read()
RECORDED = sorted(path for path, entry in LEDGER.items() if entry["origin"] == "recorded")
DAMAGED = {
    "file/bad-block.pcapng", "file/cut-in-record.pcap", "file/cut-in-record-header.pcap", "file/impossible-length.pcap",
    "file/pcap-gz-cut.gz", "file/pcap.xz",
}  # fmt: skip  # pcap.xz is whole, but Wireshark's library does not know xz


def run(*command: str, cwd: Path = ledger.PCAPS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=120)


def namespaces() -> set[str]:
    return {line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines()}


@pytest.mark.needs("tshark", "openssl")
@pytest.mark.parametrize("path", RECORDED)
def test_ledger_is_what_tshark_and_openssl_read(path: str) -> None:
    found = [each.as_json() for each in truth.exchanges(ledger.PCAPS / path)]
    assert found == LEDGER[path]["exchanges"]


@pytest.mark.needs("capinfos")
def test_wiresharks_library_reads_every_capture_but_the_damaged() -> None:
    """capinfos is tshark's reader without the decoding: one process for all files."""
    good = sorted(path for path in LEDGER if path not in DAMAGED)
    done = run("capinfos", "-c", "-M", "-T", "-r", *good)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    assert sorted(counts) == good
    assert {path for path, count in counts.items() if count == "0"} == {"file/empty.pcap"}
    for path in DAMAGED:
        assert run("capinfos", "-c", path).returncode != 0, path


@pytest.mark.needs("root", "namespaces", "ip", "tcpdump", "tshark", "openssl", "nginx", "curl")
def test_recording_works(tmp_path: Path, repository: Path) -> None:
    """One scenario by openssl, one by curl, live: the script itself checks them against what it meant."""
    names = ["openssl-four-certids", "curl-get-encoded"]
    command = [sys.executable, "-m", "pcaps.ocsp.record", "--only", *names, "--into", str(tmp_path)]
    before = ledger.LEDGER.read_bytes()
    spaces = namespaces()
    done = run(*command, cwd=repository)
    assert done.returncode == 0, done.stderr
    rows = {name: truth.exchanges(tmp_path / f"{name}.pcap") for name in names}
    assert [row.cert_status for row in rows[names[0]]] == ["good", "revoked", "unknown", "good"]
    assert [row.method for row in rows[names[1]]] == ["GET", "GET"]
    assert ledger.LEDGER.read_bytes() == before, "only a whole recording touches the committed files"
    assert namespaces() <= spaces
