"""sensor.ocsp.carriage: base64 whose slashes a proxy or a router has merged."""

from __future__ import annotations

import base64
import random
import re

import pytest

from sensor.ocsp.carriage import decode_get, decode_get_readings
from sensor.ocsp.request import decode_request
from sensor.settings import OcspSettings
from tests.ocsp.wire import cert_id, request

LIMITS = OcspSettings()


def serials(*values: bytes) -> list[bytes]:
    return [base64.b64encode(request(cert_id(value, name_hash=b"n" * 20, key_hash=b"k" * 20))) for value in values]


def collapse(blob: bytes) -> bytes:
    return re.sub(rb"/+", b"/", blob)


def test_collapsed_slashes_are_put_back() -> None:
    """boulder#2728: a request router merges "//" within the base64."""
    tried = recovered = 0
    generator = random.Random(5)
    while tried < 60:
        serial = bytes([1 + generator.randrange(127)]) + generator.randbytes(15)
        der = request(cert_id(serial, name_hash=generator.randbytes(20), key_hash=generator.randbytes(20)))
        blob = base64.b64encode(der)
        if b"//" not in blob:
            continue
        tried += 1
        expected = decode_request(der, LIMITS)
        readings = decode_get_readings(b"/" + collapse(blob), LIMITS)
        assert any(reading[0].cert_ids == expected.cert_ids for reading in readings)
        assert all("collapsed_slash" in traits for _, traits in readings)
        found = decode_get(b"/" + collapse(blob), LIMITS)
        if len(readings) == 1:
            recovered += 1
            assert found == readings[0]
        else:
            assert found is None  # no guess
    assert recovered > 20


def test_several_collapsed_runs() -> None:
    serial = b"\x01" + b"\xff" * 11 + b"\x01" * 4
    (blob,) = serials(serial)
    assert blob.count(b"//") >= 1
    found = decode_get(b"/" + collapse(blob), LIMITS)
    assert found is not None
    assert found[0].cert_ids[0].serial_number == serial.hex().upper()


def test_missing_letters_without_a_slash_are_not_made_up() -> None:
    (blob,) = serials(b"\x11" * 16)
    assert b"/" not in blob
    for missing in range(1, 9):
        assert decode_get_readings(b"/" + blob.rstrip(b"=")[:-missing], LIMITS) == []


def test_what_may_have_been_cut_short_is_not_filled_up_with_slashes() -> None:
    """A slash in the serial, and letters missing at the end: only padding shows that none are missing there."""
    der = request(cert_id(b"\x0f\xff\xff" + b"\x11" * 12, name_hash=b"n" * 20, key_hash=b"k" * 20))
    blob = base64.b64encode(der)
    bare = blob.rstrip(b"=")
    assert bare.count(b"/") == 3
    assert blob != bare
    for missing in range(1, 12):
        assert decode_get_readings(b"/" + bare[:-missing], LIMITS) == []
    zeros = base64.b64encode(request(cert_id(b"\x0f\xff\xff" + bytes(12), name_hash=b"n" * 20, key_hash=b"k" * 20)))
    for missing in range(3, 12):  # here the bits that fill the last letter are zero wherever it ends
        assert decode_get_readings(b"/" + zeros.rstrip(b"=")[:-missing], LIMITS) == []
    merged = bare.replace(b"///", b"/")
    assert decode_get(b"/" + merged + b"=" * (len(blob) - len(bare)), LIMITS) is not None
    assert decode_get(b"/" + bare.replace(b"///", b"//"), LIMITS) is not None
    assert decode_get(b"/" + merged[:-1] + b"/", LIMITS) is None


def test_too_many_places_are_not_tried() -> None:
    """One slash missing at one of 41 places is found out or left open; for two there would be 861 ways."""
    serial = b"\x0f\xff\xff" + b"\x01\x10\x3f" * 39 + b"\x01\x10\x3f\xff"
    for runs, tried in ((1, True), (2, False)):
        whole = serial + b"\xff\xff\x01" * (runs - 1)
        blob = base64.b64encode(request(cert_id(whole, name_hash=b"n" * 20, key_hash=b"k" * 20)))
        merged = blob
        for _ in range(runs):
            merged = merged.replace(b"//", b"/", 1)
        assert len(blob) - len(merged) == runs
        assert bool(decode_get_readings(b"/" + merged, LIMITS)) == tried


def test_what_a_collapsed_spelling_shows_beside() -> None:
    """Merged slashes are all that is odd of one with its padding; without, that is told only of one that is whole."""
    blob = base64.b64encode(request(cert_id(b"\x0f\xff\xff" + b"\x11" * 12, name_hash=b"n" * 20, key_hash=b"k" * 20)))
    merged = collapse(blob)
    assert len(blob) - len(merged) == 2 and merged.endswith(b"=")
    found = decode_get(b"/" + merged, LIMITS)
    assert found is not None and found[1] == {"collapsed_slash", "raw_slash", "raw_plus", "raw_padding"} - (
        set() if b"+" in blob else {"raw_plus"}
    )
    bare = blob.rstrip(b"=").replace(b"///", b"//")
    found = decode_get(b"/" + bare, LIMITS)
    assert found is not None and {"collapsed_slash", "no_padding"} & found[1] == {"collapsed_slash"}


@pytest.mark.parametrize(("places", "tried"), [(14, True), (15, True), (16, False), (17, False)])
def test_places_are_counted_with_repetition(places: int, tried: bool) -> None:
    """Two missing letters at 15 or 16 places are 120 or 136 ways; 128 are tried."""
    serial = b"\x01\x0f\xff\xff" + b"\x01\x10\x3f" * (places - 1) + b"\x01\x10"
    for name_hash in (b"n" * 19, b"n" * 20, b"n" * 21):  # with one of them a "?" makes a slash
        blob = base64.b64encode(request(cert_id(serial, name_hash=name_hash, key_hash=b"k" * 20)))
        merged = blob.replace(b"///", b"/")
        if len(re.findall(rb"/+", merged)) == places and len(blob) - len(merged) == 2:
            break
    else:
        pytest.fail("no such base64")
    assert bool(decode_get_readings(b"/" + merged + b"=" * (not blob.endswith(b"=")), LIMITS)) is tried
