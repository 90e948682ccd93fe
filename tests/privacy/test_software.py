"""Software by user agent and habits."""

from __future__ import annotations

import msgspec
import pytest

from sensor.privacy.software import AGENTS, MAKERS, UNKNOWN, VOCABULARY, SoftwareGuesser

FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = b"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
OCSPD = b"ocspd (unknown version) CFNetwork/520.4.3 Darwin/11.4.0 (x86_64) (iMac12%2C1)"
EXPLICIT = {"explicit_version": True}
NO_NULL = {"null_parameters": False}


@pytest.mark.parametrize(
    ("agent", "method", "version", "host", "traits", "nonce", "software"),
    [
        (b"com.apple.trustd/2.0", "GET", "1.1", b"h", EXPLICIT, None, "Apple trustd 2"),
        (b"com.apple.trustd/2.1", "GET", "1.1", b"h", EXPLICIT, None, "Apple trustd 2"),
        (b"com.apple.trustd/3.0", "GET", "1.1", b"h", NO_NULL, None, "Apple trustd 3"),
        (b"com.apple.trustd/3.0", "GET", "1.1", b"h", {}, None, "Apple trustd 3"),
        (b"com.apple.trustd/1.0", "GET", "1.1", b"h", EXPLICIT, None, "Apple trustd 1"),
        (b"com.apple.trustd/9.0", "GET", "1.1", b"h", {}, None, "Apple trustd"),
        (OCSPD, "POST", "1.1", b"h", EXPLICIT, None, "Apple ocspd"),
        (b"Microsoft-CryptoAPI/6.1", "GET", "1.1", b"h", {}, None, "Windows CryptoAPI"),
        (b"Microsoft-CryptoAPI/10.0", "POST", "1.1", b"h", {}, None, "Windows CryptoAPI"),
        (b"CertUtil URL Agent", "GET", "1.1", b"h", {}, None, "Windows certutil"),
        (FIREFOX, "POST", "1.1", b"h", {}, None, "Firefox"),
        (FIREFOX.replace(b"Firefox", b"Thunderbird"), "POST", "1.1", b"h", {}, None, "Thunderbird"),
        (CHROME, "GET", "1.1", b"h", {}, None, "Chromium"),
        (b"Java/17.0.10", "GET", "1.1", b"h", {}, None, "Java"),
        (b"JavaScript", "GET", "1.1", b"h", {}, None, UNKNOWN),
        (b"curl/8.5.0", "GET", "1.1", b"h", {}, None, "curl"),
        (b"Wget/1.21", "POST", "1.1", b"h", {}, None, "Wget"),
        (b"Go-http-client/1.1", "POST", "1.1", b"h", {}, None, "Go"),
        (b"python-requests/2.31", "POST", "1.1", b"h", {}, None, "Python"),
        (b"Python-urllib/3.11", "POST", "1.1", b"h", {}, None, "Python"),
        (b"HAProxy", "GET", "1.1", b"h", {}, None, "HAProxy stapling"),
        # by habits alone
        (None, "POST", "1.0", b"h", {}, b"n" * 16, "OpenSSL"),
        (None, "POST", "1.0", b"h", {}, b"n" * 23, "GnuTLS"),
        (None, "POST", "1.1", b"h", {}, b"n" * 23, "Wget2"),
        (None, "POST", "1.0", b"h", {}, None, "OpenSSL or GnuTLS"),
        (None, "POST", "1.0", b"h", NO_NULL, None, UNKNOWN),
        (b"stunnel", "POST", "1.0", b"h", {}, None, "stunnel"),
        (None, "GET", "1.0", b"h", {}, None, "nginx stapling"),
        (None, "POST", "1.0", b"h:80", {}, None, "Apache httpd"),
        (None, "GET", "1.1", b"h", EXPLICIT, None, "Apple"),
        (b"", "GET", "1.0", b"h", {}, None, "nginx stapling"),
        # nothing fits
        (None, "POST", "1.1", b"h", {}, None, UNKNOWN),
        (None, "POST", "1.0", b"h", {}, b"n" * 5, UNKNOWN),
        (None, "GET", None, b"h", {}, None, UNKNOWN),
        (b"zsign", "POST", "1.0", b"h", {}, b"n" * 16, UNKNOWN),
        (b"\xff\x00\x1b[31m", "GET", "1.1", b"h", {}, None, UNKNOWN),
        (b"zsign", "GET", "1.1", b"h", EXPLICIT, None, "Apple"),
        # the user agent cannot be true
        (b"Microsoft-CryptoAPI/10.0", "GET", "1.1", b"h", EXPLICIT, None, "Apple (claims Windows CryptoAPI)"),
        (b"Microsoft-CryptoAPI/10.0", "GET", "1.1", b"h", NO_NULL, None, "unknown (claims Windows CryptoAPI)"),
        (b"com.apple.trustd/2.0", "GET", "1.1", b"h", {}, None, "unknown (claims Apple trustd 2)"),
        (b"com.apple.trustd/3.0", "GET", "1.1", b"h", EXPLICIT, None, "Apple (claims Apple trustd 3)"),
        (FIREFOX, "POST", "1.1", b"h", {}, b"n" * 16, "unknown (claims Firefox)"),
        # what others made may pass through these
        (b"curl/8.5.0", "POST", "1.1", b"h", EXPLICIT | NO_NULL, b"n" * 16, "curl"),
    ],
)
def test_guess(wire, agent, method, version, host, traits, nonce, software) -> None:
    asked = wire.request(wire.cert_id(), nonce=nonce, **traits)
    guesser = SoftwareGuesser()
    made = wire.exchange(wire.cert_id(), asked=asked, agent=agent, method=method, version=version, host=host)
    assert guesser.guess(made) == software
    assert guesser.guess(made) == software  # remembered


def test_nss_asks_for_the_response_type(wire) -> None:
    asked = msgspec.structs.replace(wire.request(wire.cert_id()), extensions=("1.3.6.1.5.5.7.48.1.4",))
    assert (
        SoftwareGuesser().guess(wire.exchange(wire.cert_id(), asked=asked, agent=None, method="POST", version="1.0"))
        == "NSS"
    )


def test_a_reply_alone_says_nothing_of_who_asked(wire) -> None:
    assert SoftwareGuesser().guess(wire.exchange(wire.cert_id(), agent=b"curl/8.5.0")) == UNKNOWN


def test_the_vocabulary_is_closed() -> None:
    assert {a.software for a in AGENTS} | {m.software for m in MAKERS} | {UNKNOWN} == VOCABULARY
    assert all(name.isascii() and "(" not in name for name in VOCABULARY)


def test_memory_is_bounded(wire) -> None:
    guesser = SoftwareGuesser()
    for n in range(3000):
        assert (
            guesser.guess(wire.exchange(wire.cert_id(), asked=wire.request(wire.cert_id()), agent=b"curl/%d" % n))
            == "curl"
        )
        assert len(guesser._known) <= 1024
