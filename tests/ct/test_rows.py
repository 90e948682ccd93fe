"""sensor.ct.rows: what goes in comes out, in few bytes; what is no row is said to be none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor.ct.rows import RowError, certificate_of, decode_row, decode_urls, encode_row, encode_urls, merge, row_of
from sensor.pki.certificates import Certificate

NAME = st.text("abc.*-", min_size=1, max_size=12)
URL = st.sampled_from(["http://ocsp.example/", "http://crl.example/1.crl"])


def certificate(**changes: object) -> Certificate:
    facts = Certificate(
        "0A", "CN=CA", "CN=a", "a", ("a", "b"), (), (), 1_700_000_000, 1_707_776_000, False, False, (), ()
    )
    return msgspec.structs.replace(facts, **changes)


CERTIFICATES = st.builds(
    Certificate,
    serial_number=st.sampled_from(["00", "01", "80", "0ABC", "FF" * 20]),
    issuer_name=st.just("CN=CA"),
    subject_name=st.sampled_from(["", "CN=a", "CN=b", "CN=a,O=x"]),
    common_name=st.sampled_from([None, "a", "b", "a.b", ""]),
    dns_names=st.lists(NAME, unique=True, max_size=5).map(tuple),
    ip_addresses=st.lists(NAME, unique=True, max_size=2).map(tuple),
    email_addresses=st.lists(NAME, unique=True, max_size=2).map(tuple),
    not_before=st.integers(-(10**10), 10**11),
    not_after=st.integers(-(10**10), 10**11),
    is_ca=st.booleans(),
    must_staple=st.booleans(),
    ocsp_urls=st.lists(URL, max_size=2).map(tuple),
    crl_urls=st.lists(URL, max_size=2).map(tuple),
    names_left_out=st.integers(0, 10**6),
)


@given(CERTIFICATES, st.integers(0, 10**6), st.integers(0, 10**10))
def test_what_goes_in_comes_out(facts: Certificate, source: int, learned_at: int) -> None:
    row = decode_row(encode_row(row_of(facts, source, learned_at, urls=3)))
    assert (row.source, row.learned_at, row.urls) == (source, learned_at, 3)
    urls = decode_urls(encode_urls((facts.ocsp_urls, facts.crl_urls)))
    assert certificate_of(row, bytes.fromhex(facts.serial_number), facts.issuer_name, urls) == facts


def test_a_row_costs_about_thirty_bytes_beside_its_names() -> None:
    names = ("example.com", "www.example.com")
    facts = certificate(common_name=names[0], dns_names=names, subject_name=f"CN={names[0]}")
    assert len(encode_row(row_of(facts, 2, 1_795_000_000, 70))) - sum(map(len, names)) <= 30


@given(st.binary(max_size=60))
@example(b"\x98\x00\x00\x00\x00\x00\xcd\x00\x00\xa2\x00\x80")  # text that is no UTF-8
def test_noise_is_no_row(noise: bytes) -> None:
    with pytest.raises(RowError):
        decode_row(noise)


@pytest.mark.parametrize("value", [None, 1, 1.5, "text"])
def test_other_types_are_no_rows(value: object) -> None:
    with pytest.raises(RowError):
        decode_row(value)
    with pytest.raises(RowError):
        decode_urls(value)


def test_damaged_rows() -> None:
    whole = encode_row(row_of(certificate(), 1, 2, 3))
    for length in range(len(whole)):
        with pytest.raises(RowError):
            decode_row(whole[:length])
    for index in (2, -1, 10**6):
        row = msgspec.structs.replace(row_of(certificate(), 1, 2, 3), common=index)
        with pytest.raises(RowError):
            certificate_of(row, b"\1", "CN=CA", ((), ()))
    with pytest.raises(RowError):
        decode_row(msgspec.msgpack.encode([1, 2, 1 << 60, 0, 0, 0, None, []]))


def test_names_are_united_in_order_of_arrival() -> None:
    old = row_of(certificate(dns_names=("a", "b"), ip_addresses=("192.0.2.1",)), 1, 100, 5)
    new = row_of(certificate(dns_names=("b", "c"), email_addresses=("m@x",), common_name="c"), 2, 200, 6)
    merged = merge(old, new, 250)
    assert merged is not None
    assert (merged.dns, merged.ips, merged.emails) == (("a", "b", "c"), ("192.0.2.1",), ("m@x",))
    assert (merged.source, merged.learned_at, merged.urls, merged.common) == (1, 100, 5, 0)
    assert merge(merged, new, 250) is None
    assert merge(old, old, 250) is None


def test_the_limit_holds_for_united_names_and_is_reached_once() -> None:
    old = row_of(certificate(dns_names=("a", "b", "c")), 1, 1, 1)
    new = row_of(certificate(dns_names=("c", "d", "e"), ip_addresses=("192.0.2.1",), names_left_out=2), 1, 1, 1)
    merged = merge(old, new, 4)
    assert merged is not None
    assert merged.dns == ("a", "b", "c", "d")
    assert merged.ips == ()
    assert merged.left_out == 4  # two of the new one's own, one host name, one address
    assert merge(merged, new, 4) is None


def test_octets_that_are_no_text_are_damage() -> None:
    row = row_of(certificate(dns_names=("name-of-a-host",)), 1, 2, 3)
    damaged = encode_row(row).replace(b"name", b"\xff\xfe\x80\x80")
    assert len(damaged) == len(encode_row(row))
    with pytest.raises(RowError):
        decode_row(damaged)
    with pytest.raises(RowError):
        decode_urls(encode_urls((("http://x.example/",), ())).replace(b"http", b"\xff\xff\xff\xff"))
