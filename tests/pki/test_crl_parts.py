"""sensor.pki.crl_parts: extensions that are odd, and what is said of them. Sound ones: test_crl_reader.py."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.crl import CrlExtensions
from sensor.pki.crl_parts import certificate_issuer, decode_entry, decode_extensions, decode_head, decode_signature
from sensor.pki.der import DerError
from sensor.pki.oids import encode_oid
from tests.pki.crls import NAME, tlv


def extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    flag = b"\1\1\xff" if critical else b""
    return tlv(0x30, tlv(0x06, encode_oid(oid)) + flag + tlv(0x04, value))


def extensions(*each: bytes) -> CrlExtensions:
    return decode_extensions(tlv(0xA0, tlv(0x30, b"".join(each))), 4)


NUMBER = extension("2.5.29.20", b"\2\1\7")


def test_one_that_is_broken_does_not_cost_the_others() -> None:
    found = extensions(NUMBER, extension("2.5.29.28", b"\2\1\0", critical=True))
    assert found.number == "07"
    assert found.scope is None
    assert found.problem == "2.5.29.28: issuingDistributionPoint: tag 02"


def test_one_that_is_there_twice_is_told() -> None:
    found = extensions(NUMBER, extension("2.5.29.20", b"\2\1\x08"))
    assert (found.number, found.problem) == ("07", "2.5.29.20 twice")


def test_unknown_ones_are_told_if_they_are_critical() -> None:
    found = extensions(extension("1.2.3", b""), extension("1.2.4", b"", critical=True))
    assert (found.oids, found.unknown_critical) == (("1.2.3", "1.2.4"), ("1.2.4",))


def test_so_many_are_named() -> None:
    found = extensions(*(extension(f"1.2.{i}", b"", critical=True) for i in range(9)), NUMBER)
    assert (len(found.oids), len(found.unknown_critical), found.number) == (4, 4, "07")


def test_a_name_relative_to_the_issuer() -> None:
    rdn = tlv(0x30, tlv(0x06, encode_oid("2.5.4.3")) + tlv(0x0C, b"shard 9"))
    found = extensions(extension("2.5.29.28", tlv(0x30, tlv(0xA0, tlv(0xA1, rdn)))))
    assert found.scope is not None
    assert found.scope.names == ("relative:CN=shard 9",)


def test_where_deltas_are() -> None:
    point = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://crl.example/delta.crl"))))
    assert extensions(extension("2.5.29.46", tlv(0x30, point))).delta_urls == ("http://crl.example/delta.crl",)


@pytest.mark.parametrize(("count", "cut"), [(4, False), (5, True)])
def test_that_there_are_more_names_is_known(count: int, cut: bool) -> None:
    names = [tlv(0x86, b"http://crl.example/%d" % number) for number in range(count)]
    scope = extensions(extension("2.5.29.28", tlv(0x30, tlv(0xA0, tlv(0xA0, b"".join(names))))))
    assert scope.scope is not None
    assert (len(scope.scope.names), scope.names_cut) == (4, cut)
    points = [tlv(0x30, tlv(0xA0, tlv(0xA0, name))) for name in names]
    for parts in (points, [tlv(0x30, tlv(0xA0, tlv(0xA0, b"".join(names))))]):
        deltas = extensions(extension("2.5.29.46", tlv(0x30, b"".join(parts))))
        assert (len(deltas.delta_urls), deltas.names_cut) == (4, cut)


@pytest.mark.parametrize(
    "part", [b"", b"\x30\x00", tlv(0xA0, b""), tlv(0xA0, tlv(0x30, b"\5\0")), tlv(0xA0, b"00") + b"0"]
)
def test_what_is_no_list_of_extensions(part: bytes) -> None:
    with pytest.raises(DerError):
        decode_extensions(part, 4)


@given(st.binary(max_size=80))
def test_any_octets_raise_only_the_declared_error(data: bytes) -> None:
    for decode in (decode_head, decode_signature, certificate_issuer):
        for part in (data, tlv(0x30, data)):
            with contextlib.suppress(DerError):
                decode(part)
    with contextlib.suppress(DerError):
        decode_extensions(tlv(0xA0, tlv(0x30, extension("2.5.29.28", data) + extension("2.5.29.35", data))), 4)


def test_an_entry_stands_without_its_extensions() -> None:
    entry = b"\x02\x01\x05\x17\x0d260301120000Z"
    assert decode_entry(tlv(0x30, entry + b"\x30\x05\x01"[:2] + bytes(5)), None).serial_number == "05"
    assert decode_entry(tlv(0x30, entry), NAME.public_bytes()).issuer_der == NAME.public_bytes()
    reason = tlv(0x30, extension("2.5.29.21", b"\x0a\1\x0b"))
    assert decode_entry(tlv(0x30, entry + reason), None).reason == "11"


def test_a_serial_of_any_length_is_cut_for_the_log() -> None:
    entry = tlv(0x02, b"\x7f" * 100) + b"\x17\x0d260301120000Z"
    assert len(decode_entry(tlv(0x30, entry), None).serial_number) == 128


def test_an_issuer_must_not_be_longer_than_any_name() -> None:
    name = tlv(0x30, bytes(9000))
    entry = b"\x02\x01\x05\x17\x0d260301120000Z"
    value = extension("2.5.29.29", tlv(0x30, tlv(0xA4, name)), critical=True)
    with pytest.raises(DerError, match="too long"):
        certificate_issuer(tlv(0x30, entry + tlv(0x30, value)))
    with pytest.raises(DerError, match="too long"):
        decode_head(b"\x30\x00" + name + b"\x17\x0d260301120000Z")


ENTRY = b"\x02\x01\x05\x17\x0d260301120000Z"


def test_an_entry_without_extensions_has_no_issuer_of_its_own() -> None:
    assert certificate_issuer(tlv(0x30, ENTRY)) is None
    reason = tlv(0x30, extension("2.5.29.21", b"\x0a\1\1"))
    assert certificate_issuer(tlv(0x30, ENTRY + reason)) is None
    name = tlv(0x30, extension("2.5.29.29", tlv(0x30, tlv(0x82, b"a.example") + tlv(0xA4, NAME.public_bytes()))))
    assert certificate_issuer(tlv(0x30, ENTRY + name)) == NAME.public_bytes()


def test_what_a_scope_says_beside_what_is_known_costs_nothing() -> None:
    """[6] may come one day; onlyContainsUserCerts stands before and behind it."""
    for parts in (b"\x86\1\xff\x81\1\xff", b"\x81\1\xff\x86\1\xff"):
        found = extensions(extension("2.5.29.28", tlv(0x30, parts), critical=True))
        assert found.scope is not None and found.problem is None
        assert (found.scope.only_user_certs, found.scope.only_ca_certs) == (True, False)


def test_a_name_of_a_point_is_of_one_of_two_kinds() -> None:
    found = extensions(extension("2.5.29.28", tlv(0x30, tlv(0xA0, tlv(0xA2, b"")))))
    assert (found.scope, found.problem) == (None, "2.5.29.28: DistributionPointName: tag a2")


@pytest.mark.parametrize("size", [100, 120, 130, 250, 300])
def test_a_long_name_relative_to_the_issuer(size: int) -> None:
    rdn = tlv(0x30, tlv(0x06, encode_oid("2.5.4.3")) + tlv(0x0C, b"x" * size))
    found = extensions(extension("2.5.29.28", tlv(0x30, tlv(0xA0, tlv(0xA1, rdn)))))
    assert found.problem is None and found.scope is not None
    assert found.scope.names == ("relative:CN=" + "x" * size,)


def test_points_without_a_name_say_nothing_of_deltas() -> None:
    named = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://crl.example/delta.crl"))))
    issuer = tlv(0x30, tlv(0xA2, tlv(0xA4, NAME.public_bytes())))
    found = extensions(extension("2.5.29.46", tlv(0x30, tlv(0x30, b"") + issuer + named)))
    assert (found.delta_urls, found.problem) == (("http://crl.example/delta.crl",), None)
