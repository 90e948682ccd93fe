"""The part of the page about who disclosed what."""

from __future__ import annotations

import re

import msgspec
import pytest

from sensor.ocsp.model import CertStatus, Evidence
from sensor.privacy.leak import Grade
from sensor.report.disclosures import render_clients, render_unlisted
from sensor.report.layout import paint
from sensor.report.summary import Summary


def page(summary: Summary) -> str:
    lines = render_clients(summary, 80) + render_unlisted(summary, 80)
    return "".join(paint(line, colour=False) + "\n" for line in lines)


def test_many_clients_and_sites_are_cut_and_counted(make) -> None:
    summary = Summary()
    for n in range(40):
        summary.leak(make.leak(f"10.0.0.{n}", Grade.few, f"s{n}.example", f"{n:02X}", sites_total=3))
        summary.leak(make.leak("10.0.0.200", Grade.exact, f"t{n}.example", f"A{n:02X}"))
    text = page(summary)
    assert "41 clients · 80 sites · 80 certificates" in text
    assert text.index("10.0.0.200") < text.index("10.0.0.0")  # who told most comes first
    assert "    and 32 more\n" in text
    assert "  and 29 more clients, all in leak.log\n" in text


def test_only_grades_that_occur_are_explained(make) -> None:
    summary = Summary()
    summary.leak(make.leak("10.0.0.1", Grade.exact, "a.example"))
    text = page(summary)
    assert "exact: the certificate names one site\n" in text
    assert "few:" not in text


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ((Grade.exact, "a.example", {}), "exact     a.example  1 time"),
        ((Grade.exact, "a.example", {"status": CertStatus.revoked}), "exact     a.example  1 time, revoked"),
        ((Grade.exact, "a.example", {"evidence": Evidence.response}), "exact     a.example  1 time, reply only"),
        ((Grade.few, "a.example", {"sites_total": 2}), "few       a.example or 1 other site  1 time"),
        ((Grade.few, "a.example", {"sites_total": 10}), "few       a.example or 9 other sites  1 time"),
        ((Grade.many, "a.example", {"sites_total": 1234}), "many      a.example, one of 1,234 sites  1 time"),
        ((Grade.many, "github.io", {"sites_total": 1}), "many      github.io or any site under it  1 time"),
        ((Grade.ca, None, {"sites_total": 0, "names": ("CA 1",)}), "ca        CA 1  1 time"),
        ((Grade.unlisted, None, {"sites_total": 0, "issuer": "CN=CA 1"}), "unlisted  1 serial of CA 1  1 time"),
        ((Grade.unlisted, None, {"sites_total": 0, "issuer": None}), "unlisted  1 serial of an unknown issuer  1 time"),
    ],
)
def test_what_a_client_told(make, told: tuple[Grade, str | None, dict[str, object]], line: str) -> None:
    grade, site, more = told
    summary = Summary()
    summary.leak(make.leak("10.0.0.1", grade, site, **more))
    assert f"    {line}\n" in page(summary)


def test_a_site_told_by_two_programs_is_told_once(make) -> None:
    summary = Summary()
    summary.leak(make.leak("10.0.0.1", Grade.few, "a.example", "0A", sites_total=2, software="Java"))
    summary.leak(make.leak("10.0.0.1", Grade.few, "a.example", "0B", sites_total=5, software="curl"))
    text = page(summary)
    assert "  10.0.0.1  Java, curl\n" in text
    assert "few       a.example or 4 other sites  2 times\n" in text
    assert text.count("a.example") == 1


def test_clients_equally_grave_are_in_the_order_of_their_addresses(make) -> None:
    summary = Summary()
    addresses = ["10.0.0.100", "10.0.0.20", "2001:db8::2", "10.0.0.3", "2001:db8::10"]
    for address in addresses:
        summary.leak(make.leak(address, Grade.exact, "a.example"))
    lines = [line.split()[0] for line in page(summary).splitlines() if line.startswith(("  1", "  2"))]
    assert lines == ["10.0.0.3", "10.0.0.20", "10.0.0.100", "2001:db8::2", "2001:db8::10"]


def test_unlisted_serials_the_most_frequent_first(make) -> None:
    summary = Summary()
    for n in range(8):
        for _ in range(n + 1):
            summary.leak(make.leak("10.0.0.1", Grade.unlisted, None, f"0{n}", issuer="CN=R9,O=Trust", sites_total=0))
    text = page(summary)
    assert "  07  R9, Trust  8 times\n  06  R9, Trust  7 times\n" in text
    assert "  and 3 more serials\n" in text


def test_what_a_crl_told(make) -> None:
    summary = Summary()
    for grade, site in ((Grade.exact, "a.example"), (Grade.unlisted, None)):
        leak = make.leak("10.0.0.1", grade, site)
        by_crl = msgspec.structs.replace(leak, channel="crl", serial_number=None)
        summary.leak(by_crl)
        summary.leak(by_crl)
    summary.leak(msgspec.structs.replace(by_crl, issuer=None))
    text = page(summary)
    assert re.search(r"exact +a\.example +2 times, by CRL\n", text)
    assert re.search(r"unlisted +a CRL of .+ +2 times, by CRL\n", text)
    assert re.search(r"unlisted +a CRL of an unknown issuer +1 time, by CRL\n", text)
    assert "Unlisted serials" not in text
    assert "0 certificates" in text
