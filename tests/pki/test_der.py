"""sensor.pki.der: headers, integers, object identifiers and times, in DER and out of it."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki import der
from sensor.pki.der import DerError, DerReader, decode_integer, decode_oid, decode_time
from sensor.pki.oids import HASH_NAMES, SIGNATURE_NAMES, encode_oid


def read(data: bytes, pos: int = 0, end: int | None = None, limit: int = 100) -> tuple[int, int, int, bool]:
    reader = DerReader(data, limit)
    tag = reader.read(pos, len(data) if end is None else end)
    return tag, reader.start, reader.stop, reader.loose


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x05\x00", (5, 2, 2, False)),
        (b"\x04\x03abc", (4, 2, 5, False)),
        (b"\x04\x03abcdef", (4, 2, 5, False)),
        (b"\x04\x81\x80" + bytes(128), (4, 3, 131, False)),
        (b"\x30\x82\x01\x00" + bytes(256), (0x30, 4, 260, False)),
        (b"\x04\x81\x03abc", (4, 3, 6, True)),
        (b"\x04\x82\x00\x80" + bytes(128), (4, 4, 132, True)),
        (b"\x04\x88" + bytes(7) + b"\x03abc", (4, 10, 13, True)),
        (b"\x04\xff" + bytes(126) + b"\x01a", (4, 129, 130, True)),
    ],
)
def test_header(data: bytes, expected: tuple[int, int, int, bool]) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"\x30", "truncated"),
        (b"\x04\x03ab", "truncated"),
        (b"\x04\x81", "truncated"),
        (b"\x04\x82\x01", "truncated"),
        (b"\x04\x84\x80\x00\x00\x00" + bytes(64), "truncated"),  # 2^31
        (b"\x04\x84\xff\xff\xff\xff" + bytes(64), "truncated"),
        (b"\x04\x88" + b"\xff" * 8 + bytes(64), "truncated"),  # 2^64 - 1
        (b"\x04\x89\x01" + bytes(8) + bytes(64), "truncated"),  # 2^64
        (b"\x04\xff" + b"\xff" * 127 + bytes(64), "truncated"),
        (b"\x30\x80\x00\x00", der.INDEFINITE),
        (b"\x1f\x81\x01\x00", "high tag number"),
        (b"\xbf\x20\x00", "high tag number"),
    ],
)
def test_header_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DerError) as caught:
        read(data)
    assert caught.value.reason == reason
    assert not caught.value.limit


def test_an_element_must_end_before_its_container() -> None:
    data = b"\x04\x03abc"
    assert read(data, 0, 5)[2] == 5
    with pytest.raises(DerError, match="truncated"):
        read(data, 0, 4)


def test_every_element_is_counted() -> None:
    reader = DerReader(b"\x05\x00" * 4, 3)
    for i in range(3):
        reader.read(2 * i, 8)
    with pytest.raises(DerError) as caught:
        reader.read(6, 8)
    assert caught.value.limit


def test_enter_names_what_was_expected_and_what_was_found() -> None:
    with pytest.raises(DerError, match=r"^CertID: tag 02$"):
        DerReader(b"\x02\x01\x00", 9).enter(0x30, 0, 3, "CertID")
    with pytest.raises(DerError, match="constructed string"):
        DerReader(b"\x24\x02\x04\x00", 9).enter(0x04, 0, 4, "hash")


def test_leave_refuses_what_follows() -> None:
    reader = DerReader(b"\x05\x00\x05\x00", 9)
    reader.read(0, 4)
    with pytest.raises(DerError, match="unexpected element"):
        reader.leave(4, "Pair")
    reader.leave(2, "Single")
    assert reader.stop == 2


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_integer(value: int) -> None:
    octets = value.to_bytes(8, "big", signed=True)
    assert decode_integer(b"x" + octets + b"x", 1, 9) == value


@pytest.mark.parametrize("size", [0, 9, 1000])
def test_integer_of_other_sizes(size: int) -> None:
    with pytest.raises(DerError):
        decode_integer(bytes(size), 0, size)


OIDS = st.tuples(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 1 << 70), max_size=6).map(tuple)).map(
    lambda arcs: ".".join(map(str, (arcs[0], arcs[1], *arcs[2])))
)


@given(OIDS)
def test_oid_there_and_back(dotted: str) -> None:
    text = decode_oid(encode_oid(dotted))
    assert text == dotted if len(dotted) <= der.MAX_OID_TEXT else text == dotted[: der.MAX_OID_TEXT] + "..."


@pytest.mark.parametrize("dotted", ["2.999.1", "2.5.29.15", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25"])
def test_oid_as_pyca_writes_it(dotted: str) -> None:
    """The shortest way to an OID through pyca: a registeredID in a SubjectAlternativeName."""
    content = encode_oid(dotted)
    san = bytes((0x30, len(content) + 2, 0x88, len(content))) + content
    value = x509.ObjectIdentifier(decode_oid(content))
    assert x509.SubjectAlternativeName([x509.RegisteredID(value)]).public_bytes() == san


@pytest.mark.parametrize("content", [b"", b"\x80\x01", b"\x2b\x80\x01", b"\x2b\x86", b"\xff"])
def test_oid_refused(content: bytes) -> None:
    with pytest.raises(DerError):
        decode_oid(content)


def test_long_oids_are_cut() -> None:
    text = decode_oid(b"\x2b" + b"\x01" * 1000)
    assert text.startswith("1.3.1.1.1.")
    assert len(text) == der.MAX_OID_TEXT + 3
    assert text.endswith("...")
    giant = decode_oid(b"\x2b" + b"\xff" * 100_000 + b"\x7f")
    assert giant == "1.3..."


def test_the_names_are_those_of_openssl() -> None:
    """Against OpenSSL's long names, which pyca does not have: written out, from `openssl list -objects`."""
    assert HASH_NAMES[encode_oid("1.3.14.3.2.26")] == "sha1"
    assert HASH_NAMES[encode_oid("2.16.840.1.101.3.4.2.1")] == "sha256"
    assert SIGNATURE_NAMES[encode_oid("1.2.840.10045.4.3.2")] == "ecdsa-with-SHA256"
    assert SIGNATURE_NAMES[encode_oid("1.2.840.113549.1.1.11")] == "sha256WithRSAEncryption"


def moment(text: bytes, tag: int = der.GENERALIZED_TIME) -> int | None:
    return decode_time(b"??" + text + b"??", tag, 2, 2 + len(text))


@given(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)))
def test_generalized_time(when: datetime.datetime) -> None:
    when = when.replace(microsecond=0, tzinfo=datetime.UTC)
    text = f"{when.year:04}{when:%m%d%H%M%S}Z".encode()
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert moment(text) == (when - epoch) // datetime.timedelta(seconds=1) * 1_000_000_000


@given(st.integers(0, 10**14 - 1))
def test_any_fourteen_digits(stamp: int) -> None:
    text = b"%014d" % stamp
    try:
        year, month, day, hour, minute, second = (
            int(text[i:j]) for i, j in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
        )
        expected = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    except ValueError:
        assert moment(text + b"Z") is None
    else:
        assert moment(text + b"Z") == int(expected.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"19700101000000Z", 0),
        (b"19700101000001.5Z", 1_500_000_000),
        (b"19700101000001,123456789999Z", 1_123_456_789),
        (b"19700101010000+0100", 0),
        (b"19691231233000-0030", 0),
        (b"197001010001Z", 60_000_000_000),
        (b"99991231235959Z", 253402300799 * 10**9),
        (b"00010101000000Z", -62135596800 * 10**9),
        (b"20240229000000Z", 1709164800 * 10**9),
    ],
)
def test_other_forms(text: bytes, expected: int) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Z",
        b"20261301000000Z",
        b"20260001000000Z",
        b"20260100000000Z",
        b"20260230000000Z",
        b"20230229000000Z",
        b"19000229000000Z",
        b"20260431000000Z",
        b"20260101240000Z",
        b"20260101006000Z",
        b"20260101000060Z",
        b"00000101000000Z",
        b"20260101000000",  # no zone: no moment
        b"20260101000000z",
        b"2026010100000Z",
        b"+2026010100000Z",
        b"2026 01010000 Z",
        b"202601_1000000Z",
        "2026010100000\u0665Z".encode(),
        b"20260101000000.Z",
        b"202601010000.5Z",
        b"202601010000.25Z",  # of a minute
        b"20261301000000.5Z",
        b"20260101000000+2400",
        b"20260101000000+0160",
        b"20260101000000." + b"1" * 100 + b"Z",
        b"20260101000000ZZ",
        b"20260101000000Z\n",
    ],
)
def test_no_moment(text: bytes) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"700101000000Z", 0),
        (b"500101000000Z", -631152000),
        (b"491231235959Z", 2524607999),
        (b"7001010001Z", 60),
        (b"700101010000+0100", 0),
        (b"19700101000000Z", None),
        (b"701301000000Z", None),
        (b"700101000000", None),
        (b"700101000000.5Z", None),
    ],
)
def test_utc_time(text: bytes, expected: int | None) -> None:
    assert moment(text, der.UTC_TIME) == (None if expected is None else expected * 10**9)
