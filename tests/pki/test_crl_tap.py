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


def tapped(data: bytes, sizes: list[int], lost: bool = False) -> Crl:
    tap = CrlTap(CrlReader(CrlSettings()), 1000)
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
