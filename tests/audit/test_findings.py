"""sensor.audit.findings: names that logs and rules may rely on."""

from __future__ import annotations

import re
from pathlib import Path

from sensor.audit.findings import BITS, FINDINGS, GRAVE, Finding, bits_of, findings_of


def test_names_are_words_and_each_member_is_called_so() -> None:
    for finding in Finding:
        assert re.fullmatch(r"[a-z][a-z0-9_]*(:[a-z_]+)?", finding.value)
        assert finding.name == finding.value.replace(":", "_")


def test_bits_stand_for_findings_and_back() -> None:
    assert len({*BITS.values()}) == len(FINDINGS)
    for finding in Finding:
        assert findings_of(BITS[finding]) == (finding,)
    assert findings_of(0) == ()
    assert bits_of(FINDINGS) == (1 << len(FINDINGS)) - 1
    assert findings_of(bits_of(reversed(FINDINGS))) == FINDINGS
    assert findings_of(bits_of([Finding.nonce_missing, Finding.signature_sha1])) == (
        Finding.signature_sha1,
        Finding.nonce_missing,
    )


def test_what_was_not_checked_is_not_grave() -> None:
    assert not {finding for finding in GRAVE if ":" in finding.value}


def test_every_finding_is_made_somewhere() -> None:
    """Whether it is made when it should be is for the tests of the checks."""
    audit = Path(__file__).parents[2] / "sensor" / "audit"
    source = "".join(path.read_text() for path in audit.glob("*.py") if path.stem != "findings")
    assert not [finding.name for finding in Finding if not re.search(rf"Finding\.{finding.name}\b", source)]
