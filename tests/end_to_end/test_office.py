"""The office morning: who told the network what, against what its recorder wrote down; and the diary's own commands."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.end_to_end.conftest import PCAPS, Run

OFFICE = PCAPS / "office"
SOFTWARE = {  # what the recorder used, and what a passive observer may call it
    "Firefox ESR 153": {"Firefox"},
    "Java 17": {"Java"},
    "Chromium 156": {"Chromium"},
    "OpenSSL 3.0": {"OpenSSL"},
    "GnuTLS 3.7 (gnutls-cli), wget2": {"GnuTLS", "Wget2"},
    "curl, with the User-Agent of Windows CryptoAPI 10.0": {"Windows CryptoAPI"},
    "curl, with the User-Agent and the explicit version of Apple trustd 2.1": {"Apple trustd 2"},
    "curl": {"curl"},
    "nginx, refreshing its staple": {"nginx stapling"},
    "GnuTLS 3.7 (ocsptool) over IPv6": {"OpenSSL or GnuTLS"},
}


class Verdict(NamedTuple):
    """One client and one certificate."""

    client: str
    site: str | None
    issuer: str | None
    names_total: int | None
    sites_total: int | None
    grade: str
    status: str
    method: str
    times: int
    serial: str


def recorded() -> dict[Verdict, set[str]]:
    """expected.md's table: each verdict, and the names that its software may have."""
    found = {}
    for line in (OFFICE / "expected.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 9 or cells[-1][:1] != "`":
            continue
        client, _, text, grade, status, method, software, times, serial = cells
        site, issuer, names, sites = text, None, None, None
        if grade == "ca":
            site, issuer = None, text.removeprefix("(only the CA: ").removesuffix(")")
        elif grade == "unlisted":
            site = None
        elif ":" in text:
            counts, _, listed = text.partition(": ")
            names, sites = (int(part.split()[0]) for part in counts.split(", "))
            site = ".".join(listed.split(", ")[0].split(".")[-2:])
        verdict = Verdict(client, site, issuer, names, sites, grade, status, method, int(times), serial.strip("`"))
        found[verdict] = SOFTWARE[software]
    return found


@pytest.fixture
def logs(ocspwatch: Run, tmp_path: Path) -> Path:
    """The folder of the morning's logs; the cache knows the certificates."""
    store, folder = tmp_path / "ct.sqlite", tmp_path / "logs"
    assert ocspwatch("ct", "import", "--ct", store, OFFICE / "certs").returncode == 0
    assert ocspwatch("replay", OFFICE / "morning.pcapng", "--ct", store, "-q", "-o", folder).returncode == 0
    return folder


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_who_disclosed_what(logs: Path) -> None:
    exchanges = {
        (row["id.orig_h"], row["serial_number"]): (
            f"{row['cert_status']} ({row['revocation_reason']})" if "revocation_reason" in row else row["cert_status"],
            row["method"],
        )
        for row in _rows(logs / "ocsp_exchange.log")
    }
    leaks = [row for row in _rows(logs / "leak.log") if row["channel"] == "ocsp"]
    last = {(row["id.orig_h"], row["serial_number"]): row for row in leaks}
    verdicts, software = set(), {}
    for (client, serial), row in last.items():
        status, method = exchanges[client, serial]
        several = row["grade"] in {"few", "many"}
        issuer = str(row["issuer"]).removeprefix("CN=").partition(",")[0]
        # An intermediate is named by its own name, which leak.log has under `names`.
        own = row["names"][0] if row["grade"] == "ca" and row.get("names") else issuer  # type: ignore[index]  # a list
        verdict = Verdict(
            str(client),
            str(row["site"]) if "site" in row else None,
            str(own) if row["grade"] == "ca" else None,
            int(str(row["names_total"])) if several else None,
            int(str(row["sites_total"])) if several else None,
            str(row["grade"]),
            str(status),
            str(method),
            int(str(row["times_seen"])),
            str(serial),
        )
        verdicts.add(verdict)
        software[verdict] = {
            str(leak["software"]) for leak in leaks if leak["id.orig_h"] == client and leak["serial_number"] == serial
        }
    want = recorded()
    assert len(want) == 27
    assert verdicts == set(want)
    assert {v: names for v, names in software.items() if not names <= want[v]} == {}
    assert len(leaks) == 39


@pytest.mark.needs("jq", "sort", "uniq", "head")
def test_the_diarys_mime_types(logs: Path) -> None:
    command = "jq -c .resp_mime_types http.log | sort | uniq -c | sort -nr | head"
    done = subprocess.run(["/bin/sh", "-c", command], check=True, cwd=logs, capture_output=True, text=True)
    table = [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert table[0] == ["35", '["application/ocsp-response"]']
    assert ["9", '["text/html"]'] in table
    assert [name for _, name in table].count("null") == 1
    want = Counter(json.dumps(row.get("resp_mime_types"), separators=(",", ":")) for row in _rows(logs / "http.log"))
    assert {name: int(count) for count, name in table}.items() <= want.items()
    assert [int(count) for count, _ in table] == sorted(want.values(), reverse=True)[:10]


@pytest.mark.needs("jq", "sort", "uniq", "head")
def test_the_diarys_top_tcp_ports(logs: Path) -> None:
    command = """jq 'select(.proto == "tcp") | ."id.resp_p"' conn.log | sort | uniq -c | sort -nr | head"""
    done = subprocess.run(["/bin/sh", "-c", command], check=True, cwd=logs, capture_output=True, text=True)
    table = {int(port): int(count) for count, port in map(str.split, done.stdout.splitlines())}
    assert done.stderr == ""
    assert table == {80: 49, 443: 38, 8080: 1, 445: 1, 3389: 1, 3128: 1}


@pytest.mark.needs("jq")
def test_jq_reads_every_line_of_every_log(logs: Path) -> None:
    for path in sorted(logs.glob("*.log")):
        done = subprocess.run(["jq", "-e", ".ts"], check=True, stdin=path.open("rb"), capture_output=True)
        assert len(done.stdout.splitlines()) == len(_rows(path)), path.name
