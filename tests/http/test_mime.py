"""MIME types by content: Zeek's names for what Zeek knows, in the order of its strengths."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.mime import SNIFF_BYTES, sniff

XML = b'<?xml version="1.0" encoding="UTF-8"?>'
LONG_TEXT = b"nothing but words, and more of them. " * 200


def _zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"contents")  # without the time of day
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("name.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    return buffer.getvalue()


CASES: list[tuple[bytes, str | None]] = [
    # Plain text: ten printable bytes at the beginning, whatever follows; less is nothing.
    (b"", None),
    (b"OK", None),
    (b"123456789", None),
    (b"1234567890", "text/plain"),
    (b"\r\n\t\v\f words words", "text/plain"),
    (b"words and \xff\xfe\0\0", "text/plain"),
    (b"words and\x01 control", None),
    ("größere Texte".encode(), None),  # not printable for Zeek within the first ten bytes
    (b"\xef\xbb\xbfwith a byte order mark", "text/plain"),
    (b"\xff\xfew\0i\0d\0e\0", None),
    (b"\xff\xfe\0\0printable!", "text/plain"),
    (LONG_TEXT, "text/plain"),
    # Markup.
    (b"<!DOCTYPE html><html>", "text/html"),
    (b"<!doctype  HTML PUBLIC", "text/html"),
    (b"<html>", "text/html"),
    (b"<HTML lang=en>", "text/html"),
    (b"\r\n \t<html>", "text/html"),
    (b"\xef\xbb\xbf<html>", "text/html"),
    (b"<!-- a --> <!-- b -->\n<html>", "text/html"),
    (b"<!-- never closed <html>", "text/plain"),
    (XML + b"\n<!DOCTYPE html PUBLIC>", "text/html"),
    (XML + b"<!-- c --><html>", "text/html"),
    (b"<!-- c -->" + XML + b"<html>", "text/html"),
    (b'<meta http-equiv="refresh">', "text/html"),
    (b"<head><title>x</title>", "text/html"),
    (b"<header>of a page", "text/html"),
    (b"<body>x</body>", "text/html"),
    (b"words <html>", "text/plain"),
    (XML + b"<a/>", "application/xml"),
    (b"\xff\xfe" + "<?xml version='1.0'?>".encode("utf-16-le"), "application/xml"),
    (XML + b"<soap:Envelope>", "application/soap+xml"),
    (b"<SOAP-ENV:Envelope>", "application/soap+xml"),
    (b"<rss version=2>", "text/rss"),
    (b'<rss version=2 xmlns:atom="x">', "text/atom"),
    (XML + b'<feed xml:lang="de" xmlns="http://www.w3.org/2005/Atom">', "text/atom"),
    (b"<cross-domain-policy>", "text/x-cross-domain-policy"),
    (XML + b"<!DOCTYPE cross-domain-policy>", "text/x-cross-domain-policy"),
    (b"<methodResponse><params>", "application/xml-rpc"),
    (XML + b'<manifest xmlns="http://ns.adobe.com/f4m/1.0">', "application/f4m"),
    (XML + b'<x><svg width="1">', "image/svg+xml"),
    (XML + b"<urlset>", "application/xml-sitemap"),
    (XML + b"<kml xmlns='http://www.opengis.net/kml/2.2'>", "application/vnd.google-earth.kml+xml"),
    (b"<p>a fragment</p>", "text/plain"),
    # JSON, settings, scripts.
    (b'{"a": 1}', "text/json"),
    (b' \n{ "a b" : [1]}', "text/json"),
    (b"{a: true}", "text/json"),
    (b'{"a": null, "b": 1}', "text/plain"),  # Zeek's pattern knows no null
    (b'{"a": -1, "b": 1}', "text/plain"),
    (b'["a", "b"]', "text/json"),
    (b"[1, 2, 3]", "text/json"),
    (b'[{"a": 1}, 2]', "text/json"),
    (b"[[1]]", "text/json"),
    (b"{}", None),
    (b"[]", None),
    (b"[settings]\nkey=value", "text/ini"),
    (b"[1, 2]\n[3, 4]\n", "text/ini"),
    (b"#!/bin/sh\necho", "text/x-shellscript"),
    (b"#! /usr/bin/env bash\n", "text/x-shellscript"),
    (b"#!/usr/bin/env python3\n", "text/x-python"),
    (b"#!/usr/bin/perl -w\n", "text/x-perl"),
    (b"#!/usr/bin/env node\n", "application/javascript"),
    (b"@echo off\r\ndel x", "text/x-msdos-batch"),
    (b"for (;;);{}", "application/javascript"),
    (b"(function() {\n", "application/javascript"),
    (b"document.write('x')", "application/javascript"),
    (b"<script type='text/javascript'>", "application/javascript"),
    (b"<script>var x = 1", "application/javascript"),
    (b"function f() { return 1 }", "text/plain"),
    (b"words, then <?php echo 1 ?>", "text/x-php"),
    (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "text/x-diff"),
    (b"@@ +++ not a difference --- ", "text/plain"),
    (b"Delivered-To: x@example.com", "message/rfc822"),
    (b"From: x@example.com", "message/rfc822"),
    (b"-----BEGIN CERTIFICATE-----\nMIIC", "application/x-pem"),
    (b"-----BEGIN X509 CRL-----\nMIIC", "text/plain"),
    (b"%PDF-1.4\n", "application/pdf"),
    # Binary kinds.
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    (b"\0\0\1\0\1\0", "image/x-icon"),
    (b"\0\0\0\x18ftypmp42", "video/mp4"),
    (b"\0\0\0\x18ftypisom", "video/mp4"),
    (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm", "video/webm"),
    (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\x82\x88matroska", "video/x-matroska"),
    (b"\xff\xfb\x90\x64", "audio/mpeg"),
    (b"MZ\x90\0\3\0\0\0", "application/x-dosexec"),
    (b"\x7fELF\2\1\1" + bytes(9) + b"\2\0", "application/x-executable"),
    (b"\x7fELF\1\2\1" + bytes(9) + b"\0\3", "application/x-sharedlib"),
    (b"\xca\xfe\xba\xbe\0\0\0\x34", "application/x-java-applet"),
    (b"\xca\xfe\xba\xbe\0\0\0\2", "application/x-mach-o-executable"),
    (gzip.compress(b"x", mtime=0), "application/x-gzip"),
    (_zip("a.txt"), "application/zip"),
    (
        _zip("[Content_Types].xml", "word/document.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (_zip("_rels/.rels", "xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"PK\3\4\x14\0\6\0", "application/vnd.openxmlformats-officedocument"),
    (
        b"PK\3\4" + bytes(22) + b"\x08\0\0\0mimetypeapplication/vnd.oasis.opendocument.textPK",
        "application/vnd.oasis.opendocument.text",
    ),
    (
        b"PK\3\4" + bytes(22) + b"\x08\0\0\0mimetypeapplication/vnd.oasis.opendocument.text-templatePK",
        "application/vnd.oasis.opendocument.text-template",
    ),
    (_tar(), "application/x-tar"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"!<arch>\ndebian-binary", "application/x-debian-package"),
    (b"\x1f\x9d\x90", "application/x-compress"),
    (b"\1\2\x08\x1a", "application/x-arc"),  # a method of 2 to 10, 20 or 72
    (b"\1\2\x0b\x1a", None),
    (b"\1\x80\x08\x1a", None),
    (b"\x80\1\x08\x1a", None),
    (b"\1\2\x08\0\x1a", None),
    (b"PK\3\4" + bytes(14) + b"\x14\0\x08\x08META-INF/MANIFEST.MF", "application/java-archive"),
    (b"00755cw   2200241n  4500", "application/marc"),  # of MARC 21 Zeek finds classification records alone
    (b"00755xw   2200241n  4500", "text/plain"),
    (b'MIME-Version: 1.0\nContent-Type: x; protocol="application/pkcs7-signature"', "application/pkcs7-signature"),
    (b"P5 64  9 and so on", "image/x-portable-greymap"),
    (b"a comment, then P364  9 and so on", "image/x-portable-pixmap"),
    (bytes(range(1, 250)), None),
    # Zeek's test for an OCSP message that its shape does not show: an OID in the right place.
    (b"\x30\x99" + b"broken 9b" + b"\x06\x05\x2b\x0e\x03\x02\x1a", "application/ocsp-request"),
    (b"\x30\x99" + b"broken 9b" + b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", "application/ocsp-response"),
]


@pytest.mark.parametrize(("body", "expected"), CASES, ids=lambda value: repr(value)[:40])
def test_table(body: bytes, expected: str | None) -> None:
    assert sniff(body) == expected


@pytest.mark.parametrize(("body", "expected"), CASES, ids=lambda value: repr(value)[:40])
def test_only_the_first_part_counts(body: bytes, expected: str | None) -> None:
    padded = body + b"\0" * (SNIFF_BYTES - len(body))
    assert sniff(padded + b"<?php <html> --- \n+++ \n@@") == sniff(padded)


def test_strength_decides_between_two_that_stand() -> None:
    at_34 = b"\xff\xd8" + bytes(32) + b"LP"  # JPEG 52, an embedded font 50
    assert sniff(at_34) == "image/jpeg"
    assert sniff(b"\0" * 34 + b"LP") == "application/vnd.ms-fontobject"
    assert sniff(b"FLV" + bytes(17) + b"\xdc\xa7\xc4\xfd") == "application/x-zoo"  # 70 over 60


@given(st.binary(max_size=300))
def test_never_raises(body: bytes) -> None:
    found = sniff(body)
    assert found is None or found.count("/") == 1


@given(st.sampled_from([case[0][:400] for case in CASES if case[0]]), st.binary(max_size=40), st.integers(0, 400))
def test_never_raises_on_damaged_bodies(body: bytes, noise: bytes, at: int) -> None:
    found = sniff(body[:at] + noise + body[at:])
    assert found is None or found.count("/") == 1


HOSTILE = {
    "comments": b"<!--" + b"--><head" * 600,
    "feeds": b"<!--" + b"--><feed " * 600,
    "declarations": b"<?xml " + b"?><manifest" + b" " * 4000,
    "blanks": b"<?xml ?>" + b" " * 4000,
    "numbers": (b"P1" + b"1" * 48) * 100,
    "members": b"PK\3\4" + bytes(26) + b"word/" + b"PK\3\4" * 1000,
    "interpreter": b"#!/bin/env" + b" " * 4000,
    "braces": b"{" * 4096,
    "quotes": b'{"' * 2048,
    "differences": b"--- \n+++ @+" * 400,
    "brackets": b"[" + b"]" * 4095,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_bounded(name: str) -> None:
    """The worst of them needs less than a tenth of this."""
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        sniff(HOSTILE[name])
        best = min(best, time.perf_counter() - start)
    assert best < 0.005


@pytest.mark.parametrize(("count", "found"), [(1, True), (64, True), (65, False)])
def test_behind_so_many_comments_the_first_element_is_looked_for(count: int, found: bool) -> None:
    body = b"<!-- a -->" + b" <!-- b -->" * (count - 1) + b"<html>"
    assert sniff(body) == ("text/html" if found else "text/plain")
