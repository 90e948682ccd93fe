"""sensor.privacy.held: what waits for look-ups comes out whole, once, in order, and within the limit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from sensor.ct.lookup import Answer, NotFound, Unavailable
from sensor.ocsp.model import CertId, OcspExchange
from sensor.privacy.held import HeldExchanges
from tests.logs.observations import CERT, EXCHANGE, OCSP_REQUEST, OCSP_RESPONSE, changed

PENDING = Unavailable("no answer yet", True)
HERE = NotFound()


def cert(number: int) -> CertId:
    made: CertId = changed(CERT, serial_number=f"{number:02X}")
    return made


def group(*asked: tuple[int, Answer], **fields: Any) -> tuple[list[OcspExchange], list[CertId], list[Answer]]:
    ids = [cert(number) for number, _ in asked]
    return [changed(EXCHANGE, cert_id=each, **fields) for each in ids], ids, [answer for _, answer in asked]


def test_a_group_comes_out_with_its_last_answer() -> None:
    held = HeldExchanges(1 << 20)
    assert held.hold(*group((1, PENDING), (2, HERE), (3, PENDING)))
    assert held.exchanges == 3
    assert list(held.release([(cert(1), HERE), (cert(2), HERE)])) == []
    ((asked, ids, answers),) = held.release([(cert(3), Unavailable("no answer came"))])
    assert [each.cert_id for each in asked] == ids == [cert(1), cert(2), cert(3)]
    assert answers == [HERE, HERE, Unavailable("no answer came")]
    assert held.exchanges == 0
    assert list(held.release([(cert(1), HERE), (cert(3), HERE)])) == []


def test_groups_about_one_certificate_come_out_in_order() -> None:
    held = HeldExchanges(1 << 20)
    for ts in range(5):
        assert held.hold(*group((1, PENDING), (1, PENDING), ts=ts))
    came = list(held.release([(cert(1), HERE)]))
    assert [asked[0].ts for asked, _, _ in came] == [0, 1, 2, 3, 4]
    assert {tuple(answers) for _, _, answers in came} == {(HERE, HERE)}


def test_a_group_that_two_answers_complete_at_once_comes_out_once() -> None:
    held = HeldExchanges(1 << 20)
    held.hold(*group((1, PENDING), (2, PENDING)))
    assert len(list(held.release([(cert(2), HERE), (cert(1), HERE)]))) == 1


def test_the_limit_counts_octets_and_is_given_back() -> None:
    held = HeldExchanges(100_000)
    big = changed(OCSP_RESPONSE, tbs_der=bytes(60_000), certs=(bytes(20_000),))
    assert held.hold(*group((1, PENDING), response=big))
    assert not held.hold(*group((2, PENDING), response=big))
    assert held.exchanges == 1
    assert held.hold(*group((3, PENDING)))
    list(held.release([(cert(1), HERE)]))
    assert held.hold(*group((2, PENDING), response=big))
    assert sum(held.hold(*group((4, PENDING))) for _ in range(1000)) < 50


def long_hash(number: int) -> CertId:
    made: CertId = changed(CERT, issuer_key_hash=bytes(3000) + bytes([number]), serial_number=f"{number:02X}")
    return made


SINGLE = OCSP_RESPONSE.responses[0]
HOSTILE: dict[str, Callable[[int], dict[str, Any]]] = {
    "nonce of a request": lambda n: {"request": changed(OCSP_REQUEST, nonce=n.to_bytes(2, "big") * 30_000)},
    "requestor": lambda n: {"request": changed(OCSP_REQUEST, requestor_name=f"{n:05}" * 20_000)},
    "extensions": lambda n: {"request": changed(OCSP_REQUEST, extensions=tuple(f"1.2.{n}.{k}" for k in range(4000)))},
    "hashes": lambda _: {"request": changed(OCSP_REQUEST, cert_ids=tuple(long_hash(k) for k in range(64)))},
    "singles": lambda n: {
        "response": changed(
            OCSP_RESPONSE,
            responses=tuple(changed(SINGLE, cert_id=long_hash(k), crl_url=f"{n}.{k}" * 50) for k in range(64)),
        )
    },
    "nonce of a reply": lambda n: {"response": changed(OCSP_RESPONSE, nonce=n.to_bytes(2, "big") * 30_000)},
    "signature": lambda n: {"response": changed(OCSP_RESPONSE, signature=n.to_bytes(2, "big") * 30_000)},
    "head": lambda n: {"uri": n.to_bytes(2, "big") * 15_000, "user_agent": n.to_bytes(2, "big") * 15_000},
    "nothing long": lambda n: {"request": changed(OCSP_REQUEST, nonce=n.to_bytes(2, "big"))},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_stays_near_the_limit_whatever_is_long(name: str) -> None:
    limit = 4 << 20
    held = HeldExchanges(limit)
    tracemalloc.start()
    try:
        for number in range(60_000):
            if not held.hold(*group((number, PENDING), **HOSTILE[name](number))):
                break
        else:
            pytest.fail("no limit was met")
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert limit / 8 < taken < 1.5 * limit, held.exchanges
