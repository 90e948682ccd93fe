"""sensor.audit.signature: budget, memory, and who is asked; what it says of replies is in test_table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sensor.audit import signature
from sensor.audit.findings import findings_of
from sensor.audit.shared import SharedVerdicts
from sensor.audit.signature import SignatureChecker, Verdict, judge
from sensor.ct.lookup import Answer, Issuer
from sensor.ct.memory import MemoryLookup
from sensor.ocsp.model import CertId, OcspResponse
from sensor.ocsp.response import decode_response
from sensor.settings import AuditSettings, OcspSettings
from tests.audit.replies import changed
from tests.audit.signing import NOW_S, Party, answer, certify, reply
from tests.audit.test_table import ASKED, CA, DELEGATE, RSA_CA, STRANGER, knowing

S = 10**9
NOW = NOW_S * S


def decoded(der: bytes) -> tuple[OcspResponse, CertId]:
    response = decode_response(der, OcspSettings())
    return response, response.responses[0].cert_id


def replies(count: int, by: Party = CA) -> list[tuple[OcspResponse, CertId]]:
    return [decoded(reply(answer(by.cert_id(1000 + number)), by=by)) for number in range(count)]


def checker(lookup: MemoryLookup | None = None, **settings: Any) -> SignatureChecker:
    return SignatureChecker(AuditSettings(**settings), lookup or knowing(CA))


def told(verdict: Verdict) -> list[str]:
    return [finding.value for finding in findings_of(verdict.bits)]


class Counting(MemoryLookup):
    """Says how often it was asked for an issuer's certificate."""

    certificates = 0

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        self.certificates += 1
        return super().issuer_certificate(issuer)


def counting() -> Counting:
    lookup = Counting()
    known = knowing(CA)
    lookup._issuers, lookup._cas = known._issuers, known._cas
    return lookup


def test_off() -> None:
    ((response, cert_id),) = replies(1)
    lookup = counting()
    verdict = checker(lookup, signatures_per_s=0).check(response, cert_id, NOW)
    assert (told(verdict), verdict.final, lookup.certificates) == (["signature_not_checked:off"], True, 0)


def test_a_verdict_is_reached_once() -> None:
    lookup = counting()
    mine = checker(lookup)
    ((response, cert_id),) = replies(1)
    again, _ = decoded(reply(answer(CA.cert_id(1000)), by=CA, algorithm="ecdsa sha256"))
    assert again.signature != response.signature  # ECDSA is random here
    for _ in range(3):
        assert told(mine.check(response, cert_id, NOW)) == []
        assert told(mine.check(changed(response), cert_id, NOW)) == []
    assert (mine.checked, lookup.certificates) == (1, 1)
    assert told(mine.check(again, cert_id, NOW)) == []
    assert mine.checked == 2


def test_what_a_verdict_rests_on_is_told_apart() -> None:
    """Every part of the reply, and the CA: nothing may borrow the verdict of another."""
    mine = checker(knowing(CA, RSA_CA))
    response, cert_id = decoded(reply(answer(ASKED), by=DELEGATE, certs=(DELEGATE,)))
    assert told(mine.check(response, cert_id, NOW)) == []
    ((_, other_ca),) = replies(1, RSA_CA)
    wrong = [
        (changed(response, signature=response.signature[:-1]), cert_id),
        (changed(response, tbs_der=response.tbs_der + b"0"), cert_id),
        (changed(response, signature_algorithm_der=b""), cert_id),
        (changed(response, certs=()), cert_id),
        (changed(response, certs=(*response.certs[:-1], STRANGER.der)), cert_id),
        (response, other_ca),
        (
            changed(response, certs=(response.certs[0][:-1],), signature=response.certs[0][-1:] + response.signature),
            cert_id,
        ),
    ]
    for each, asked in wrong:
        assert told(mine.check(each, asked, NOW)) != []
    assert told(mine.check(response, cert_id, NOW)) == []
    assert mine.checked == 1 + len(wrong)


def test_the_budget_is_of_packet_time() -> None:
    mine = checker(signatures_per_s=2)  # and ten seconds' worth at the start
    asked = replies(30)
    results = [mine.check(response, cert_id, NOW) for response, cert_id in asked[:22]]
    assert [told(result) for result in results] == [[]] * 20 + [["signature_not_checked:budget"]] * 2
    assert [result.final for result in results] == [True] * 20 + [False] * 2
    response, cert_id = asked[20]
    assert told(mine.check(response, cert_id, NOW + S // 2 - 1)) == ["signature_not_checked:budget"]
    assert told(mine.check(response, cert_id, NOW + S // 2 + 1)) == []
    assert told(mine.check(*asked[0], NOW)) == []  # remembered: costs nothing
    assert told(mine.check(*asked[21], NOW - 99 * S)) == ["signature_not_checked:budget"]  # time does not go backwards
    assert told(mine.check(*asked[21], NOW + S + 9)) == []
    later = NOW + 10**6 * S
    assert [told(mine.check(*each, later)) for each in asked[22:30]] == [[]] * 8


def test_several_share_the_budget_of_one() -> None:
    """If none of two is over its part, one alone would not be over the whole."""
    asked = replies(22)
    parts = [checker(signatures_per_s=2), checker(signatures_per_s=2)]
    for part in parts:
        part.take_part(2)
    for number, each in enumerate(asked[:20]):
        assert told(parts[number % 2].check(*each, NOW)) == []
    assert [part.over_budget for part in parts] == [0, 0]
    assert told(parts[0].check(*asked[20], NOW)) == ["signature_not_checked:budget"]
    assert told(parts[0].check(*asked[20], NOW + S - 9)) == ["signature_not_checked:budget"]
    assert told(parts[0].check(*asked[20], NOW + S + 9)) == []
    assert [part.over_budget for part in parts] == [2, 0]


def test_what_one_of_several_has_checked_the_others_take_and_pay_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that who is over the budget does not depend on who was first."""
    judged = []
    monkeypatch.setattr(signature, "judge", lambda *words: judged.append(words) or judge(*words))
    shared = SharedVerdicts()
    asked = replies(22)
    alone = checker(signatures_per_s=2)
    parts = [checker(signatures_per_s=2), checker(signatures_per_s=2)]
    for part in parts:
        part.take_part(2, shared)
    expected = [alone.check(*each, NOW) for each in asked[:10]]
    judged.clear()
    for part in parts:
        assert [part.check(*each, NOW) for each in asked[:10]] == expected
        assert told(part.check(*asked[10], NOW)) == ["signature_not_checked:budget"]
        assert part.checked == 10
    assert len(judged) == 10


def test_what_adds_up_is_bounded() -> None:
    mine = checker(signatures_per_s=1)
    asked = replies(14)
    mine.check(*asked[0], NOW)
    later = NOW + 10**6 * S
    results = [told(mine.check(*each, later)) for each in asked[1:]]
    assert results == [[]] * 10 + [["signature_not_checked:budget"]] * 3


def test_who_is_not_known_may_become_so() -> None:
    lookup = knowing(RSA_CA)
    mine = checker(lookup)
    ((response, cert_id),) = replies(1)
    first = mine.check(response, cert_id, NOW)
    assert (told(first), first.final) == (["signature_not_checked:issuer_unknown"], False)
    known = knowing(CA)
    lookup._issuers.update(known._issuers)
    lookup._cas.update(known._cas)
    assert told(mine.check(response, cert_id, NOW)) == []


def test_an_issuer_whose_certificate_is_not_there() -> None:
    class NameOnly(MemoryLookup):
        def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
            from sensor.ct.lookup import NotFound

            return [NotFound(Issuer(1, "CN=Audit CA", ""))] * len(ids)

    ((response, cert_id),) = replies(1)
    assert told(checker(NameOnly()).check(response, cert_id, NOW)) == ["signature_not_checked:issuer_unknown"]
    assert told(checker().check(response, None, NOW)) == ["signature_not_checked:issuer_unknown"]


def test_a_lookup_in_trouble() -> None:
    lookup = knowing(CA)
    mine = checker(lookup)
    ((response, cert_id),) = replies(1)
    lookup.trouble = "locked"
    verdict = mine.check(response, cert_id, NOW)
    assert (told(verdict), verdict.final) == (["signature_not_checked:lookup_failed"], False)
    lookup.trouble = None
    assert told(mine.check(response, cert_id, NOW)) == []


def test_memory_is_bounded_and_the_longest_unused_goes() -> None:
    mine = checker(max_verdicts=3)
    asked = replies(4)
    for each in (*asked[:3], asked[0], asked[3]):
        mine.check(*each, NOW)
    assert (len(mine), mine.checked) == (3, 4)
    mine.check(*asked[0], NOW)
    assert mine.checked == 4
    mine.check(*asked[1], NOW)
    assert (mine.checked, mine.forgotten) == (5, 2)


def test_keys_that_are_tried_are_few(monkeypatch: Any) -> None:
    tried = []

    def check(key_info: bytes, *rest: bytes) -> Any:
        tried.append(key_info)
        return real(key_info, *rest)

    real = signature.check_signature
    monkeypatch.setattr(signature, "check_signature", check)
    strangers = tuple(certify("Same name", by=STRANGER) for _ in range(20))
    response, cert_id = decoded(reply(answer(ASKED), by=STRANGER, responder=strangers[0].by_name(), certs=strangers))
    assert told(checker().check(response, cert_id, NOW)) == ["signature_not_checked:too_many_signers"]
    assert len(tried) == 4
    tried.clear()
    response, cert_id = decoded(reply(answer(ASKED), by=CA, responder=strangers[0].by_name(), certs=strangers[:4]))
    assert told(checker().check(response, cert_id, NOW)) == ["signature_invalid"]  # all of them were tried
    assert len(tried) == 4
    tried.clear()
    response, cert_id = decoded(reply(answer(ASKED), by=STRANGER, certs=strangers))
    assert told(checker().check(response, cert_id, NOW)) == ["signature_not_checked:signer_unreadable"]  # not all read
    assert len(tried) == 4
    response, cert_id = decoded(reply(answer(ASKED), by=STRANGER, certs=strangers[:16]))
    assert told(checker().check(response, cert_id, NOW)) == ["signature_not_checked:signer_unknown"]
