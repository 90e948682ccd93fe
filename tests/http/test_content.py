"""What becomes of a file: counted, hashed or kept, by what it is and what it claims; whole or in pieces."""

from __future__ import annotations

from hashlib import md5, sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.content import Content, digests_of, filename_of, is_whole_object, text_of, whole_file
from sensor.http.transaction import BodyFile, NotKept
from sensor.settings import HttpSettings

OCSP_ERROR = bytes.fromhex("30030a0106")  # OCSPResponse with status unauthorized
REQUEST = bytes.fromhex(
    "304530433041303f303d300906052b0e03021a05000414" + "11" * 20 + "0414" + "22" * 20 + "0214" + "33" * 20
)
CRL = bytes.fromhex("30820fff30820ff0020101300d06092a864886f70d01010b0500300c310a3008060355040313014117") + bytes(4000)


def by_pieces(
    data: bytes, settings: HttpSettings, step: int, content_type: bytes | None = None, size: int | None = None
) -> BodyFile | None:
    content = Content(settings, True, content_type, None, len(data) if size is None else size)
    for i in range(0, len(data), step):
        if content.idle():
            content.skipped(len(data) - i, 7)
            break
        content.feed(data[i : i + step], 7)
    return content.finish("F1", None)


def test_ocsp_is_kept_and_hashed() -> None:
    file = whole_file(HttpSettings(), True, None, None, "F1", REQUEST, 7)
    assert file is not None
    assert file.mime_type == "application/ocsp-request"
    assert file.content == REQUEST
    assert file.digests is not None
    assert file.digests.md5 == md5(REQUEST, usedforsecurity=False).hexdigest()
    assert file.digests.sha1 == sha1(REQUEST, usedforsecurity=False).hexdigest()
    assert file.digests.sha256 == sha256(REQUEST).hexdigest()
    assert (file.first_ts, file.last_ts, file.seen_bytes, file.total_bytes) == (7, 7, len(REQUEST), len(REQUEST))


@pytest.mark.parametrize(
    ("data", "content_type", "kept", "hashed"),
    [
        (REQUEST, None, True, True),
        (OCSP_ERROR, None, True, True),
        (b"<html>labelled as OCSP", b"Application/OCSP-Response; charset=x", True, True),
        (b"\x30\x05hello", b"text/plain", True, True),  # DER of just this size: OCSP too broken to show its type
        (b"\x30\x06hello", None, True, False),  # looked through for cleartext.log
        (b"a page", b"text/html", True, False),
        (CRL, None, False, True),
        (b"not one", b"application/pkix-crl", False, True),
    ],
)
def test_what_is_kept_and_what_is_hashed(data: bytes, content_type: bytes | None, kept: bool, hashed: bool) -> None:
    for mode, wanted in (("pki", hashed), ("all", True), ("none", False)):
        settings = HttpSettings(hash_bodies=mode)
        for file in (
            whole_file(settings, True, content_type, None, "F1", data, 7),
            by_pieces(data, settings, 3, content_type),
            by_pieces(data, settings, 5000, content_type, -1),
        ):
            assert file is not None
            assert file.content == (data if kept else NotKept.UNWANTED)
            assert (file.digests is not None) == wanted
            if file.digests is not None:
                assert file.digests == digests_of(data)


@pytest.mark.parametrize("size", [99, 100, 101, 5000])
def test_what_is_too_large_is_counted_and_hashed(size: int) -> None:
    settings = HttpSettings(max_request_body_bytes=100)
    data = b"\x30" * size
    claim = b"application/ocsp-request"
    for file in (
        whole_file(settings, True, claim, None, "F1", data, 7),
        by_pieces(data, settings, 10, claim),
        by_pieces(data, settings, 10, claim, -1),
    ):
        assert file is not None
        assert file.content == (data if size <= 100 else NotKept.TOO_LARGE)
        assert file.seen_bytes == size
        assert file.digests == digests_of(data)


def test_the_rest_of_an_unwanted_file_need_not_be_seen() -> None:
    content = Content(HttpSettings(), False, b"text/html", None, 9000)
    content.feed(b"<html>" + b"x" * 4000, 1)
    assert not content.idle()
    content.feed(b"x" * 4000, 2)
    assert content.idle()
    content.skipped(994, 3)
    file = content.finish("F1", None)
    assert file is not None
    assert (file.seen_bytes, file.first_ts, file.last_ts, file.mime_type) == (9000, 1, 3, "text/html")


def test_a_hole() -> None:
    content = Content(HttpSettings(), True, None, None, len(REQUEST))
    content.feed(REQUEST[:40], 1)
    content.lost(3)
    assert content.idle()
    content.feed(REQUEST[43:], 2)
    file = content.finish("F1", NotKept.CUT)
    assert file is not None
    assert file.mime_type == "application/ocsp-request"  # by what came before the hole
    assert (file.content, file.missing_bytes, file.seen_bytes) == (NotKept.HOLE, 3, len(REQUEST) - 3)
    assert file.digests is None


def test_a_hole_at_the_start_leaves_nothing_to_judge_by() -> None:
    content = Content(HttpSettings(), True, None, None, len(REQUEST))
    content.lost(3)
    content.feed(REQUEST[3:], 2)
    file = content.finish("F1", None)
    assert file is not None
    assert file.mime_type is None
    assert file.content is NotKept.UNWANTED


def test_cut_and_partial_files() -> None:
    for why_not, partial in ((NotKept.CUT, False), (NotKept.UNDECODABLE, False), (None, True)):
        content = Content(HttpSettings(), True, None, None, len(REQUEST))
        content.partial = partial
        content.feed(REQUEST, 1)
        file = content.finish("F1", why_not)
        assert file is not None
        assert file.content is (why_not or NotKept.CUT)
        assert file.digests == digests_of(REQUEST)  # of what was seen, as Zeek


def test_a_file_without_bytes_is_none() -> None:
    assert Content(HttpSettings(), True, None, None, 5).finish("F1", None) is None


def test_what_is_remembered_is_the_same() -> None:
    first = whole_file(HttpSettings(), True, None, None, "F1", REQUEST, 7)
    assert whole_file(HttpSettings(), True, None, None, "F1", REQUEST, 7) == first
    plain = whole_file(HttpSettings(hash_bodies="none"), True, None, None, "F1", REQUEST, 7)
    assert plain is not None
    assert plain.digests is None


@pytest.mark.parametrize(
    ("disposition", "content_type", "name"),
    [
        (b'attachment; filename="eicar.txt"', None, "eicar.txt"),
        (b"attachment; FileName=plain.bin", None, "plain.bin"),
        (b'form-data; name="field"; filename="a b.jpg"', None, "a b.jpg"),
        (b"attachment; filename*=UTF-8''na%C3%AFve.txt", None, "na\u00efve.txt"),
        (b'attachment; filename="%41.txt"', None, "A.txt"),
        (b"inline", None, None),
        (None, b'application/pdf; name="x.pdf"', "x.pdf"),
        (b"attachment", b"text/plain; name=y", "y"),
        (b'attachment; filename="\xff\x00"', None, "\\xff\x00"),
        (None, b"text/html; charset=utf-8", None),
        (None, None, None),
    ],
)
def test_file_names(disposition: bytes | None, content_type: bytes | None, name: str | None) -> None:
    assert filename_of(disposition, content_type) == name


def test_text() -> None:
    assert text_of(b"caf\xc3\xa9 \xff") == "caf\u00e9 \\xff"


@given(
    st.one_of(st.binary(min_size=1, max_size=60), st.sampled_from([REQUEST, OCSP_ERROR, CRL, b"<html>" * 900])),
    st.sampled_from(["pki", "all", "none"]),
    st.sampled_from([None, b"application/ocsp-request", b"application/pkix-crl", b"text/html"]),
    st.integers(1, 50),
)
def test_pieces_make_no_difference(data: bytes, mode: str, content_type: bytes | None, step: int) -> None:
    settings = HttpSettings(hash_bodies=mode, max_request_body_bytes=150)
    assert by_pieces(data, settings, step, content_type) == whole_file(
        settings, True, content_type, None, "F1", data, 7
    )


def test_what_is_remembered_is_bounded() -> None:
    for i in range(2000):
        data = b"\x30\x04" + i.to_bytes(4, "big")
        file = whole_file(HttpSettings(), True, None, None, "F1", data, 7)
        assert file is not None
        assert file.digests == digests_of(data)


def test_a_file_of_unknown_size_outgrows_the_limit() -> None:
    settings = HttpSettings(max_request_body_bytes=5000)
    data = REQUEST + bytes(6000)
    file = by_pieces(data, settings, 1000, b"application/ocsp-request", -1)
    assert file is not None
    assert file.content is NotKept.TOO_LARGE
    assert file.digests == digests_of(data)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (OCSP_ERROR, True),
        (b"\x30\x81\x80" + bytes(128), True),
        (b"\x30\x82\x01\x00" + bytes(256), True),
        (b"\x30\x82\x01\x00" + bytes(255), False),
        (OCSP_ERROR[:-1], False),
        (OCSP_ERROR + b"\0", False),
        (b"\x30\x80\0\0", False),
        (b"\x30\x85\0\0\0\0\0", False),
        (b"\x30", False),
        (b"", False),
    ],
)
def test_an_object_that_ends_where_the_bytes_end(data: bytes, whole: bool) -> None:
    assert is_whole_object(data) is whole


@pytest.mark.parametrize(("sent", "kept"), [(OCSP_ERROR, True), (REQUEST[:-1], False)])
def test_a_message_cut_short_keeps_an_object_that_is_whole(sent: bytes, kept: bool) -> None:
    """A Content-Length that is too large takes nothing away from what arrived."""
    content = Content(HttpSettings(), True, b"application/ocsp-response", None, 50_000)
    content.feed(sent, 7)
    file = content.finish("F", NotKept.CUT)
    assert file is not None
    assert file.content == (sent if kept else NotKept.CUT)


@pytest.mark.parametrize("size", [4095, 4096, 4097, 20_000])
def test_objects_too_large_to_be_remembered_are_hashed_all_the_same(size: int) -> None:
    data = b"\x30" * size
    files = [whole_file(HttpSettings(), False, b"application/ocsp-response", None, "F1", bytes(data), 7) for _ in "12"]
    for file in files:
        assert file is not None
        assert (file.content, file.digests) == (data, digests_of(data))


@pytest.mark.parametrize("label", [b"PKCS7", b"CMS", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE", b"CERTIFICATE"])
def test_certificates_in_text_are_kept_whatever_they_claim_to_be(label: bytes) -> None:
    data = b"-----BEGIN %b-----\nMIIC\n-----END %b-----\n" % (label, label)
    for claim in (None, b"text/plain"):
        file = whole_file(HttpSettings(), False, claim, None, "F1", data, 7)
        assert file is not None
        assert (file.content, file.digests) == (data, digests_of(data))


@pytest.mark.parametrize(
    ("start", "size", "kept"),
    [
        ("307e", 128, True),
        ("307e", 129, False),
        ("3081c8", 203, True),
        ("3081c8", 202, False),
        ("30820400", 1028, True),
        ("30820400", 1029, False),
        ("3083011170", 70_005, True),
        ("308400011170", 70_006, True),
        ("30850000011170", 70_007, False),
        ("3080", 130, False),
        ("317e", 128, False),
    ],
)
def test_a_broken_object_is_kept_if_it_is_as_long_as_it_says(start: str, size: int, kept: bool) -> None:
    """Nothing shows what it is but that it may be DER; it may be OCSP that cannot be read."""
    data = bytes.fromhex(start).ljust(size, b"\xff")
    settings = HttpSettings(max_form_bytes=0, max_request_body_bytes=1 << 20)
    for is_orig in (True, False):
        file = whole_file(settings, is_orig, None, None, "F1", data, 7)
        assert file is not None
        assert file.content == (data if kept else NotKept.UNWANTED)
