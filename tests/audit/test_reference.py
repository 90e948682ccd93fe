"""sensor.audit.reference: docs/audit.md says what every finding means and where that is laid down."""

from __future__ import annotations

import re
from pathlib import Path

from sensor.audit.findings import FINDINGS
from sensor.audit.reference import finding_docs, render_reference

REPOSITORY = Path(__file__).parents[2]


def test_every_finding_is_documented() -> None:
    docs = finding_docs()
    assert tuple(docs) == FINDINGS
    assert all(docs.values())
    assert len(set(docs.values())) == len(docs)


def test_most_findings_cite() -> None:
    cited = [text for text in finding_docs().values() if re.search(r"\b(RFC \d{4}|BR \d)", text)]
    assert len(cited) > 40


def test_the_document_is_as_generated() -> None:
    assert (REPOSITORY / "docs" / "audit.md").read_text() == render_reference()
