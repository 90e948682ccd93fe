"""Real replies one after the other: whose word is remembered, and against whom it counts."""

from __future__ import annotations

from sensor.audit.stage import AuditStage
from sensor.ct.memory import MemoryLookup
from sensor.ocsp.exchange import OcspDecoder
from sensor.ocsp.model import OcspExchange
from sensor.settings import AuditSettings, OcspSettings
from tests.audit.signing import HOUR, Party, answer, certify, conversation, reply, request
from tests.audit.test_table import ASKED, CA, SERIAL, STRANGER, TRUSTED, knowing
from tests.ocsp.wire import GOOD, revoked

REVOKED = revoked("20260101000000Z", 1)


def over_time(
    *replies: bytes, lookup: MemoryLookup | None = None, asked: tuple[bytes, ...] = (ASKED,)
) -> list[set[str]]:
    """What is found about each of these replies, by one stage that sees them all."""
    stage = AuditStage(AuditSettings(), knowing(*TRUSTED) if lookup is None else lookup)
    found = []
    for answered in replies:
        conversed = conversation(request(*asked), answered)
        exchanges = [each for each in OcspDecoder(OcspSettings()).feed(conversed) if isinstance(each, OcspExchange)]
        audits = stage.feed(exchanges, conversed)
        found.append({finding.value for audit in audits for finding in audit or ()})
    return found


def said(
    status: bytes,
    hours_ago: int,
    by: Party = CA,
    spoil: bool = False,
    certs: tuple[Party, ...] = (),
    cert_id: bytes = ASKED,
) -> bytes:
    this = -hours_ago * HOUR
    return reply(answer(cert_id, status, this), by=by, produced=this, spoil=spoil, certs=certs)


def test_over_time() -> None:
    found = over_time(said(REVOKED, 3), said(GOOD, 2), said(REVOKED, 3))
    assert found == [set(), {"status_undone"}, {"status_outdated"}]


def test_a_certificate_is_one_under_whatever_hash() -> None:
    by_sha256 = CA.cert_id(SERIAL, "sha256")
    both = (ASKED, by_sha256)
    late, early = (said(GOOD, hours, cert_id=by_sha256) for hours in (2, 5))
    one_missing = "certid_not_answered"
    found = [
        each - {one_missing, "certid_hash_mismatch"} for each in over_time(said(REVOKED, 3), late, early, asked=both)
    ]
    assert found == [set(), {"status_undone"}, set()]
    found = over_time(said(REVOKED, 3), early, asked=both)
    assert found[1] - {one_missing} == {"status_outdated"}
    unknown = over_time(said(REVOKED, 3), late, asked=both, lookup=knowing())
    assert not any("status" in name for each in unknown for name in each)


def test_an_answer_that_anybody_may_have_made_accuses_none_that_follows() -> None:
    stranger = certify("A delegate of nobody", by=STRANGER, eku=True, nocheck=True)
    unnamed = {"signature_not_checked:signer_unknown"}
    for first, expected in (
        (said(REVOKED, 3, spoil=True), {"signature_invalid"}),
        (said(REVOKED, 3, by=STRANGER), unnamed),
        (said(REVOKED, 3, by=stranger, certs=(stranger,)), {"delegate_wrong_issuer"}),
    ):
        assert over_time(first, said(GOOD, 2)) == [expected, set()]
        assert over_time(said(GOOD, 4), first) == [set(), expected]
    undone = [unnamed | {"status_undone"}, set()]
    assert over_time(said(REVOKED, 3), said(GOOD, 2, by=STRANGER), said(REVOKED, 1))[1:] == undone


def test_of_a_ca_that_is_not_known_nothing_is_compared() -> None:
    unknown = {"signature_not_checked:issuer_unknown"}
    assert over_time(said(REVOKED, 3), said(GOOD, 2), lookup=knowing()) == [unknown, unknown]
