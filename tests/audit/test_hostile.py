"""Whatever comes as a reply, the audit says something and never raises; what it says of damage is not "all is well"."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.audit.stage import AuditStage
from sensor.ocsp.exchange import OcspDecoder
from sensor.ocsp.model import OcspExchange
from sensor.settings import AuditSettings, OcspSettings
from tests.audit.signing import NOW_S, answer, certify, conversation, reply, request
from tests.audit.test_table import ASKED, CA, DELEGATE, ROWS, TRUSTED, knowing
from tests.ocsp import wire

REPLIES = [row.answered for row in ROWS.values()]
SOUND = [name for name, row in ROWS.items() if not row.expected]


def audits(stage: AuditStage, answered: bytes, now_s: int = NOW_S) -> list[set[str]]:
    talk = conversation(request(ASKED, nonce=b"1"), answered, now_s)
    exchanges = [each for each in OcspDecoder(OcspSettings()).feed(talk) if isinstance(each, OcspExchange)]
    return [{finding.value for finding in audit} for audit in stage.feed(exchanges, talk) if audit is not None]


def fresh() -> AuditStage:
    return AuditStage(AuditSettings(), knowing(*TRUSTED))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(REPLIES), st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 6), st.booleans())
def test_damaged_replies(answered: bytes, place: int, noise: bytes, gone: int, keep: bool) -> None:
    place %= len(answered)
    tail = answered[place + gone :] if keep else b""
    for found in audits(STAGE, answered[:place] + noise + tail):
        assert found is not None


STAGE = fresh()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SOUND), st.data())
def test_no_changed_octet_of_what_is_signed_goes_unnoticed(name: str, data: st.DataObject) -> None:
    """In a reply that was sound: if it still decodes and is still about the same, something is found."""
    answered = bytearray(ROWS[name].answered)
    place = data.draw(st.integers(20, len(answered) - 1))
    answered[place] ^= data.draw(st.integers(1, 255))
    talk = conversation(ROWS[name].asked, bytes(answered))
    exchanges = [each for each in OcspDecoder(OcspSettings()).feed(talk) if isinstance(each, OcspExchange)]
    whole = conversation(ROWS[name].asked, ROWS[name].answered)
    (sound, *_) = [each for each in OcspDecoder(OcspSettings()).feed(whole) if isinstance(each, OcspExchange)]
    for exchange, audit in zip(exchanges, fresh().feed(exchanges, talk), strict=True):
        response = exchange.response
        if response is None or response.tbs_der == sound.response.tbs_der:  # type: ignore[union-attr]
            continue  # no OCSP any more; or only the certificates were touched, which other tests are about
        assert audit


@pytest.mark.parametrize("moment", ["00010101000000Z", "99991231235959Z", "19700101000000Z", "22620412000000Z"])
def test_times_at_the_ends_of_the_calendar(moment: str) -> None:
    """Year 9999 is beyond 64 bits of nanoseconds."""
    when = wire.gtime(moment)
    for this, following in ((when, None), (None, wire.tlv(0xA0, when)), (when, wire.tlv(0xA0, when))):
        for status in (wire.GOOD, wire.revoked(moment, 1)):
            single = wire.single(ASKED, status, this, following)
            (found,) = audits(fresh(), wire.response(wire.basic(single, produced=when)))
            assert found - {"nonce_missing"}


@pytest.mark.parametrize("now_s", [0, 1, 915_148_799, 915_148_800, 4_000_000_000, 9_000_000_000])
def test_packet_times_far_away(now_s: int) -> None:
    (found,) = audits(fresh(), reply(answer(ASKED), by=DELEGATE, certs=(DELEGATE,)), now_s)
    expected = {"nonce_missing"}
    if now_s < 915_148_800:
        expected |= {"times_not_checked:packet_time"}
    elif now_s < NOW_S:
        expected |= {"delegate_not_yet_valid", "this_update_future", "produced_at_future"}
    else:
        expected |= {"delegate_expired", "next_update_past"}
    assert found == expected


def test_many_answers_and_certificates_take_little_time() -> None:
    """As many as are read, of both: what a reply costs must not grow with the square."""
    singles = [answer(CA.cert_id(number)) for number in range(64)]
    strangers = tuple(certify(f"Stranger {number}", by=CA) for number in range(12)) * 4
    answered = reply(*singles * 2, by=CA, certs=strangers)
    stage = fresh()
    audits(stage, answered)
    began = time.process_time()
    for _ in range(20):
        audits(stage, answered)
    assert (time.process_time() - began) / 20 < 0.1
