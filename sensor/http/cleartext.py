"""One HTTP transaction into what it gives away, or tries, in the clear beyond http.log: one line of cleartext.log.

Credentials by their kind, cookies by their names, attacks on whatever reads a header, and OCSP that is none. No
password, token or cookie's value is kept. It decides nothing: rules do.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final, TypeVar

import msgspec

from sensor.http.attacks import find_attack, find_body_attack
from sensor.http.lookups import add_lookup, find_lookups
from sensor.http.transaction import BodyFile, Header, HttpRequest, HttpResponse, HttpTransaction, NotKept
from sensor.settings import HttpSettings
from sensor.weird import FlowId

_MAX_NAME: Final = 64  # bytes of a cookie's or a parameter's name
_MAX_CREDENTIALS: Final = 8192  # bytes of Basic credentials that are looked through

_SCHEMES: Final = frozenset(
    b"basic digest bearer ntlm negotiate hoba mutual vapid aws4-hmac-sha256 apikey token oauth scram-sha-256".split()
)
_KEY_HEADERS: Final = frozenset(
    b"api-key apikey private-token x-access-token x-amz-security-token x-api-key x-auth-token x-vault-token".split()
)
_SECRET_HEADERS: Final = _KEY_HEADERS | {b"cookie", b"set-cookie", b"authorization", b"proxy-authorization"}
_SECRETS: Final = (
    rb"(passw(?:or)?d|passwd|passwort|passphrase|pass|pwd|pin|secret|client_secret|api[_-]?key|access[_-]?token|auth[_-]?token"
    rb"|refresh[_-]?token|id_token|session[_-]?id|jsessionid|phpsessid)"
)
_PARAMETER: Final = re.compile(rb"(?:\A|[?&;])" + _SECRETS + rb"=[^&;#\s]", re.IGNORECASE)
_JSON_SECRET: Final = re.compile(rb'"' + _SECRETS + rb'"\s*:\s*"[^"]', re.IGNORECASE)
_XML_SECRET: Final = re.compile(rb"<(?:[\w.-]{1,32}:)?" + _SECRETS + rb"(?:\s[^<>]{0,128})?>[^<\s]", re.IGNORECASE)
_USERINFO: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,16}://[^/?#@:]{0,256}(:[^/?#@]{1,256})?@")

_FORMS: Final = frozenset(
    {"application/x-www-form-urlencoded", "application/json", "application/xml", "text/xml", "text/plain"}
)
"""Bodies that are looked through for secrets and attacks; all for lookups."""
_PKI_TYPES: Final = frozenset(
    {"application/ocsp-request", "application/ocsp-response", "application/pkix-cert", "application/pkix-crl"}
)
_REQUEST_TYPE: Final = "application/ocsp-request"
_RESPONSE_TYPE: Final = "application/ocsp-response"
_OCSP_PATH: Final = re.compile(rb"/[^/]*(?:ocsp|oscp)[^/]*", re.IGNORECASE)
_LOST: Final = frozenset({NotKept.HOLE, NotKept.CUT})


class Cleartext(msgspec.Struct, frozen=True, gc=False):
    """One line of cleartext.log. Raw bytes are as on the wire; tuples are in order of appearance, no item twice."""

    flow: FlowId
    ts: int
    trans_depth: int
    method: bytes | None
    host: bytes | None
    target: bytes | None
    user_agent: bytes | None
    status_code: int | None
    content_type: str | None  # what the request's first file claims to be
    resp_content_type: str | None
    credentials: tuple[str, ...] = ()  # <where>:<kind>, such as header:basic, query:password, form:pwd
    cookies: tuple[bytes, ...] = ()
    set_cookies: tuple[bytes, ...] = ()
    lookups: tuple[str, ...] = ()
    suspect: tuple[bytes, ...] = ()  # <header, uri or body>: <the expression that attacks>
    ocsp_claims: tuple[str, ...] = ()  # host, path, content_type, resp_content_type
    cut: bool = False  # there were more items of a kind than `http.max_cleartext_items`


def read_cleartext(transaction: HttpTransaction, is_ocsp: bool, settings: HttpSettings) -> Cleartext | None:
    """What there is to tell of `transaction`, None if nothing; `is_ocsp`: OCSP was read in it. Never raises."""
    request, response = transaction.request, transaction.response
    if request is None:
        if response is None or (is_ocsp and not response.notable):
            return None
    elif is_ocsp and not request.notable and (response is None or not response.notable):
        target = request.target
        plain = 0x24 not in target and 0x26 not in target and 0x3F not in target and 0x40 not in target
        if plain and 0x5C not in target and target.find(b"%24") < 0 and target.find(b"%25") < 0:
            return None
    found = _Found(settings.max_cleartext_items)
    if request is not None:
        found.read_target(request.target)
        if request.notable:
            for header in request.headers:
                found.read_header(header)
        for file in request.files:
            found.read_body(file)
    if response is not None and response.notable:
        for header in response.headers:
            if header.name == b"set-cookie":
                found.add(found.set_cookies, _cookie_name(header.value))
            found.read_lookups(header.value)
    claims = () if is_ocsp else _claims(request, response)
    if not (found.any or claims):
        return None
    return Cleartext(
        transaction.flow,
        transaction.ts,
        transaction.trans_depth,
        request.method if request is not None else None,
        request.host if request is not None else None,
        request.target if request is not None else None,
        request.user_agent if request is not None else None,
        response.status_code if response is not None else None,
        _claimed(request),
        _claimed(response),
        tuple(found.credentials),
        tuple(found.cookies),
        tuple(found.set_cookies),
        tuple(found.lookups),
        tuple(found.suspect),
        claims,
        found.full,
    )


def count_unread(request: HttpRequest, at_most: int) -> int:
    """How many of the request's files were not looked through, because they are of more than `at_most` octets."""
    return sum(
        [
            file.content is NotKept.UNWANTED
            and file.reading is None
            and max(file.seen_bytes, file.total_bytes or 0) > at_most
            for file in request.files
        ]
    )


_Item = TypeVar("_Item", str, bytes)


class _Found:
    """What one transaction turned out to have; each kind has at most `limit` items."""

    __slots__ = ("any", "cookies", "credentials", "full", "limit", "lookups", "set_cookies", "suspect")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.any = False
        self.full = False
        self.credentials: dict[str, None] = {}
        self.cookies: dict[bytes, None] = {}
        self.set_cookies: dict[bytes, None] = {}
        self.lookups: dict[str, None] = {}
        self.suspect: dict[bytes, None] = {}

    def add(self, kind: dict[_Item, None], item: _Item) -> None:
        if item and len(kind) < self.limit:
            kind[item] = None
            self.any = True
        elif item and item not in kind:
            self.full = True

    def read_target(self, target: bytes) -> None:
        if 0x40 in target:
            user = _USERINFO.match(target)
            if user is not None:
                self.add(self.credentials, "uri:password" if user[1] else "uri:user")
        mark = target.find(b"?")
        part = target.find(b";")  # parameters of the path (RFC 3986 3.3), as servlets write their session there
        if part >= 0 and (mark < 0 or part < mark):
            mark = part
        if mark >= 0:
            for found in _PARAMETER.finditer(target, mark):
                self.add(self.credentials, "query:" + found[1].decode("ascii").lower())
        self.read_text(b"uri", target)

    def read_header(self, header: Header) -> None:
        name, value = header.name, header.value
        if name == b"cookie":
            parts = value.split(b";", self.limit)
            self.full = self.full or len(parts) > self.limit
            for part in parts[: self.limit]:
                self.add(self.cookies, _cookie_name(part))
        elif name in (b"authorization", b"proxy-authorization"):
            scheme = value.partition(b" ")[0].lower()
            kind = scheme.decode("ascii") if scheme in _SCHEMES else "other"
            self.add(self.credentials, f"{'proxy' if name.startswith(b'p') else 'header'}:{kind}")
            if kind == "basic":
                self.read_lookups(_basic(value))
        elif name in _KEY_HEADERS:
            self.add(self.credentials, "header:" + name.decode("ascii"))
        self.read_text(name[:_MAX_NAME], value)
        if 0x24 in name or 0x25 in name or 0x5C in name or 0x26 in name:
            self.read_lookups(name + b":" + value)  # who reads the line as one does not end the name at the first colon

    def read_body(self, file: BodyFile) -> None:
        content = file.content
        if file.filename is not None:
            self.read_lookups(file.filename.encode("utf-8", "replace"))
        if type(content) is not bytes or file.mime_type in _PKI_TYPES:
            return
        self.read_lookups(content)
        label = "" if file.content_type is None else file.content_type.partition(";")[0].strip().lower()
        if label not in _FORMS:
            return
        if label == "application/x-www-form-urlencoded":
            secrets, where = _PARAMETER, "form:"
        elif label == "application/json":
            secrets, where = _JSON_SECRET, "json:"
        else:
            secrets, where = _XML_SECRET, "xml:"
        for found in secrets.finditer(content):
            self.add(self.credentials, where + found[1].decode("ascii").lower())
        attack = find_body_attack(content)
        if attack is not None:
            self.add(self.suspect, b"body: " + attack)

    def read_text(self, where: bytes, text: bytes) -> None:
        """Looks for lookups and for what attacks programs that read such text."""
        self.read_lookups(text)
        attack = find_attack(text, where in _SECRET_HEADERS)
        if attack is not None:
            self.add(self.suspect, where + b": " + attack)

    def read_lookups(self, text: bytes) -> None:
        for lookup in find_lookups(text):
            self.full = self.full or (len(self.lookups) >= self.limit and lookup not in self.lookups)
            self.any = add_lookup(self.lookups, lookup, self.limit) or self.any


def _basic(value: bytes) -> bytes:
    """User and password, to be looked through and not told (RFC 7617)."""
    text = value.partition(b" ")[2].strip(b" \t=")[:_MAX_CREDENTIALS]
    try:
        return b64decode(text + b"=" * (-len(text) % 4))
    except Base64Error:
        return b""


def _cookie_name(pair: bytes) -> bytes:
    """What stands before "="; a cookie without one is all value (RFC 6265 5.2), and has no name to tell."""
    name, mark, _ = pair.partition(b"=")
    return name.strip()[:_MAX_NAME] if mark else b""


def _claimed(message: HttpRequest | HttpResponse | None) -> str | None:
    if message is None or not message.files:
        return None
    return message.files[0].content_type


def _claims(request: HttpRequest | None, response: HttpResponse | None) -> tuple[str, ...]:
    """By what a transaction in which no OCSP was read says that it is OCSP. What the capture lost claims nothing."""
    claims = []
    if request is not None:
        host = request.host
        if host is not None and b"ocsp" in host.partition(b".")[0].lower():
            claims.append("host")
        if _OCSP_PATH.search(request.target.partition(b"?")[0]) is not None:
            claims.append("path")
        if _is_claimed(request.files, _REQUEST_TYPE):
            claims.append("content_type")
    if response is not None and _is_claimed(response.files, _RESPONSE_TYPE):
        claims.append("resp_content_type")
    return tuple(claims)


def _is_claimed(files: tuple[BodyFile, ...], media_type: str) -> bool:
    for file in files:
        label = file.content_type
        if label is not None and label.lower().startswith(media_type) and file.content not in _LOST:
            return True
    return False
