"""sensor.pki.name_text, with pyca/cryptography as the oracle where it accepts."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.der import DerError
from sensor.pki.name_text import decode_general_name, decode_name
from sensor.pki.oids import encode_oid

KEY = Ed25519PrivateKey.generate()
KINDS = [
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.DOMAIN_COMPONENT,
    NameOID.USER_ID,
    NameOID.EMAIL_ADDRESS,
    NameOID.SERIAL_NUMBER,
    x509.ObjectIdentifier("1.2.3.4.5"),
]
AWKWARD = ["#x", " x ", " ", "  ", "a,b+c", 'q"\\<>;', "\0", "a\0b", "x#", "=", "O=x", "\\", "é", "日本"]
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.sampled_from(AWKWARD)
RDNS = st.lists(st.lists(st.tuples(st.sampled_from(KINDS), TEXT), min_size=1, max_size=2), max_size=4)


@given(RDNS)
def test_as_pyca_writes_it(rdns: list[list[tuple[x509.ObjectIdentifier, str]]]) -> None:
    try:
        made = x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(*pair) for pair in rdn]) for rdn in rdns])
        request = x509.CertificateSigningRequestBuilder(made).sign(KEY, None).public_bytes(Encoding.DER)
    except ValueError:  # lengths and repeated attributes that pyca will not write
        return
    name = x509.load_der_x509_csr(request).subject  # as it is on the wire: the members of a SET are sorted there
    assert decode_name(name.public_bytes()) == name.rfc4514_string()


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    assert len(body) < 128
    return bytes((tag, len(body))) + body


def one(tag: int, value: bytes, kind: str = "2.5.4.3") -> bytes:
    return tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, encode_oid(kind)), tlv(tag, value))))


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        (0x13, b"plain", "CN=plain"),
        (0x16, b"a@b", "CN=a@b"),
        (0x14, b"caf\xe9", "CN=café"),
        (0x1E, "日本".encode("utf-16-be"), "CN=日本"),
        (0x1C, "日本".encode("utf-32-be"), "CN=日本"),
        (0x0C, b"", "CN="),
        (0x0C, b"\xff", "CN=#0C01FF"),
        (0x13, b"caf\xe9", "CN=#1304636166E9"),
        (0x1E, b"odd", "CN=#1E036F6464"),
        (0x02, b"\x05", "CN=#020105"),
    ],
)
def test_string_types(tag: int, value: bytes, expected: str) -> None:
    assert decode_name(one(tag, value)) == expected


def test_order_and_empty() -> None:
    assert decode_name(b"\x30\x00") == ""
    joined = tlv(0x30, one(0x0C, b"AT", "2.5.4.6")[2:], one(0x0C, b"x")[2:])
    assert decode_name(joined) == "CN=x,C=AT"
    both = one(0x0C, b"AT", "2.5.4.6")[4:] + one(0x0C, b"x")[4:]
    assert decode_name(tlv(0x30, tlv(0x31, both))) == "C=AT+CN=x"


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x31\x00",
        b"\x30\x00\x00",
        b"\x30\x02\x30\x00",
        b"\x30\x04\x31\x02\x30\x00",
        b"\x30\x80\x00\x00",
        one(0x0C, b"x")[:-1],
        tlv(0x30, tlv(0x31, tlv(0x30, b"\x06\x01\x80", tlv(0x0C, b"x")))),
        b"\x30\x82\x20\x00" + b"\x31\x00" * 4096,
    ],
)
def test_refused(der: bytes) -> None:
    with pytest.raises(DerError):
        decode_name(der)


@pytest.mark.parametrize(
    ("der", "expected"),
    [
        (tlv(0x81, b"a@example.com"), "email:a@example.com"),
        (tlv(0x82, b"host.example"), "DNS:host.example"),
        (tlv(0x82, b"h\xffst\n"), "DNS:h\\xffst\n"),
        (tlv(0x86, b"http://x/"), "URI:http://x/"),
        (tlv(0x87, b"\xc0\x00\x02\x01"), "IP Address:192.0.2.1"),
        (tlv(0x87, bytes(15) + b"\x01"), "IP Address:::1"),
        (tlv(0x87, b"\x01"), "IP Address:#01"),
        (tlv(0x88, encode_oid("1.2.3")), "Registered ID:1.2.3"),
        (tlv(0x88, b"\x80"), "Registered ID:#80"),
        (tlv(0xA4, one(0x0C, b"client")), "DirName:CN=client"),
        (tlv(0xA4, b"\x30\x00"), "DirName:"),
        (tlv(0xA4, b"\x04\x00"), "DirName:#0400"),
        (tlv(0xA0, b"\x06\x01\x2a"), "othername:#06012A"),
    ],
)
def test_general_names(der: bytes, expected: str) -> None:
    assert decode_general_name(der) == expected


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"\x82\x05ab", b"\x82\x01ab", b"\x8a\x00"])
def test_no_general_name(der: bytes) -> None:
    with pytest.raises(DerError):
        decode_general_name(der)
