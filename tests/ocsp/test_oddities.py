"""sensor.ocsp.oddities: what a message that could be read is told to have wrong. The others are test_exchange's."""

from __future__ import annotations

import pytest

from sensor.ocsp.oddities import reply_oddities, request_oddities
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp.wire import basic, cert_id, request, response, single

LIMITS = OcspSettings()
LONG = ("ocsp_odd_serial", "{}: more than 20 octets")


@pytest.mark.parametrize(
    ("serial", "odd"),
    [
        (b"\x01", []),
        (b"\0", []),
        (b"\0" + b"\xff" * 20, []),
        (b"\xff" + b"\x7f" * 19, [("ocsp_odd_serial", "{}: negative")]),
        (b"\x11" * 21, [LONG]),
        (b"\x80" + bytes(21), [("ocsp_odd_serial", "{}: negative, more than 20 octets")]),
        (b"\x11" * 64, [LONG]),
        (b"\x11" * 65, [LONG, ("asn1_limit", "{}: serial number")]),
    ],
)
def test_serial_numbers_that_no_ca_may_give(serial: bytes, odd: list[tuple[str, str]]) -> None:
    one = cert_id(serial)
    asked = decode_request(request(cert_id(7), one), LIMITS)
    told = decode_response(response(basic(single(cert_id(7)), single(one))), LIMITS)
    for message, found in (("request", request_oddities(asked)), ("reply", reply_oddities(told))):
        assert list(found) == [(name, addl.format(message)) for name, addl in odd]


def test_a_serial_number_that_is_cut_by_a_lower_limit_is_told_as_cut_alone() -> None:
    asked = decode_request(request(cert_id(b"\x11" * 12)), OcspSettings(max_serial_octets=8))
    assert request_oddities(asked) == (("asn1_limit", "request: serial number"),)
