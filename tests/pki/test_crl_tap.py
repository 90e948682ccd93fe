"""sensor.pki.crl_tap: a body that is a CRL in DER, in PEM, or none at all."""

from __future__ import annotations

import base64
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.crl import Crl, CrlEnd
from sensor.pki.crl_reader import CrlReader
from sensor.pki.crl_tap import CrlTap
from sensor.settings import CrlSettings
from tests.pki.crls import make, read

DER = make(range(1, 50))
PEM = b"-----BEGIN X509 CRL-----\n%b\n-----END X509 CRL-----\n" % textwrap.fill(base64.b64encode(DER).decode()).encode()


def tapped(data: bytes, sizes: list[int], lost: bool = False, max_crls: int = 1) -> Crl:
    tap = CrlTap(lambda: CrlReader(CrlSettings()), 1000, max_crls)
    pos = 0
    for size in [*sizes, len(data)]:
        if pos < len(data) and not tap.feed(data[pos : pos + size]):
            break
        pos += size
    return tap.finish(lost)


@given(st.lists(st.integers(1, 300), max_size=40), st.sampled_from([DER, PEM, b"Certificate Revocation List:\n" + PEM]))
def test_der_and_pem_are_the_same_crl(sizes: list[int], data: bytes) -> None:
    crl = tapped(data, sizes)
    whole = read(DER)[0]
    assert (crl.end, crl.entries, crl.head, crl.tbs_digest) == (CrlEnd.whole, 49, whole.head, whole.tbs_digest)
    assert crl.pem is (data is not DER)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<html>404</html>", "not a CRL"),
        (b"x" * 5000, "not a CRL"),
        (PEM[:400] + b"!" + PEM[400:], "broken PEM"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "not a CRL"),
    ],
)
def test_what_is_none(data: bytes, problem: str) -> None:
    crl = tapped(data, [100] * 100)
    assert (crl.end, crl.problem) == (CrlEnd.broken, problem)


def test_cut_and_holed() -> None:
    assert tapped(PEM[:700], []).end is CrlEnd.cut
    crl = tapped(DER[:700], [], lost=True)
    assert (crl.end, crl.entries > 5) == (CrlEnd.hole, True)
    assert tapped(b"", []).end is CrlEnd.cut


@given(st.lists(st.integers(1, 300), max_size=40))
def test_those_behind_the_first_in_pem_are_counted(sizes: list[int]) -> None:
    other = PEM.replace(b"X509 CRL", b"CRL")
    whole = read(DER)[0]
    for data, more in ((PEM, 0), (PEM + PEM, 1), (PEM + b"the next:\n" + other + PEM, 2)):
        crl = tapped(data, sizes)
        assert (crl.end, crl.entries, crl.tbs_digest, crl.more) == (CrlEnd.whole, 49, whole.tbs_digest, more)
    assert tapped(PEM + b"-----BEGIN CERTIFICATE-----\n", sizes).more == 0


SECOND = make(range(100, 130))


def in_pem(der: bytes) -> bytes:
    return b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n"


@given(st.lists(st.integers(1, 300), max_size=40), st.sampled_from([b"", b"text\n" * 500]))
def test_several_in_pem_are_each_read(sizes: list[int], between: bytes) -> None:
    whole, other = read(DER)[0], read(SECOND)[0]
    crl = tapped(PEM + between + in_pem(SECOND) + between + PEM, sizes, max_crls=2)
    assert (crl.end, crl.entries, crl.tbs_digest, crl.more) == (CrlEnd.whole, 49, whole.tbs_digest, 1)
    assert [(each.end, each.pem, each.tbs_digest) for each in crl.others] == [(CrlEnd.whole, True, other.tbs_digest)]
    assert tapped(PEM, sizes, max_crls=2).others == ()
    crl = tapped(PEM + between, sizes, max_crls=2)
    assert (crl.end, crl.others) == (CrlEnd.whole, ())


def test_one_of_several_that_is_broken_or_cut_costs_no_other() -> None:
    broken = in_pem(b"0\x03\x02\x01\x00")
    crl = tapped(broken + in_pem(SECOND), [100] * 100, max_crls=4)
    assert (crl.end, crl.problem) == (CrlEnd.broken, "not a CRL")
    assert [(each.end, each.entries) for each in crl.others] == [(CrlEnd.whole, 30)]
    crl = tapped(PEM + in_pem(SECOND)[:900], [], max_crls=4)
    assert [(each.end, each.entries > 5) for each in (crl, *crl.others)] == [(CrlEnd.whole, True), (CrlEnd.cut, True)]
    crl = tapped(PEM + in_pem(SECOND)[:900] + b"!" + PEM, [], max_crls=4)
    assert [each.problem for each in (crl, *crl.others)] == [None, "broken PEM"]
