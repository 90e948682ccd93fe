"""What is remembered of a reply leads to the same rules as looking again."""

from __future__ import annotations

from pathlib import Path

from sensor.ocsp.model import OcspExchange
from sensor.rules.index import merge
from sensor.rules.probes import exchange_raw
from sensor.rules.roster import ActiveRule, Roster
from sensor.settings import Settings
from tests.rules.looking import Keeper, captures, look
from tests.rules.writing import rule, rules

TESTS = (
    "cert_status: revoked",
    "serial_number|startswith: '4'",
    "hash_algorithm: sha1",
    "responder_id|contains: byName",
)


def test_the_same_as_looking_again(tmp_path: Path) -> None:
    found = rules(tmp_path, *(rule(text, "ocsp_exchange", number) for number, text in enumerate(TESTS)))
    roster = Roster("ocsp_exchange", [ActiveRule(each, False, ()) for each in found.events], 1024)
    assert len(roster.of_cert_id) == 2 and len(roster.of_answer) == 2 and not roster.fields
    seen: list[OcspExchange] = []

    class Looking(Keeper):
        def exchange(self, exchange: OcspExchange, *more: object) -> None:  # noqa: ARG002  (the observer's interface)
            seen.append(exchange)

    look([*captures("ocsp")[::3], *captures("office")], lambda _: Looking(Settings()))
    assert len(seen) > 40
    named = set()
    for exchange in [*seen, *seen]:
        expected: tuple[int, ...] = ()
        for field in roster.of_answer:
            raw = exchange_raw(exchange, None, None, None, None, field.code)
            expected = expected if raw is None else merge(expected, field.candidates(raw))
        answered = roster.from_answer(exchange) if exchange.response is not None else ()
        assert answered == expected
        named.update(answered)
        if exchange.cert_id is not None:
            assert (1 in roster.from_cert_id(exchange)) == exchange.cert_id.serial_number.startswith("4")
            named.update(roster.from_cert_id(exchange))
    assert named == {0, 1, 2, 3}
