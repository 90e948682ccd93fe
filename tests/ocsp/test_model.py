"""sensor.ocsp.model: the numbers of RFC 6960, and that a record says nothing odd unless it was found."""

from __future__ import annotations

from cryptography.x509 import ocsp

from sensor.ocsp.model import OcspResponse, RequestTraits, ResponseStatus
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp import wire

LIMITS = OcspSettings()


def test_statuses_are_those_of_the_library() -> None:
    theirs = {status.name.replace("_", "").lower(): status.value for status in ocsp.OCSPResponseStatus}
    assert {status.name: status.value for status in ResponseStatus} == theirs


def test_an_error_reply_says_nothing_else() -> None:
    for status in ResponseStatus:
        if status:
            assert decode_response(wire.response(status=status), LIMITS) == OcspResponse(status)


def test_what_nobody_found_is_not_there() -> None:
    traits = decode_request(wire.request(wire.cert_id(1)), LIMITS).traits
    assert traits == RequestTraits(explicit_version=False, null_parameters=True)
    assert (traits.trailing_bytes, traits.nonminimal, traits.ber, traits.cut) == (0, False, False, False)
    reply = decode_response(wire.response(wire.basic(wire.single(wire.cert_id(1)))), LIMITS)
    for said in (reply, OcspResponse(1)):
        assert (said.trailing_bytes, said.nonminimal, said.ber, said.cut, said.extended_revoke) == (0, *[False] * 4)
