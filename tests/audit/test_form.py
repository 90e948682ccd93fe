"""sensor.audit.form: what a reply says of itself, each case beside the sound one."""

from __future__ import annotations

import pytest

from sensor.audit.findings import findings_of
from sensor.audit.form import check_answer, check_form, check_repeats, is_basic
from sensor.ocsp.model import CertStatus, OcspResponse, SingleResponse
from tests.audit.replies import ASKED, BASIC, DAY, HOUR, NOW, REPLY, SECOND, SINGLE, changed

SKEW = 300 * SECOND
REVOKED = changed(SINGLE, cert_status=CertStatus.revoked, revocation_time=NOW - DAY, revocation_reason="keyCompromise")
EPOCH = changed(REVOKED, revocation_time=0, revocation_reason="certificateHold")


def form(**fields: object) -> set[str]:
    return {finding.value for finding in findings_of(check_form(changed(REPLY, **fields)))}


def answer(single: SingleResponse, *others: SingleResponse, **fields: object) -> set[str]:
    reply = changed(REPLY, responses=(single, *others), **fields)
    bits = check_answer(reply, single, SKEW) | check_repeats(reply, lambda cert_id: cert_id)[single.cert_id]
    return {finding.value for finding in findings_of(bits)}


def test_a_sound_reply() -> None:
    assert form() == set()
    assert answer(SINGLE) == set()
    assert answer(REVOKED) == set()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"version": 1}, "version_unknown"),
        ({"responses": (), "responses_total": 0}, "answers_missing"),
        ({"responses_total": 70}, "answers_not_checked:limit"),
        ({"nonminimal": True}, "encoding_not_der"),
        ({"ber": True}, "encoding_not_der"),
        ({"signature_algorithm": "sha1WithRSAEncryption"}, "signature_sha1"),
        ({"signature_algorithm": "sha1WithRSA"}, "signature_sha1"),
        ({"signature_algorithm": "ecdsa-with-SHA1"}, "signature_sha1"),
        ({"signature_algorithm": "dsaWithSHA1"}, "signature_sha1"),
        ({"signature_algorithm": "md5WithRSAEncryption"}, "signature_md5"),
        ({"signature_algorithm": "md2WithRSAEncryption"}, "signature_md5"),
    ],
)
def test_the_reply_as_a_whole(fields: dict[str, object], expected: str) -> None:
    assert form(**fields) == {expected}


def test_findings_add_up() -> None:
    assert form(nonminimal=True, version=1, responses_total=70, signature_algorithm="ecdsa-with-SHA1") == {
        "encoding_not_der",
        "version_unknown",
        "answers_not_checked:limit",
        "signature_sha1",
    }
    assert form(ber=True, version=1, responses=(), responses_total=0, signature_algorithm="md5WithRSAEncryption") == {
        "encoding_not_der",
        "version_unknown",
        "answers_missing",
        "signature_md5",
    }
    odd = OcspResponse(9, BASIC, nonminimal=True)
    assert {finding.value for finding in findings_of(check_form(odd))} == {
        "encoding_not_der",
        "status_unassigned",
        "error_with_content",
    }
    this = SINGLE.this_update
    assert answer(changed(SINGLE, next_update=this - SECOND), produced_at=this - HOUR) == {
        "next_update_before_this_update",
        "produced_at_before_this_update",
    }
    assert answer(changed(EPOCH, next_update=None), EPOCH, extended_revoke=True) == {
        "next_update_missing",
        "answers_duplicate",
        "never_issued",
    }


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", {"signature_sha1"}),  # without parameters
        (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", set()),  # not what its name says
        (b"", set()),
    ],
)
def test_pss_says_its_digest_in_its_parameters(algorithm: bytes, expected: set[str]) -> None:
    name = "sha256WithRSAEncryption" if algorithm.endswith(b"\x05") else "rsassaPss"
    assert form(signature_algorithm=name, signature_algorithm_der=algorithm) == expected


def test_what_is_basic() -> None:
    replies = (REPLY, OcspResponse(1, BASIC), OcspResponse(0, "1.2.3"), OcspResponse(0))
    assert [is_basic(reply) for reply in replies] == [True, False, False, False]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (OcspResponse(1), set()),
        (OcspResponse(6), set()),
        (OcspResponse(4), {"status_unassigned"}),
        (OcspResponse(7), {"status_unassigned"}),
        (OcspResponse(2, BASIC), {"error_with_content"}),
        (OcspResponse(9, BASIC), {"status_unassigned", "error_with_content"}),
        (OcspResponse(0), {"success_without_content"}),
        (OcspResponse(0, "1.2.3"), {"response_type_unknown"}),
    ],
)
def test_status_and_content(reply: OcspResponse, expected: set[str]) -> None:
    assert {finding.value for finding in findings_of(check_form(reply))} == expected


def test_times_against_each_other() -> None:
    this = SINGLE.this_update
    assert answer(changed(SINGLE, next_update=None)) == {"next_update_missing"}
    assert answer(changed(SINGLE, next_update=this)) == set()
    assert answer(changed(SINGLE, next_update=this - SECOND), produced_at=this - SECOND) == {
        "next_update_before_this_update"
    }
    assert answer(SINGLE, produced_at=this - SKEW) == set()
    assert answer(SINGLE, produced_at=this - SKEW - SECOND) == {"produced_at_before_this_update"}
    assert answer(SINGLE, produced_at=SINGLE.next_update) == set()
    assert answer(SINGLE, produced_at=SINGLE.next_update + SECOND) == {"produced_at_after_next_update"}


def test_a_time_that_cannot_be_read_is_not_judged() -> None:
    assert answer(changed(SINGLE, next_update=None, bad_times=("2026",))) == {"times_not_checked:unreadable"}
    assert answer(changed(SINGLE, this_update=None, bad_times=("2026",))) == {"times_not_checked:unreadable"}
    assert answer(SINGLE, produced_at=None, bad_times=("?",)) == {"times_not_checked:unreadable"}


def test_several_answers_for_one_certid() -> None:
    again = changed(SINGLE, this_update=NOW - 2 * HOUR)
    other = changed(SINGLE, cert_id=changed(ASKED, serial_number="0C"), cert_status=CertStatus.unknown)
    later = changed(REVOKED, revocation_time=NOW)
    assert answer(SINGLE, other) == set()
    assert answer(SINGLE, other, again) == {"answers_duplicate"}
    assert answer(SINGLE, again, REVOKED) == {"answers_conflicting"}
    assert answer(SINGLE, REVOKED, again) == {"answers_conflicting"}
    assert answer(REVOKED, later) == {"answers_conflicting"}


@pytest.mark.parametrize(
    ("single", "extended", "expected"),
    [
        (EPOCH, True, {"never_issued"}),
        (EPOCH, False, {"never_issued_malformed"}),
        (changed(EPOCH, revocation_reason=None), True, {"never_issued_malformed"}),
        (changed(EPOCH, revocation_reason="keyCompromise"), True, {"never_issued_malformed"}),
        (changed(EPOCH, extensions=("1.3.6.1.5.5.7.48.1.3",)), True, {"never_issued_malformed"}),
        (changed(EPOCH, extensions=("2.5.29.21",)), True, {"never_issued_malformed"}),
        (changed(EPOCH, extensions=("1.3.6.1.5.5.7.48.1.6",)), True, {"never_issued"}),
        (changed(EPOCH, revocation_time=SECOND), True, set()),
        (changed(REVOKED, revocation_reason="certificateHold"), True, set()),
        (changed(EPOCH, cert_status=CertStatus.good), True, set()),
    ],
)
def test_never_issued(single: SingleResponse, extended: bool, expected: set[str]) -> None:
    assert answer(single, extended_revoke=extended) == expected
