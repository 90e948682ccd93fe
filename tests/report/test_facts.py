"""sensor.report.facts: what is counted of an observation is plain values."""

from __future__ import annotations

import marshal
from types import SimpleNamespace

import msgspec

from sensor.http.transaction import Ambiguity
from sensor.report import facts


def test_they_can_go_to_another_process(make: SimpleNamespace) -> None:
    made = [
        facts.of_connection(make.connection(80, "http", 7)),
        facts.of_transaction(make.transaction("text/html")),
        facts.of_exchange(make.exchange("10.1.0.21", "0A")),
    ]
    assert marshal.loads(marshal.dumps(made)) == made  # noqa: S302  (our own bytes)
    assert made[0] == (80, "http", 7)


def test_in_what_an_exchange_can_be_read_otherwise(make: SimpleNamespace) -> None:
    plain = make.exchange("10.1.0.21", "0A")
    assert facts.of_exchange(plain)[4] is None
    both = msgspec.structs.replace(plain, ambiguous=(Ambiguity.framing, Ambiguity.tcp))
    assert facts.of_exchange(both)[4] == "framing, tcp"


def test_what_a_reply_was(make: SimpleNamespace) -> None:
    assert facts.of_transaction(make.transaction(None, reply=False)) == ("(no reply)",)
    assert facts.of_transaction(make.transaction(None, files=False)) == ("(no body)",)
    assert facts.of_transaction(make.transaction(None)) == ("(type unknown)",)
