"""sensor.audit.stage: against the packet's time, the request, the headers and the past; and what it remembers."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.ocsp.model import CertId, CertStatus, Evidence, OcspRequest, OcspResponse, SingleResponse
from tests.audit.replies import (
    ASKED,
    DAY,
    HOUR,
    NOW,
    REPLY,
    REQUEST,
    SECOND,
    SINGLE,
    changed,
    exchange,
    found,
    names,
    new_stage,
    transaction,
)

SKEW = 300 * SECOND
REVOKED = changed(SINGLE, cert_status=CertStatus.revoked, revocation_time=NOW - DAY, revocation_reason="keyCompromise")
NONCED = changed(REQUEST, nonce=b"1234")


def test_a_sound_reply_and_none_at_all() -> None:
    assert found(exchange()) == set()
    assert names(exchange(None, None)) == [None]
    assert found(exchange(None, OcspResponse(6), evidence=Evidence.request)) == set()


@pytest.mark.parametrize(
    ("single", "reply", "expected"),
    [
        ({"this_update": NOW + SKEW}, {"produced_at": NOW}, set()),
        ({"this_update": NOW + SKEW + 1}, {"produced_at": NOW + 1}, {"this_update_future"}),
        ({"next_update": NOW - SKEW, "this_update": NOW - 7 * DAY}, {"produced_at": NOW - 7 * DAY}, set()),
        ({"next_update": NOW - SKEW - 1, "this_update": NOW - DAY}, {"produced_at": NOW - DAY}, {"next_update_past"}),
        ({}, {"produced_at": NOW + SKEW}, set()),
        ({}, {"produced_at": NOW + SKEW + 1}, {"produced_at_future"}),
    ],
)
def test_against_the_packets_time(single: dict[str, Any], reply: dict[str, Any], expected: set[str]) -> None:
    answer = changed(SINGLE, **single)
    assert found(exchange(answer, changed(REPLY, responses=(answer,), **reply))) == expected


def test_revoked_ahead_of_time() -> None:
    assert found(exchange(REVOKED)) == set()
    assert found(exchange(changed(REVOKED, revocation_time=NOW + SKEW))) == set()
    assert found(exchange(changed(REVOKED, revocation_time=NOW + SKEW + 1))) == {"revocation_time_future"}


def test_the_skew_is_a_setting() -> None:
    ahead = exchange(changed(SINGLE, this_update=NOW + HOUR), changed(REPLY, produced_at=NOW + HOUR))
    assert found(ahead) == {"this_update_future", "produced_at_future"}
    assert found(ahead, skew_s=3600) == set()


def test_a_capture_without_a_clock_is_not_compared_with() -> None:
    """Simple Packet Blocks have no times, and count from 1970."""
    late = transaction((b"cache-control", b"max-age=99999999"))
    for now, expected in ((0, {"times_not_checked:packet_time"}), (915_148_800 * SECOND, None)):
        result = found(exchange(ts=now, response_ts=now), http=late)
        assert result == expected or (expected is None and "this_update_future" in result)
    assert found(exchange(None, OcspResponse(1), ts=0, response_ts=0)) == set()


def test_without_the_time_of_the_reply_the_requests_counts() -> None:
    made = exchange(changed(SINGLE, this_update=NOW + HOUR), response_ts=None, ts=NOW + HOUR)
    assert "this_update_future" not in found(made)


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        (b"1234", b"1234", set()),
        (b"1234", None, {"nonce_missing"}),
        (b"1234", b"1235", {"nonce_mismatch"}),
        (None, b"1234", {"nonce_unasked"}),
        (b"", b"", {"nonce_length"}),
        (b"n" * 128, b"n" * 128, set()),
        (b"n" * 129, b"n" * 129, {"nonce_length"}),
        (b"n" * 129, None, {"nonce_missing", "nonce_length"}),
        (b"1", b"", {"nonce_mismatch", "nonce_length"}),
    ],
)
def test_nonces(asked: bytes | None, answered: bytes | None, expected: set[str]) -> None:
    reply = changed(REPLY, nonce=answered)
    assert found(exchange(SINGLE, reply, changed(REQUEST, nonce=asked))) == expected


def test_an_error_has_no_nonce_to_give_back_and_a_reply_alone_answers_nobody() -> None:
    assert found(exchange(None, OcspResponse(2), NONCED, evidence=Evidence.request)) == set()
    assert found(exchange(SINGLE, changed(REPLY, nonce=b"1"), None, evidence=Evidence.response)) == set()


def asks(*cert_ids: CertId, total: int | None = None) -> OcspRequest:
    request: OcspRequest = changed(REQUEST, cert_ids=cert_ids, cert_ids_total=len(cert_ids) if total is None else total)
    return request


def answers(*cert_ids: CertId) -> tuple[SingleResponse, ...]:
    return tuple(changed(SINGLE, cert_id=cert_id) for cert_id in cert_ids)


OTHER = changed(ASKED, serial_number="FF")


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (changed(ASKED, serial_number="0A0C"), "certid_serial_mismatch"),
        (changed(ASKED, issuer_name_hash=b"x" * 20), "certid_issuer_name_mismatch"),
        (changed(ASKED, issuer_key_hash=b"x" * 20), "certid_issuer_key_mismatch"),
        (changed(ASKED, hash_algorithm="sha256", issuer_key_hash=b"x" * 32), "certid_hash_mismatch"),
    ],
)
def test_the_answer_is_about_something_else(answered: CertId, expected: str) -> None:
    (single,) = answers(answered)
    reply = changed(REPLY, responses=(single,))
    asked = exchange(None, reply, evidence=Evidence.mismatch)
    other = exchange(single, reply, cert_id=answered, evidence=Evidence.mismatch)
    assert names(asked, other) == [{"certid_not_answered"}, {expected}]


def test_both_hashes_of_another_issuer() -> None:
    (single,) = answers(changed(ASKED, issuer_name_hash=b"x" * 20, issuer_key_hash=b"y" * 20))
    expected = {"certid_issuer_name_mismatch", "certid_issuer_key_mismatch"}
    assert found(exchange(single, evidence=Evidence.mismatch)) == expected


def test_more_answers_than_questions() -> None:
    first, second = answers(ASKED, OTHER)
    reply = changed(REPLY, responses=(first, second), responses_total=2)
    assert names(exchange(first, reply), exchange(second, reply, cert_id=OTHER, evidence=Evidence.mismatch)) == [
        set(),
        {"certid_unasked"},
    ]


def test_more_questions_than_answers() -> None:
    request = asks(ASKED, OTHER)
    reply = changed(REPLY, responses=answers(ASKED))
    assert names(
        exchange(reply.responses[0], reply, request),
        exchange(None, reply, request, cert_id=OTHER, evidence=Evidence.request),
    ) == [set(), {"certid_not_answered"}]


def test_answered_twice_because_asked_twice() -> None:
    reply = changed(REPLY, responses=(SINGLE, changed(SINGLE)), responses_total=2)
    assert found(exchange(SINGLE, reply)) == {"answers_duplicate"}
    assert found(exchange(SINGLE, reply, None)) == {"answers_duplicate"}
    assert found(exchange(SINGLE, reply, asks(ASKED, OTHER))) == {"answers_duplicate"}
    assert found(exchange(SINGLE, reply, asks(ASKED, OTHER, ASKED))) == set()
    assert found(exchange(SINGLE, REPLY, asks(ASKED, OTHER, ASKED))) == set()


def test_what_was_read_in_part_is_not_missed() -> None:
    reply = changed(REPLY, responses=answers(OTHER), responses_total=70)
    asked = exchange(None, reply, evidence=Evidence.mismatch)
    assert found(asked) == {"answers_not_checked:limit"}
    request = asks(ASKED, total=70)
    answered = exchange(answers(OTHER)[0], changed(REPLY, responses=answers(OTHER)), request, cert_id=OTHER)
    assert found(answered) == set()


def test_a_reply_without_answers_is_told_once() -> None:
    reply = changed(REPLY, responses=(), responses_total=0)
    assert found(exchange(None, reply, evidence=Evidence.request)) == {"answers_missing"}


def test_headers_are_looked_at_where_there_is_an_answer_to_compare() -> None:
    wrong = transaction((b"cache-control", b"no-store, max-age=99999999"))
    both = {"cache_forbidden", "cache_max_age_beyond_next_update"}
    assert found(exchange(), http=wrong) == both
    assert found(exchange(method="POST"), http=wrong) == {"cache_max_age_beyond_next_update"}
    assert found(exchange(request=NONCED, reply=changed(REPLY, nonce=b"1234")), http=wrong) == both - {
        "cache_forbidden"
    }
    assert found(exchange(http_status=206), http=wrong) == set()
    assert found(exchange(None, OcspResponse(1), evidence=Evidence.request), http=wrong) == set()
    assert "cache_forbidden" not in found(exchange(changed(SINGLE, this_update=None)), http=wrong)


def test_headers_are_compared_with_the_answer_that_expires_first() -> None:
    soon = changed(SINGLE, cert_id=OTHER, next_update=NOW + DAY)
    reply = changed(REPLY, responses=(SINGLE, soon), responses_total=2)
    (first, _) = names(
        exchange(SINGLE, reply, asks(ASKED, OTHER)),
        exchange(soon, reply, asks(ASKED, OTHER), cert_id=OTHER),
        http=transaction((b"cache-control", b"max-age=172800")),
    )
    assert first == {"cache_max_age_beyond_next_update"}


def test_headers_are_compared_with_this_reply_and_all_its_answers() -> None:
    """Whatever their order, and whichever lack a time."""
    auditor = new_stage()
    week = transaction((b"cache-control", b"max-age=518400"), (b"last-modified", b"Thu, 01 Jan 2026 00:00:00 GMT"))
    assert names(exchange(changed(SINGLE, this_update=0, next_update=None)), stage=auditor, http=week) == [
        {"next_update_missing"}
    ]
    assert names(exchange(), stage=auditor, http=week) == [{"cache_last_modified_early"}]
    late = changed(SINGLE, cert_id=OTHER, next_update=NOW + 30 * DAY, this_update=NOW - 9 * DAY)
    timeless = changed(SINGLE, cert_id=changed(OTHER, serial_number="FE"), next_update=None, this_update=None)
    soon = changed(SINGLE, next_update=NOW + DAY)
    expected = {"cache_max_age_beyond_next_update", "cache_last_modified_early"}
    for singles in ((timeless, late, soon), (soon, timeless, late), (late, soon, timeless)):
        reply = changed(REPLY, responses=singles, responses_total=3)
        (audit,) = names(exchange(soon, reply), stage=auditor, http=week)
        assert audit == expected


def test_each_answer_of_a_reply_has_its_own_findings() -> None:
    second = changed(SINGLE, cert_id=OTHER, next_update=None)
    reply = changed(REPLY, responses=(SINGLE, second), responses_total=2)
    request = asks(ASKED, OTHER)
    auditor = new_stage()
    for _ in range(2):
        made = exchange(SINGLE, reply, request), exchange(second, reply, request, cert_id=OTHER)
        assert names(*made, stage=auditor) == [set(), {"next_update_missing"}]


def test_one_time_ahead_does_not_make_another_past() -> None:
    soon = changed(SINGLE, next_update=NOW + SECOND, this_update=NOW - DAY)
    assert found(exchange(soon, changed(REPLY, responses=(soon,), produced_at=NOW + HOUR))) == {
        "produced_at_future",
        "produced_at_after_next_update",
    }


def test_the_same_findings_are_the_same_object() -> None:
    auditor = new_stage()
    made = [exchange(changed(SINGLE, next_update=None)) for _ in range(2)]
    first, second = (auditor.feed([each], transaction())[0] for each in made)
    assert first is second


def test_the_same_record_is_worked_out_once_and_another_is_not_taken_for_it() -> None:
    auditor = new_stage()
    for number in range(3000):
        single = changed(SINGLE, next_update=None if number % 3 else SINGLE.next_update)
        assert names(exchange(single), stage=auditor) == [{"next_update_missing"} if number % 3 else set()]
    assert len(auditor._standing) <= 1024
    assert len(auditor._sets) <= 4096


def test_nothing_is_remembered_of_a_large_reply() -> None:
    auditor = new_stage()
    large = changed(REPLY, certs=(b"c" * 5000,))
    assert names(exchange(SINGLE, large), stage=auditor) == [set()]
    assert len(auditor._standing) == 0
