"""The rules of one service that can fire, and what tells which of them an event may match (`sensor.rules.index`).

Compiled where a compiler is found (roster.pxd).
"""

from __future__ import annotations

from functools import partial

from sensor.kept import Kept
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.rules.correlating import Correlator
from sensor.rules.index import FieldIndex, Rules, ServiceIndex, can_guard, can_index, merge
from sensor.rules.matching import Matcher, compile_expression
from sensor.rules.probes import NONCE_ECHOED, exchange_raw
from sensor.rules.probing import Probe
from sensor.rules.requirement import guard, requirement
from sensor.rules.rule import EventRule


class ActiveRule:
    """A rule that can fire."""

    def __init__(self, rule: EventRule, is_quiet: bool, correlators: tuple[Correlator, ...]) -> None:
        self.rule = rule
        self.head = rule.head
        self.matcher: Matcher = compile_expression(rule.expression)
        self.is_quiet = is_quiet
        self.is_instead = rule.head.notice.replaces_built_in and not is_quiet
        self.correlators = correlators
        self.hits = 0


class Roster:
    """The rules of one service, and where to look which of them an event may match."""

    def __init__(self, name: str, rules: list[ActiveRule], limit: int) -> None:
        can = partial(can_index, name)
        required = [requirement(active.rule.expression, can) for active in rules]
        self.rules = rules
        guards = [
            None if first is None else guard(active.rule.expression, first, partial(can_guard, name))
            for active, first in zip(rules, required, strict=True)
        ]
        self.index = ServiceIndex(name, required, guards, limit)
        self._guards = self.index.guards
        self.fields: list[FieldIndex] = self.index.fields
        self.always: Rules = self.index.always
        # Of exchanges, the fields of what the decoder gives one record for, however often a message comes: what they
        # lead to is remembered beside the record.
        self.of_cert_id: list[FieldIndex] = []
        self.of_answer: list[FieldIndex] = []
        if name == "ocsp_exchange":
            self.of_cert_id = [field for field in self.fields if 20 <= field.code < 30]
            self.of_answer = [field for field in self.fields if field.code >= 40 and field.code != NONCE_ECHOED]
            self.fields = [field for field in self.fields if field not in self.of_cert_id + self.of_answer]
        self.no_cert_id: Rules = ()
        self.no_answer: Rules = ()
        for field in self.of_cert_id:
            self.no_cert_id = merge(self.no_cert_id, field.absent)
        for field in self.of_answer:
            self.no_answer = merge(self.no_answer, field.absent)
        self.cert_ids = Kept()
        self.answers = Kept()  # by the SingleResponse: the reply that it was in, and the rules

    def candidates(self, probe: Probe) -> Rules:
        """The rules that an observation may match, by `fields`."""
        found = self.always
        for field in self.fields:
            raw = probe.raw(field.code)
            rules = field.absent if raw is None else field.candidates(raw)
            if rules:
                found = merge(found, rules)
        return found

    def guarded(self, found: Rules, probe: Probe) -> Rules:
        """Those of `found` whose second requirement the observation meets, too."""
        if not found:
            return found
        kept = []
        for number in found:
            guards = self._guards[number]
            if guards is None or _passes(guards, probe):
                kept.append(number)
        return found if len(kept) == len(found) else tuple(kept)

    def from_cert_id(self, exchange: OcspExchange) -> Rules:
        """What the fields of its CertID lead to."""
        cert_id = exchange.cert_id
        if cert_id is None:
            return self.no_cert_id
        found: Rules | None = self.cert_ids.get(cert_id)
        if found is None:
            found = _of_exchange(self.of_cert_id, exchange)
            self.cert_ids.put(cert_id, found)
        return found

    def from_answer(self, exchange: OcspExchange) -> Rules:
        """What the fields of its reply, and of the SingleResponse in it, lead to."""
        single, response = exchange.single, exchange.response
        if response is None:
            return self.no_answer
        if single is None:
            return _of_exchange(self.of_answer, exchange)
        kept: tuple[OcspResponse, Rules] | None = self.answers.get(single)
        if kept is not None and kept[0] is response:
            return kept[1]
        found = _of_exchange(self.of_answer, exchange)
        self.answers.put(single, (response, found))
        return found


def _passes(guards: tuple[FieldIndex, ...], probe: Probe) -> bool:
    for field in guards:
        raw = probe.raw(field.code)
        if field.absent if raw is None else field.candidates(raw):
            return True
    return False


def _of_exchange(fields: list[FieldIndex], exchange: OcspExchange) -> Rules:
    found: Rules = ()
    for field in fields:
        raw = exchange_raw(exchange, None, None, None, None, field.code)
        rules = field.absent if raw is None else field.candidates(raw)
        if rules:
            found = merge(found, rules)
    return found
