"""sensor.ocsp.request: everything clients send, and what nobody should."""

from __future__ import annotations

from hashlib import sha256

import pytest

from sensor.ocsp.model import OcspError, OcspRequest
from sensor.ocsp.request import decode_request
from sensor.settings import OcspSettings
from tests.ocsp.wire import (
    KEY_HASH,
    NAME_HASH,
    NONCE,
    SHA256,
    cert_id,
    extension,
    indefinite,
    integer,
    name,
    octets,
    oid,
    request,
    seq,
    tlv,
)

LIMITS = OcspSettings()
V1 = integer(0)


def decode(data: bytes, **limits: int) -> OcspRequest:
    return decode_request(data, OcspSettings(**limits) if limits else LIMITS)


def test_a_plain_request() -> None:
    found = decode(request(cert_id(0x0C0099B7)))
    (cid,) = found.cert_ids
    assert (cid.hash_algorithm, cid.issuer_name_hash, cid.issuer_key_hash) == ("sha1", NAME_HASH, KEY_HASH)
    assert cid.serial_number == "0C0099B7"
    assert (found.version, found.cert_ids_total, found.nonce, found.requestor_name) == (0, 1, None, None)
    assert (found.signed, found.extensions) == (False, ())
    traits = found.traits
    assert (traits.explicit_version, traits.null_parameters, traits.trailing_bytes) == (False, True, 0)
    assert (traits.nonminimal, traits.ber, traits.cut) == (False, False, False)


def test_apple_trustd() -> None:
    """Up to 2.x: version v1 is written although it is the default; 3.0: no NULL in the AlgorithmIdentifier."""
    old = decode(request(cert_id(7), version=V1))
    assert (old.traits.explicit_version, old.version, old.cert_ids[0].serial_number) == (True, 0, "07")
    new = decode(request(cert_id(7, parameters=b"")))
    assert (new.traits.null_parameters, new.cert_ids) == (False, old.cert_ids)


@pytest.mark.parametrize("version", [1, 2, -1, 1 << 40])
def test_other_versions(version: int) -> None:
    assert decode(request(cert_id(7), version=integer(version))).version == version


@pytest.mark.parametrize("parameters", [octets(b""), b"\5\1\0", seq(), b"\4\0"])
def test_parameters_that_are_not_null(parameters: bytes) -> None:
    assert not decode(request(cert_id(7, parameters=parameters))).traits.null_parameters


def test_several_cert_ids() -> None:
    found = decode(request(cert_id(1), cert_id(2, SHA256), cert_id(1)))
    assert [(each.serial_number, each.hash_algorithm) for each in found.cert_ids] == [
        ("01", "sha1"),
        ("02", "sha256"),
        ("01", "sha1"),
    ]
    assert found.cert_ids_total == 3


def test_no_cert_id_at_all() -> None:
    found = decode(request())
    assert (found.cert_ids, found.cert_ids_total, found.traits.null_parameters) == ((), 0, False)
    found = decode(request(requestor=tlv(0x82, b"x" * 300)))  # wherever the list would begin
    assert (found.cert_ids, found.cert_ids_total, found.traits.null_parameters) == ((), 0, False)


@pytest.mark.parametrize("count", [63, 64, 65, 3000])
def test_all_are_counted_and_some_kept(count: int) -> None:
    found = decode(request(*(cert_id(i) for i in range(count))))
    assert found.cert_ids_total == count
    assert len(found.cert_ids) == min(count, 64)
    assert found.cert_ids[-1].serial_number == f"{min(count, 64) - 1:02X}"


def test_requests_that_exhaust_the_elements_are_counted_too() -> None:
    many = tuple(extension(f"1.2.{i}", b"x") for i in range(60))
    found = decode(request(*(cert_id(i) for i in range(64)), single_exts=many))
    assert found.cert_ids_total == 64
    assert 1 < len(found.cert_ids) < 64
    assert found.traits.cut


@pytest.mark.parametrize("elements", range(24, 200, 3))
def test_wherever_the_elements_run_out(elements: int) -> None:
    """After the first CertID nothing is refused: the rest is counted, its extensions are left."""
    data = request(
        *(cert_id(i) for i in range(9)),
        single_exts=(extension("1.2.3", b"x"), extension("1.2.4", b"x")),
        exts=(extension(NONCE, octets(b"n")),),
    )
    found = decode(data, max_elements=elements)
    assert found.cert_ids_total == 9
    assert found.cert_ids[0].serial_number == "00"
    assert found.traits.cut or len(found.cert_ids) < 9 or found.nonce == b"n"


@pytest.mark.parametrize(
    ("dotted", "text"),
    [
        ("2.16.840.1.101.3.4.2.2", "sha384"),
        ("2.16.840.1.101.3.4.2.3", "sha512"),
        ("1.2.840.113549.2.5", "md5"),
        ("1.2.3.4.5.6", "1.2.3.4.5.6"),
        ("2.999." + ".".join(["1"] * 1000), "2.999." + "1." * 61 + "..."),
    ],
)
def test_hash_algorithms(dotted: str, text: str) -> None:
    assert decode(request(cert_id(7, dotted, name_hash=b"n" * 64, key_hash=b""))).cert_ids[0].hash_algorithm == text


def test_hashes_of_any_length() -> None:
    cid = decode(request(cert_id(7, name_hash=b"", key_hash=b"k" * 5000))).cert_ids[0]
    assert (cid.issuer_name_hash, cid.issuer_key_hash) == (b"", b"k" * 5000)


def cut(serial: str) -> str:
    """As one of more than 64 octets is told: no other is told so."""
    return serial[: 128 + serial.startswith("-")] + "..." + sha256(serial.encode()).hexdigest()[:32].upper()


@pytest.mark.parametrize(
    ("content", "text", "nonminimal"),
    [
        (b"\x05", "05", False),
        (b"\x00", "00", False),
        (b"", "00", True),
        (b"\x00\x92\x39", "9239", False),
        (b"\x00\x12\x39", "1239", True),
        (b"\x00" * 10 + b"\x07", "07", True),
        (b"\x80", "-80", False),
        (b"\xff", "-01", False),
        (b"\xff\xff", "-01", True),
        (b"\xff\x7f", "-81", False),
        (b"\x01" + bytes(19), "01" + "00" * 19, False),
        (b"\x00\xff" + bytes(19), "FF" + "00" * 19, False),
        (b"\x77" * 64, "77" * 64, False),
        (b"\x00" + b"\x99" * 64, "99" * 64, False),
        (b"\x77" * 65, cut("77" * 65), False),
        (b"\x77" * 5000, cut("77" * 5000), False),
        (bytes(5000) + b"\x07", "07", True),
        (b"\x80" + bytes(4999), cut("-80" + "00" * 4999), False),
    ],
)
def test_serials(content: bytes, text: str, nonminimal: bool) -> None:
    found = decode(request(cert_id(content)))
    assert found.cert_ids[0].serial_number == text
    assert found.traits.nonminimal == nonminimal


@pytest.mark.parametrize("size", [0, 1, 16, 32, 127, 128, 300, 4096])
def test_nonces(size: int) -> None:
    value = bytes(i & 0xFF for i in range(size))
    assert decode(request(cert_id(), exts=(extension(NONCE, octets(value)),))).nonce == value
    raw = b"\x00" + value  # older clients put the bytes straight into extnValue
    assert decode(request(cert_id(), exts=(extension(NONCE, raw),))).nonce == raw


@pytest.mark.parametrize("raw", [b"", b"\x04", b"\x04\x05abc", b"\x04\x02abc", b"\x04\x81", b"\x04\x80\x00\x00"])
def test_a_raw_nonce_may_look_like_der(raw: bytes) -> None:
    assert decode(request(cert_id(), exts=(extension(NONCE, raw),))).nonce == raw


def test_a_nonce_with_a_single_request() -> None:
    """keycloak/keycloak#28768: the nonce in singleRequestExtensions."""
    found = decode(request(cert_id(), single_exts=(extension(NONCE, octets(b"12345678")),)))
    assert (found.nonce, found.extensions) == (b"12345678", (NONCE,))


def test_extensions_are_named_in_order() -> None:
    exts = (
        extension("1.3.6.1.5.5.7.48.1.4", b"x", critical=True),
        extension(NONCE, octets(b"n")),
        extension("1.2.3", b""),
    )
    found = decode(request(cert_id(), exts=exts))
    assert found.extensions == ("1.3.6.1.5.5.7.48.1.4", NONCE, "1.2.3")
    assert found.nonce == b"n"
    both = decode(request(cert_id(), cert_id(), exts=exts, single_exts=(extension(NONCE, octets(b"single")),)))
    assert both.extensions == (*found.extensions, NONCE, NONCE)
    assert both.nonce == b"n"  # the first
    twice = decode(request(cert_id(), exts=(extension(NONCE, octets(b"1")), extension(NONCE, octets(b"2")))))
    assert (twice.nonce, twice.extensions) == (b"1", (NONCE, NONCE))


def test_long_lists_of_extensions_are_cut() -> None:
    found = decode(request(cert_id(), exts=tuple(extension(f"1.2.{i}", b"x") for i in range(3000))))
    assert (len(found.extensions), found.traits.cut, found.cert_ids_total) == (64, True, 1)


@pytest.mark.parametrize(
    ("general_name", "text"),
    [
        (tlv(0x82, b"laptop.example"), "DNS:laptop.example"),
        (tlv(0xA4, name("client 7")), "DirName:CN=client 7"),
        (tlv(0x8F, b"?"), "#8F013F"),
    ],
)
def test_requestor_names(general_name: bytes, text: str) -> None:
    found = decode(request(cert_id(9), requestor=general_name, version=V1))
    assert (found.requestor_name, found.cert_ids[0].serial_number) == (text, "09")


def test_signed_requests() -> None:
    found = decode(request(cert_id(), signature=seq(b"whatever" * 20_000)))
    assert (found.signed, found.cert_ids_total) == (True, 1)


@pytest.mark.parametrize("tail", [b"\n", b"\r\n", bytes(100_000), request(cert_id(9))])
def test_trailing_bytes(tail: bytes) -> None:
    whole = decode(request(cert_id(7)) + tail)
    assert (whole.traits.trailing_bytes, whole.cert_ids[0].serial_number) == (len(tail), "07")


def test_every_cut_is_an_error() -> None:
    full = request(cert_id(7), version=V1, requestor=tlv(0x82, b"x"), exts=(extension(NONCE, octets(b"n")),))
    for size in range(len(full)):
        with pytest.raises(OcspError):
            decode(full[:size])
    assert decode(full).nonce == b"n"


def test_indefinite_lengths_and_constructed_strings() -> None:
    """OpenSSL's d2i reads these, so a responder answers them."""
    expected = decode(request(cert_id(7)))
    algorithm = seq(oid("1.3.14.3.2.26"), b"\5\0")
    chopped = indefinite(0x24, octets(NAME_HASH[:7]), octets(NAME_HASH[7:]))
    cid = indefinite(0x30, algorithm, chopped, octets(KEY_HASH), integer(7))
    spelled = indefinite(0x30, indefinite(0x30, indefinite(0x30, indefinite(0x30, cid))))
    found = decode(spelled + b"!!")
    assert found.cert_ids == expected.cert_ids
    assert (found.traits.ber, found.traits.trailing_bytes) == (True, 2)
    assert decode(seq(seq(seq(seq(seq(algorithm, chopped, octets(KEY_HASH), integer(7))))))).traits.ber


def test_nonminimal_lengths() -> None:
    plain = request(cert_id(7))
    found = decode(b"\x30\x84\x00\x00\x00" + plain[1:])
    assert (found.traits.nonminimal, found.cert_ids) == (True, decode(plain).cert_ids)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"<\0", "OCSPRequest: tag 3c"),
        (b"\x30\x03\x0a\x01\x06", "TBSRequest: tag 0a"),
        (seq(seq(integer(1))), "requestList: tag 02"),
        (seq(seq(seq(seq()))), "truncated"),
        (seq(seq(seq(seq(seq())))), "truncated"),
        (seq(seq(seq(seq(seq(seq(integer(1)))))))[:], "algorithm: tag 02"),
        (seq(seq(seq(), seq())), "requestExtensions: tag 30"),
        (seq(seq(seq()), b"\5\0"), "optionalSignature: tag 05"),
        (seq(seq(seq()), tlv(0xA0), b"\5\0"), "OCSPRequest: unexpected element"),
        (seq(seq(tlv(0xA0, integer(0), integer(0)), seq())), "version: unexpected element"),
        (seq(seq(tlv(0xA0, integer(1 << 80)), seq())), "INTEGER: length"),
        (seq(seq(seq(seq(cert_id(), b"\5\0")))), "singleRequestExtensions: tag 05"),
        (request(cert_id(hash_oid="1.2.3"))[:-1] + b"", "truncated"),
        (request(seq(seq(b"\6\0"), octets(b""), octets(b""), integer(1))), "OBJECT IDENTIFIER"),
        (request(seq(seq(oid("1.2.3"), b"\5\0\5\0"), octets(b""), octets(b""), integer(1))),
         "AlgorithmIdentifier: unexpected element"),
        (request(seq(cert_id()[2:], b"\5\0")), "CertID: unexpected element"),
        (request(cert_id(), exts=(seq(oid("1.2"), octets(b""), b"\5\0"),)), "Extension: unexpected element"),
        (request(cert_id(), exts=(seq(oid("1.2"), b"\5\0"),)), "extnValue: tag 05"),
    ],
)  # fmt: skip
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(OcspError) as caught:
        decode(data)
    assert (caught.value.reason, caught.value.limit) == (reason, False)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (request(cert_id()), {"max_bytes": 60}),
        (request(cert_id()), {"max_elements": 8}),
        (b"\x30\x80" * 3000, {}),
        (indefinite(0x30, indefinite(0x30, indefinite(0x30, b"\5\0" * 5000))), {}),
    ],
)
def test_limits(data: bytes, limits: dict[str, int]) -> None:
    with pytest.raises(OcspError) as caught:
        decode(data, **limits)
    assert caught.value.limit
