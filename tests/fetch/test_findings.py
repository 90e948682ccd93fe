"""sensor.fetch.findings: names that do not change; what they mean is tested with the audit."""

from __future__ import annotations

import re

from sensor.fetch.findings import CRL_FINDINGS, CrlFinding, in_order


def test_names_are_those_of_their_members_and_say_why_not_checked() -> None:
    for finding in CRL_FINDINGS:
        assert re.fullmatch(r"[a-z0-9_]+(:[a-z_]+)?", finding.value)
        assert finding.value.replace(":", "_") == finding.name


def test_findings_come_in_one_order() -> None:
    found = {CrlFinding.ocsp_good, CrlFinding.signature_invalid, CrlFinding.version_1}
    assert in_order(found) == (CrlFinding.signature_invalid, CrlFinding.version_1, CrlFinding.ocsp_good)
