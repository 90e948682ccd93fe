"""sensor.pki.names: what may be a host name, what a CA is called, how crt.sh spells a name."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki import names
from sensor.pki.name_text import decode_name


@pytest.mark.parametrize(
    "text",
    [
        "example.com",
        "*.example.com",
        "f*.example.com",
        "localhost",
        "foo_bar.example",
        "xn--mnchen-3ya.example",
        "192.0.2.1",
        "EXAMPLE.com",
        "example.com.",
        "a" * 63 + ".example",
        ".".join(["a" * 49] * 5) + ".a2",
    ],
)
def test_host_names(text: str) -> None:
    assert names.dns_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".example.com",
        "a..b",
        "a b.example",
        "exa\nmple.com",
        "exa\x00mple.com",
        "\x1b[31mred.example",
        "münchen.example",
        "www.*.example",
        "a" * 64 + ".example",
        "a." * 126 + "aaa",
        "a.b/c",
        "user@example.com",
        "example.com\n",
    ],
)
def test_not_host_names(text: str) -> None:
    assert names.dns_name(text) is None


def test_the_length_limit_is_253_octets() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(longest) == 253
    assert names.dns_name(longest) == longest
    assert names.dns_name(longest + "d") is None


def test_mailboxes_urls_and_plain_text() -> None:
    assert names.email_address("a.b+c@example.com") == "a.b+c@example.com"
    assert [names.email_address(t) for t in ("@x", "a@", "a b@x", "a@x\n", "a@b@c", "ä@x")] == [None] * 6
    assert names.url("http://x/y?z") == "http://x/y?z"
    assert [names.url(t) for t in ("", "http://x/ y", "http://x/\n", "http://ü/", "x" * 1025)] == [None] * 5
    assert names.plain_text("Jürgen O'Neill") == "Jürgen O'Neill"
    assert [names.plain_text(t) for t in ("", "a\x1bb", "a\u202eb", "ä" * 127, "\ud800")] == [None] * 5


def _der(*attributes: tuple[x509.ObjectIdentifier, str]) -> bytes:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes]).public_bytes()


def test_what_a_ca_is_called() -> None:
    country, organization, unit, common = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.ORGANIZATION_NAME, "Example, Inc."),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Class 3"),
        (NameOID.COMMON_NAME, "R3"),
    )
    assert names.display_name(_der(country, organization, unit, common)) == "R3"
    assert names.display_name(_der(country, organization, unit)) == "Class 3"
    assert names.display_name(_der(country, organization)) == "Example, Inc."
    assert names.display_name(_der(country)) == names.display_name(_der()) == ""


def test_the_last_common_name_counts() -> None:
    der = _der((NameOID.COMMON_NAME, "com"), (NameOID.COMMON_NAME, "www.example.com"))
    assert names.common_name(der) == ("www.example.com", True)
    assert names.common_name(_der((NameOID.COMMON_NAME, "a\x1b[2Jb"))) == (None, True)
    assert names.common_name(_der((NameOID.COUNTRY_NAME, "US"))) == (None, False)


NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloudflare, Inc."),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ca@example.com"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Éire CA + Co"),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        'C=US, O="Cloudflare, Inc.", emailAddress=ca@example.com, CN="Éire CA + Co"',
        "C=US, O=Cloudflare\\, Inc., emailAddress=ca@example.com, CN=Éire CA \\+ Co",
        "C=US, O=Cloudflare, Inc., emailAddress=ca@example.com, CN=\\C3\\89ire CA + Co",
        'C = US, O = "Cloudflare, Inc.", 1.2.840.113549.1.9.1=ca@example.com, CN = "Éire CA + Co"',
    ],
)
def test_crtsh_spells_the_same_name(text: str) -> None:
    assert names.parse_one_line_name(text) == (decode_name(NAME.public_bytes()), "Éire CA + Co")


def test_attributes_of_one_rdn() -> None:
    der = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        ]
    ).rdns
    name = x509.Name(
        [
            *der,
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b")]
            ),
        ]
    )
    text = decode_name(name.public_bytes())
    assert {(names.parse_one_line_name(t) or ("", ""))[0] for t in ("C=DE, CN=a + O=b", "C=DE, O=b + CN=a")} >= {text}


@pytest.mark.parametrize("text", ["", "R3", "C=US, what is this", "Nope=x", "C=US; O=x" * 600, "=x", "C", "9=x"])
def test_other_text_is_no_name(text: str) -> None:
    parsed = names.parse_one_line_name(text)
    assert parsed is None or parsed[0].startswith("C=US\\, what")


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters='\\"'), min_size=1, max_size=20)


@given(TEXT.map(str.strip).filter(bool), TEXT.map(str.strip).filter(bool))
def test_quoted_values_come_back(organization: str, common: str) -> None:
    der = _der((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common))
    assert names.parse_one_line_name(f'O="{organization}", CN="{common}"') == (
        decode_name(der),
        names.display_name(der),
    )


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_not_but_never_raises(text: str) -> None:
    for whole in (text, "CN=" + text, 'O="' + text, "C=US, O=" + text):
        parsed = names.parse_one_line_name(whole)
        assert parsed is None or isinstance(parsed[0], str)


def test_time_to_parse_grows_with_the_text() -> None:
    assert names.parse_one_line_name('O="' + '\\"' * 2000 + ", " * 40) is not None
    assert names.parse_one_line_name("O=" + ", A" * 1300) is not None


def test_nothing_steers_the_terminal() -> None:
    assert names.render_plain("plain é") == "plain é"
    assert names.render_plain("a\x1b[2J\u202eb\n\ud800") == "a\\x1b[2J\\xe2\\x80\\xaeb\\x0a\\x3f"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("HTTP://OCSP.Example.COM/Path", "http://ocsp.example.com/Path"),
        ("http://ocsp.example", "http://ocsp.example/"),
        ("http://ocsp.example:80/a:80", "http://ocsp.example/a:80"),
        ("http://ocsp.example:8080/", "http://ocsp.example:8080/"),
        ("https://ocsp.example:80/", "https://ocsp.example:80/"),  # 80 is not what https goes to
        ("http://a/b//c/", "http://a/b//c/"),
        ("CN=Example", "CN=Example"),  # no URL: compared as it is
    ],
)
def test_urls_are_compared_by_what_they_mean(text: str, key: str) -> None:
    assert names.url_key(text) == names.url_key(key) == key
