"""sensor.audit.span: eight hours to ten days, both ends counted, and who is bound by it."""

from __future__ import annotations

import pytest

from sensor.audit.findings import findings_of
from sensor.audit.span import check_span
from sensor.ct.lookup import Issuer
from sensor.ct.memory import MemoryLookup
from sensor.pki.certificates import Certificate
from sensor.settings import AuditSettings
from tests.audit.replies import ASKED, DAY, HOUR, NOW, SECOND, SINGLE, changed

SUBSCRIBER = Certificate("0A0B", "CN=CA", "CN=a", "a", ("a.example",), (), (), 0, 1, False, False, (), ())


class Knows(MemoryLookup):
    """Answers for ASKED with one certificate, or with nothing."""

    def __init__(self, certificate: Certificate | None) -> None:
        super().__init__()
        issuer = Issuer(1, "CN=CA", "CA")
        self._issuers[ASKED.hash_algorithm, ASKED.issuer_name_hash, ASKED.issuer_key_hash] = issuer
        if certificate is not None:
            self.add(issuer, certificate)


CA = changed(SUBSCRIBER, is_ca=True)


@pytest.mark.parametrize(
    ("span", "certificate", "expected"),
    [
        (8 * HOUR - SECOND, SUBSCRIBER, ()),
        (8 * HOUR - 2 * SECOND, SUBSCRIBER, ("validity_short",)),
        (8 * HOUR - 2 * SECOND, None, ("validity_short",)),
        (8 * HOUR - 2 * SECOND, CA, ()),
        (0, SUBSCRIBER, ("validity_short",)),
        (10 * DAY - SECOND, SUBSCRIBER, ()),
        (10 * DAY, SUBSCRIBER, ("validity_long",)),
        (10 * DAY, None, ("validity_long_unless_ca",)),
        (10 * DAY, CA, ()),
        (365 * DAY, CA, ()),
        (366 * DAY - SECOND, CA, ()),
        (366 * DAY - SECOND, None, ("validity_long_unless_ca",)),
        (366 * DAY, CA, ("validity_long",)),
        (366 * DAY, None, ("validity_long",)),
        (-SECOND, SUBSCRIBER, ()),  # told otherwise
    ],
)
def test_bounds(span: int, certificate: Certificate | None, expected: tuple[str, ...]) -> None:
    single = changed(SINGLE, this_update=NOW, next_update=NOW + span)
    bits = check_span(single, AuditSettings(), Knows(certificate))
    assert tuple(finding.value for finding in findings_of(bits)) == expected


def test_settings_move_the_bounds() -> None:
    single = changed(SINGLE, this_update=NOW, next_update=NOW + HOUR)
    assert check_span(single, AuditSettings(min_validity_s=3600), Knows(None)) == 0
    assert check_span(single, AuditSettings(min_validity_s=1, max_validity_s=60), Knows(None)) != 0


@pytest.mark.parametrize("field", ["this_update", "next_update"])
def test_without_a_time_there_is_no_span(field: str) -> None:
    assert check_span(changed(SINGLE, **{field: None}), AuditSettings(), Knows(None)) == 0
