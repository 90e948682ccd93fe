"""sensor.ocsp.carriage: one request in every spelling, and nothing else taken for one."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ocsp.carriage import TRAITS, decode_get, decode_get_readings, resembles_get
from sensor.ocsp.model import CertId
from sensor.ocsp.request import decode_request
from sensor.settings import OcspSettings
from tests.ocsp.corpus import GETS
from tests.ocsp.wire import NONCE, SHA256, cert_id, extension, indefinite, integer, octets, request, seq

LIMITS = OcspSettings()
ROOMY = OcspSettings(max_get_bytes=9999)

# Requests of every length modulo 3, hence with every padding; \xff and \xfe put slashes and pluses into the base64.
REQUESTS = {
    "plain": request(cert_id(0x0C0099B7A1)),
    "one_pad": request(cert_id(0x0C0099B7A1FF)),
    "two_pads": request(cert_id(0x0C0099B7A1FFFE)),
    "slashes": request(cert_id(b"\x3f\xff\xef\xbf\xff\xfb\xef\xbe")),
    "no_null": request(cert_id(7, parameters=b"")),
    "apple": request(cert_id(0x5566778899), version=integer(0)),
    "sha256": request(cert_id(0x1234, SHA256, name_hash=b"\xff" * 32, key_hash=b"\xfb" * 32)),
    "two": request(cert_id(1), cert_id(2)),
    "nonce": request(cert_id(1), exts=(extension(NONCE, octets(bytes(range(64)))),)),
    "large": request(*(cert_id(i) for i in range(12))),
}
BLOBS = {name: base64.b64encode(der) for name, der in REQUESTS.items()}


def escaped(blob: bytes) -> bytes:
    return blob.replace(b"/", b"%2F").replace(b"+", b"%2B").replace(b"=", b"%3D")


def lower(blob: bytes) -> bytes:
    return blob.replace(b"/", b"%2f").replace(b"+", b"%2b").replace(b"=", b"%3d")


Spelling = Callable[[bytes], bytes]
SPELLINGS: dict[str, tuple[Spelling, set[str]]] = {
    "escaped": (lambda b: b"/" + escaped(b), set()),
    "lower": (lambda b: b"/x/" + lower(b) + b"%0a", {"lower_escape", "path_prefix", "newline"}),
    "raw": (lambda b: b"/" + b, {"raw_slash", "raw_plus", "raw_padding"}),
    "slash and plus escaped": (lambda b: b"/" + b.replace(b"/", b"%2F").replace(b"+", b"%2B"), {"raw_padding"}),
    "double slash": (lambda b: b"//" + escaped(b), {"double_slash"}),
    "many slashes": (lambda b: b"////" + escaped(b), {"double_slash"}),
    "prefix": (lambda b: b"/ee/ocsp/" + escaped(b), {"path_prefix"}),
    "prefix raw": (lambda b: b"/ocsp-devid01/" + b, {"path_prefix", "raw_slash", "raw_plus", "raw_padding"}),
    "prefix and double slash": (lambda b: b"/ocsp//" + escaped(b), {"path_prefix", "double_slash"}),
    "prefix that begins alike": (lambda b: b"/MAPI/MFww/" + escaped(b), {"path_prefix"}),
    "no slash": (lambda b: b"/ocsp" + escaped(b), {"path_prefix", "no_slash"}),
    "bare": (escaped, {"no_slash"}),
    "query behind": (lambda b: b"/" + escaped(b) + b"?x=1&y=/MFww", {"query"}),
    "fragment behind": (lambda b: b"/" + escaped(b) + b"#top", {"query"}),
    "as query": (lambda b: b"/ocsp?" + escaped(b), {"path_prefix", "query"}),
    "as parameter": (lambda b: b"/?req=" + b + b"&x=1", {"query", "raw_slash", "raw_plus", "raw_padding"}),
    "no padding": (lambda b: b"/" + escaped(b.rstrip(b"=")), {"no_padding"}),
    "no padding raw": (lambda b: b"/" + b.rstrip(b"="), {"no_padding", "raw_slash", "raw_plus"}),
    "base64url": (
        lambda b: b"/" + b.rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_"),
        {"no_padding", "base64url"},
    ),
    "base64url padded": (lambda b: b"/" + b.translate(bytes.maketrans(b"+/", b"-_")), {"base64url", "raw_padding"}),
    "space": (lambda b: b"/" + escaped(b.replace(b"+", b" ")), {"space_for_plus"}),
    "escaped space": (lambda b: b"/" + escaped(b).replace(b"%2B", b"%20"), {"space_for_plus"}),
    "double": (lambda b: b"/" + escaped(b).replace(b"%", b"%25"), {"double_encoded"}),
    "double lower": (
        lambda b: b"/" + lower(b).replace(b"%", b"%25") + b"%250a",
        {"double_encoded", "lower_escape", "newline"},
    ),
    "triple": (lambda b: b"/" + escaped(b).replace(b"%", b"%2525"), {"double_encoded"}),
    "absolute": (lambda b: b"http://ocsp.example.com/" + escaped(b), {"absolute_form"}),
    "absolute prefix": (lambda b: b"http://h:8080/ocsp/" + b, {"absolute_form", "path_prefix", "raw_slash", "raw_plus",
                                                             "raw_padding"}),
    "absolute double": (lambda b: b"HTTP://MAIL.example//" + escaped(b), {"absolute_form", "double_slash"}),
    "newline": (lambda b: b"/" + escaped(b) + b"%0A", {"newline"}),
    "crlf": (lambda b: b"/" + escaped(b) + b"%0d%0a", {"newline", "lower_escape"}),
    "wrapped": (lambda b: b"/" + b"%0A".join(escaped(b[i : i + 64]) for i in range(0, len(b), 64)), {"newline"}),
    "letters": (lambda b: b"/" + b"".join(b"%%%02X" % c for c in b), {"escaped_alphabet"}),
    "letters twice": (lambda b: b"/" + b"".join(b"%%25%02x" % c for c in b), {"escaped_alphabet"}),
    "first letter": (lambda b: b"/x/%4d" + escaped(b)[1:], {"escaped_alphabet", "path_prefix"}),
    "slash behind": (lambda b: b"/" + b + b"/", {"trailing_text", "raw_slash", "raw_plus", "raw_padding"}),
    "path behind": (lambda b: b"/" + b.rstrip(b"=") + b"/index.html", {"trailing_text", "raw_slash", "raw_plus"}),
    "escaped slash before": (lambda b: b"/ocsp%2F" + escaped(b), {"path_prefix"}),
}  # fmt: skip
# Traits that show only where the base64 has one of these letters.
LETTERS = {
    "raw_slash": b"/",
    "raw_plus": b"+",
    "raw_padding": b"=",
    "no_padding": b"=",
    "base64url": b"+/",
    "space_for_plus": b"+",
    "double_encoded": b"+/=",
}


def blobs() -> list[pytest.param]:
    found = [pytest.param(blob, id=name) for name, blob in BLOBS.items()]
    for i, message in enumerate(GETS):
        tail = unquote_to_bytes(message.uri or "")
        start = re.search(rb"M[A-I][A-Za-z0-9+/]{20,}=*$", tail)
        assert start is not None
        found.append(pytest.param(start.group(), id=f"corpus{i}"))
    return found


@pytest.mark.parametrize("blob", blobs())
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(blob: bytes, spelling: str) -> None:
    spell, traits = SPELLINGS[spelling]
    target = spell(blob)
    expected = decode_request(base64.b64decode(blob), LIMITS)
    found = decode_get(target, ROOMY)
    assert found is not None, target
    assert found[0].cert_ids == expected.cert_ids
    assert found[0].nonce == expected.nonce
    wanted = {trait for trait in traits if any(letter in blob for letter in LETTERS.get(trait, b"M"))}
    if "trailing_text" in traits:  # its slash is one too
        wanted.add("raw_slash")
    if "escaped_alphabet" in traits:  # whatever else was escaped goes under this head
        assert wanted <= found[1]
    else:
        assert found[1] == wanted


def test_all_traits_are_shown_by_some_spelling() -> None:
    shown = {trait for _, traits in SPELLINGS.values() for trait in traits}
    assert shown | {"collapsed_slash"} == set(TRAITS)


@pytest.mark.parametrize("name", BLOBS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_fast_way_and_the_careful_way_agree(name: str, spelling: str) -> None:
    target = SPELLINGS[spelling][0](BLOBS[name])
    found = decode_get(target, ROOMY)
    assert found is not None
    assert decode_get_readings(target, ROOMY) == [found]


def test_der_with_something_behind_it() -> None:
    for tail in (b"\n", b"\r\n", b"xyz"):
        target = b"/" + escaped(base64.b64encode(REQUESTS["plain"] + tail))
        found = decode_get(target, LIMITS)
        assert found is not None
        assert found[0].traits.trailing_bytes == len(tail)
        assert found[1] == {"trailing_text"}


def test_many_slashes_do_not_take_long() -> None:
    target = b"/MIIB" + b"A/" * 1800
    start = time.process_time()
    assert decode_get(target, LIMITS) is None
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"/",
        b"*",
        b"M",
        b"/M",
        b"/MA",
        b"/MAMA",
        b"/MI",
        b"/MIID",
        b"/MFww",
        b"/MFEwTzBNMEswSTAJBgUrDgMCGgUABBT",
        b"/images/MEowCDA.jpg",
        b"/MHww" + b"A" * 200,
        b"/MIIB" + b"A" * 400,
        b"/MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDc",  # a public key
        b"/MIIDXTCCAkWgAwIBAgIJAJC1HiIAZAiUMA0GCSqGSIb3Df",  # a certificate
        b"/a?d=MAkGBSsOAwIaBQA=",  # an AlgorithmIdentifier
        b"/MAUwAzABAA==",
        b"%",
        b"/%4",
        b"/%4D%",
        b"/%4DEow",
        b"\xff" * 100,
        b"/" + b"%4D" * 2000,
    ],
)
def test_nothing_else_is_taken_for_one(target: bytes) -> None:
    assert decode_get(target, LIMITS) is None


def test_an_empty_request_is_one() -> None:
    found = decode_get(b"/MAQwAjAA", LIMITS)
    assert found is not None
    assert (found[0].cert_ids, found[0].cert_ids_total) == ((), 0)


def test_targets_beyond_the_limit() -> None:
    assert decode_get(b"/" + BLOBS["large"], OcspSettings(max_get_bytes=100)) is None
    assert decode_get(b"/" + b"x" * 17_000 + b"/" + BLOBS["plain"], LIMITS) is not None
    assert decode_get(b"/" + BLOBS["plain"] + b"/" + b"x" * 17_000, LIMITS) is None
    assert resembles_get(b"/" + BLOBS["plain"] + b"/" + b"x" * 17_000, LIMITS, False)


@given(st.binary(max_size=300))
def test_any_bytes(target: bytes) -> None:
    assert decode_get(target, LIMITS) is None
    assert resembles_get(target, LIMITS, True) in {True, False}


@given(
    st.sampled_from(sorted(BLOBS)),
    st.sampled_from(sorted(SPELLINGS)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_damaged_targets(name: str, spelling: str, damage: list[tuple[int, int]]) -> None:
    target = bytearray(SPELLINGS[spelling][0](BLOBS[name]))
    for place, value in damage:
        target[place % len(target)] = value
    found = decode_get(bytes(target), LIMITS)
    assert found is None or isinstance(found[0].cert_ids, tuple)
    assert all(isinstance(each, CertId) for each in (found[0].cert_ids if found else ()))
    resembles_get(bytes(target), LIMITS, False)


def test_what_should_have_been_one() -> None:
    """Cut or damaged: enough is left to see what it was."""
    blob = BLOBS["plain"]
    assert decode_get(b"/" + blob[:60], LIMITS) is None
    assert resembles_get(b"/" + blob[:60], LIMITS, False)
    assert resembles_get(b"/ocsp/" + BLOBS["large"][:60], LIMITS, False)
    assert resembles_get(b"/" + BLOBS["apple"][:60], LIMITS, False)
    assert not resembles_get(b"/" + blob[:16], LIMITS, True)
    odd = b"/MFUwxxxxxxxxxxxxxxxxxxxxxxx"
    assert resembles_get(odd, LIMITS, True)
    assert not resembles_get(odd, LIMITS, False)
    assert not resembles_get(b"/Main/Menu/Mfoo", LIMITS, True)
    for before in (b"/MFww.", b"/MFUwxxxxxxxxxxxxxxxxxxxxxxx."):  # too short, and no three headers: it comes later
        assert resembles_get(before + b"/" + blob[:60], LIMITS, False)
    assert not resembles_get(b"/MIIDXTCCAkWgAwIBAgIJAJC1HiIAZAiUMA0GCSqGSIb3Df", LIMITS, False)


@pytest.mark.parametrize(
    ("beginning", "is_one"),
    [
        ("3020 301e 30", True),
        ("3020 301e a1", True),
        ("3020 301e 04", False),
        ("3020 3020 30", False),
        ("3020 041e 30", False),
        ("308190 30818d 30", True),
        ("308190 30818d 04", False),
        ("30820100 308200fc 30", True),
        ("30820100 308200fc 04", False),
        ("30820100 3032 30", True),
        ("30820100 048200fc 30", False),
        ("308190 307e 30", True),
        ("3080 3080 30", True),
        ("3080 3080 04", False),
        ("3080 303e a1", True),
    ],
)
def test_three_headers_make_one(beginning: str, is_one: bool) -> None:
    """Of any form of length, each at its place, the second within the first; what follows them does not matter."""
    der = bytes.fromhex(beginning).ljust(15, b"\x55")
    assert resembles_get(b"/" + base64.b64encode(der), LIMITS, False) is is_one
    assert not resembles_get(b"/" + base64.b64encode(der)[:19], LIMITS, False)


def test_linear_in_the_starts() -> None:
    def seconds(n: int) -> float:
        target = b"/MAcw" * n
        limits = OcspSettings(max_get_bytes=1 << 20)
        best = 9.0
        for _ in range(5):
            start = time.process_time()
            for _ in range(5):
                decode_get(target, limits)
            best = min(best, time.process_time() - start)
        return best

    assert any(seconds(8000) < 2.5 * seconds(4000) + 0.005 for _ in range(6)), "a busy machine gets several chances"


def test_the_shortest_and_the_endless_are_read_by_the_careful_way_too() -> None:
    assert [reading[0].cert_ids for reading in decode_get_readings(b"/MAQwAjAA", LIMITS)] == [()]
    assert decode_get_readings(b"/MAQwAjA", LIMITS) == []
    endless = indefinite(0x30, indefinite(0x30, indefinite(0x30, seq(cert_id(7)))))
    for spelled in (base64.b64encode(endless), base64.b64encode(endless + b"!!").rstrip(b"=")):
        (reading,) = decode_get_readings(b"/" + spelled, LIMITS)
        assert (reading[0].cert_ids, reading[0].traits.ber) == (
            decode_request(request(cert_id(7)), LIMITS).cert_ids,
            True,
        )


@pytest.mark.parametrize(("before", "is_one"), [(b"", True), (b"/", True), (b"?a=", True), (b"&", True), (b"x", False)])
def test_at_a_responder_it_stands_at_the_start_of_something(before: bytes, is_one: bool) -> None:
    for behind in (b"", b"?", b"%3D", b"="):
        assert resembles_get(before + b"MFUwxxxxxxxxxxxxxxxxxxxxxxx" + behind, LIMITS, True) is is_one


def crowded() -> bytes:
    """A target of 4,092 octets with 16 places where a request may begin, each with 100 places where a slash lacks."""
    total, tail = 4090, b"/A" * 100
    made = b""
    for place in range(16):
        needed = total - 16 * place + 1
        size = needed * 6 // 8
        header = bytes((0x30, 0x82, (size - 4) >> 8, (size - 4) & 255, 0x30, 0x82, (size - 8) >> 8, (size - 8) & 255))
        made += base64.b64encode(header + b"\x30\x82\x09\x00")
    body = base64.b64encode(seq(cert_id(5, hash_oid="1.3", parameters=b"", name_hash=b"", key_hash=b"")) * 300)
    return b"/" + (made + body)[: total - len(tail)] + tail + b"="


def test_what_is_tried_for_one_target_is_bounded() -> None:
    """In octets decoded; each is counted by who decodes, so the test needs no clock."""
    decoded: list[int] = []

    class Counting:
        max_get_bytes = LIMITS.max_get_bytes

        @property
        def max_bytes(self) -> int:
            decoded.append(1)  # asked for once by each decoding
            return 0

    assert decode_get_readings(crowded(), Counting()) == []  # type: ignore[arg-type]
    assert len(decoded) <= 100


@pytest.mark.parametrize("decoy", [b"MIAA", b"MIAwAAAA", b"MBUwE", b"MIIBAjCB/zAAAAAAAAAAAAAA"])
@pytest.mark.parametrize("times", [16, 100])
def test_decoys_before_the_request_do_not_hide_it(decoy: bytes, times: int) -> None:
    found = decode_get(b"/" + (decoy + b"/") * times + BLOBS["plain"], LIMITS)
    assert found is not None and "path_prefix" in found[1]
