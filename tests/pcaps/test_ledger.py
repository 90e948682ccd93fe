"""Every capture is in expected.json and README.md with its origin and script; nothing of this machine is in them."""

from __future__ import annotations

import base64
import gzip
import lzma
import re
from pathlib import Path

import pytest
import zstandard
from cryptography import x509

from pcaps.lab import ledger

PCAPS = ledger.PCAPS
SUFFIXES = {".pcap", ".pcapng", ".gz", ".zst", ".xz", ".erf"}
CAPTURES = sorted(str(path.relative_to(PCAPS)) for path in PCAPS.glob("*/*") if path.suffix in SUFFIXES)
LEDGER = ledger.read()
STATUSES = {"successful", "malformedrequest", "internalerror", "trylater", "sigrequired", "unauthorized"}


def contents(path: Path) -> bytes:
    """Uncompressed; of a damaged gzip file as it is."""
    data = path.read_bytes()
    if path.suffix == ".gz" and "cut" not in path.name:
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return lzma.decompress(data) if path.suffix == ".xz" else data


def test_captures_and_ledger_are_the_same_set() -> None:
    assert len(CAPTURES) > 200
    assert list(LEDGER) == CAPTURES


@pytest.mark.parametrize("path", CAPTURES)
def test_entry_names_its_script_and_origin(path: str) -> None:
    entry = LEDGER[path]
    script = PCAPS / entry["script"]
    assert script.exists()
    assert script.parent == (PCAPS / path).parent
    assert entry["origin"] in {"recorded", "crafted"}
    assert script.name == ("record.py" if entry["origin"] == "recorded" else "craft.py")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", entry["date"])
    assert entry["tools"] and entry["shows"]
    assert entry["origin"] == "crafted" or re.search(r"\d+\.\d+", entry["tools"]), "a recording names versions"


@pytest.mark.parametrize("path", CAPTURES)
def test_exchanges_are_well_formed(path: str) -> None:
    for row in LEDGER[path]["exchanges"]:
        assert row["client"] and row["server"]
        assert ("serial" in row) == ("issuer_key_hash" in row)
        assert re.fullmatch(r"-?([0-9A-F]{2})+", str(row.get("serial", "00")))
        assert row.get("cert_status") in {None, "good", "revoked", "unknown"}
        assert row.get("response_status") in {None, "4", "99", *STATUSES}
        assert row.get("evidence") in {None, "request", "response", "both", "mismatch", "unasked"}
        assert (row.get("cert_status") is not None) == (row.get("evidence") in {"response", "both", "unasked"})


def test_readme_lists_what_the_ledger_holds() -> None:
    text = ledger.README.read_text()
    assert ledger.table() in text, "run: python -m pcaps.lab.ledger"
    for path in CAPTURES:
        assert f"| `{path.split('/', 1)[1]}` |" in text


@pytest.mark.parametrize("path", CAPTURES)
def test_nothing_of_the_machine_is_inside(path: str) -> None:
    data = contents(PCAPS / path)
    for word in (b"/tmp/", b"ocspwatch-lab", b"/work", b"PRIVATE KEY", b"google", b"mozilla.org"):
        assert word not in data


def test_all_is_small() -> None:
    sizes = {path: (PCAPS / path).stat().st_size for path in CAPTURES}
    assert sum(sizes.values()) < 5_000_000
    assert {path for path, size in sizes.items() if size > 200_000} <= {"office/morning.pcapng"}


def test_certificates_are_certificates_and_no_keys() -> None:
    found = sorted(PCAPS.glob("**/certs/**/*.pem"))
    assert len(found) > 30
    for path in found:
        assert "PRIVATE" not in path.read_text()
        x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(("folder", "certs"), [("ocsp", "ocsp/certs/recorded"), ("office", "office/certs")])
def test_recorded_serials_are_of_the_certificates_beside(folder: str, certs: str) -> None:
    """All but one: the certificate that no log lists."""
    known = set()
    for path in (PCAPS / certs).glob("*.pem"):
        number = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
        known.add(number.to_bytes((number.bit_length() + 7) // 8, "big").hex().upper())
    asked = {
        row["serial"]
        for path, entry in LEDGER.items()
        if path.startswith(folder + "/") and entry["origin"] == "recorded"
        for row in entry["exchanges"]
        if "serial" in row
    }
    assert len(asked - known) == 1
    assert len(asked & known) >= 10


def test_office_morning_has_all_that_the_demo_shows() -> None:
    rows = LEDGER["office/morning.pcapng"]["exchanges"]
    assert len({row["client"] for row in rows}) >= 10
    assert {row["method"] for row in rows} == {"GET", "POST"}
    assert any(row.get("revocation_reason") == "keyCompromise" for row in rows)
    assert any(":" in str(row["client"]) for row in rows), "IPv6"
    text = (PCAPS / "office" / "expected.md").read_text()
    for grade in ("exact", "few", "many", "ca", "unlisted"):
        assert f"| {grade} |" in text
    for row in rows:
        assert f"`{row['serial']}`" in text


def test_spellings_of_get_differ_in_the_capture() -> None:
    """Each get-*.pcap holds its target as the ledger has it: the spelling was not normalised on the way."""
    targets = set()
    for path in CAPTURES:
        if re.match(r"ocsp/get-(?!look|host)", path):
            uri = str(LEDGER[path]["exchanges"][0]["uri"])
            assert b"GET " + uri.encode() + b" HTTP/1.1\r\n" in (PCAPS / path).read_bytes()
            targets.add(uri)
    assert len(targets) == 11
    collapsed = next(uri for uri in targets if "//" not in uri[1:] and "%" not in uri and "-" not in uri)
    with pytest.raises(ValueError, match=r"padding|base64"):
        base64.b64decode(collapsed[1:], validate=True)
