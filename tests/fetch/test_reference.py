"""docs/crl-audit.md is what the findings say of themselves."""

from __future__ import annotations

from pathlib import Path

from sensor.audit.reference import member_docs
from sensor.fetch.findings import CRL_FINDINGS, CrlFinding
from sensor.fetch.reference import render_reference

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "crl-audit.md"


def test_every_finding_is_explained() -> None:
    assert list(member_docs(CrlFinding)) == list(CRL_FINDINGS)


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render_reference()
