"""Names to sites."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.privacy.sites import SiteIndex, is_host_name

INDEX = SiteIndex()


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("example.com", "example.com"),
        ("www.example.com", "example.com"),
        ("a.b.c.example.co.uk", "example.co.uk"),
        ("WWW.Example.COM", "example.com"),
        ("www.example.com.", "example.com"),
        ("*.example.com", "example.com"),
        ("*.shop.example.com", "example.com"),
        ("w*.shop.example.com", "example.com"),
        ("*.*.example.com", "example.com"),
        # rules with exceptions and wildcards (publicsuffix.org/list: *.ck, !www.ck, *.kobe.jp, !city.kobe.jp)
        ("www.ck", "www.ck"),
        ("a.b.c.ck", "b.c.ck"),
        ("x.city.kobe.jp", "city.kobe.jp"),
        # the private section: each customer is a site
        ("alice.github.io", "alice.github.io"),
        ("www.alice.github.io", "alice.github.io"),
        # names that are themselves public suffixes, and wildcards right under one
        ("github.io", "github.io"),
        ("*.github.io", "github.io"),
        ("co.uk", "co.uk"),
        ("com", "com"),
        # internationalised names, in either form
        ("www.münchen.de", "xn--mnchen-3ya.de"),
        ("www.xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("\u0440\u0430\u0443\u0440\u0430l.com", "xn--l-7sba6dbr.com"),  # Cyrillic letters: not paypal.com
        ("www。example。com", "example.com"),  # IDNA full stops
        # internal names
        ("localhost", "localhost"),
        ("intranet", "intranet"),
        ("mail.corp", "mail.corp"),
        ("a.mail.corp", "mail.corp"),
        ("printer_1.local", "printer_1.local"),
        # addresses
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        # mailboxes
        ("alice@mail.example.com", "example.com"),
        ("alice@intranet", "intranet"),
        # no names at all
        ("", ""),
        (".", "."),
        ("*", "*"),
        ("*.", "*."),
        ("a..example.com", "a..example.com"),
        ("example*.com.*", "example*.com.*"),
        ("Developer ID Application: Example", "Developer ID Application: Example"),
        ("evil\x1b[31m.example.com", "evil\x1b[31m.example.com"),
        ("evil\n.example.com", "evil\n.example.com"),
        ("example.com\x00.evil.example", "example.com\x00.evil.example"),
        ("@", "@"),
        ("@example.com", "@example.com"),
        ("a" * 64 + ".com", "a" * 64 + ".com"),
        ("xn--a.com", "xn--a.com"),  # punycode that does not decode
        ("xn--.xn--.xn--", "xn--.xn--"),
        ("1.2.3.4.5", "4.5"),
    ],
)
def test_site(name: str, site: str) -> None:
    assert INDEX.site(name) == site


@pytest.mark.parametrize(
    ("names", "sites", "open_ended"),
    [
        (("www.example.com", "example.com", "*.example.com"), ("example.com",), False),
        (("b.example", "a.example", "www.b.example"), ("b.example", "a.example"), False),
        (("*.github.io", "github.com"), ("github.io", "github.com"), True),
        (("*.alice.github.io",), ("alice.github.io",), False),
        (("github.io",), ("github.io",), False),
        (("*.com",), ("com",), True),
        (("*.b.ck",), ("b.ck",), True),  # matched by the rule *.ck
        (("*.corp",), ("corp",), False),  # no listed suffix: one internal domain
        (("*.公司.cn",), ("xn--55qx5d.cn",), True),
        (("192.0.2.1", "::1"), ("192.0.2.1", "::1"), False),
        ((), (), False),
    ],
)
def test_sites_are_distinct_and_in_order(names: tuple[str, ...], sites: tuple[str, ...], open_ended: bool) -> None:
    found = INDEX.sites(names)
    assert (found.sites, found.open_ended) == (sites, open_ended)


@pytest.mark.parametrize(
    ("name", "is_host"),
    [
        ("example.com", True),
        ("*.example.com", True),
        ("münchen.de", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("::1", False),
        ("Example Ltd", False),
        ("", False),
        ("*", False),
        ("a@b.example", False),
        ("x" * 254, False),
    ],
)
def test_what_can_be_a_host(name: str, is_host: bool) -> None:
    assert is_host_name(name) is is_host


def test_memory_is_bounded_and_forgetting_changes_no_answer() -> None:
    index = SiteIndex(max_names=4)
    for n in range(40):
        assert index.site(f"www.h{n}.example") == f"h{n}.example"
        assert len(index._known) <= 4


@given(st.text(max_size=300))
def test_any_text_has_a_site(name: str) -> None:
    site = INDEX.site(name)
    assert site == name or len(site) <= 253 or "@" in name
    assert INDEX.site(name) == site


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,5}", fullmatch=True))
def test_a_site_is_a_tail_of_the_host_and_its_own_site(host: str) -> None:
    site = INDEX.site(host)
    assert host == site or host.endswith("." + site) or ":" in site or site.count(".") == 3
    assert INDEX.site(site) == site
    assert INDEX.site("more." + host) == site or site in (host, INDEX.site("more." + host))
