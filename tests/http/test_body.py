"""Bodies as messages carry them: coded, in parts, a range of something, labelled wrongly; limits and their weirds."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard

from sensor.http.transaction import BodyFile, NotKept
from sensor.settings import HttpSettings
from tests.http.test_content import OCSP_ERROR, REQUEST
from tests.http.wire import answer, ask, chunked, get, post, reply

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
ALL = HttpSettings(hash_bodies="all")


def only_file(heard) -> BodyFile:
    (file,) = heard.response.files
    return file


@pytest.mark.parametrize(
    ("field", "packed"),
    [
        (b"gzip", gzip.compress(OCSP_ERROR, mtime=0)),
        (b"X-GZIP", gzip.compress(OCSP_ERROR, mtime=0)),
        (b"deflate", zlib.compress(OCSP_ERROR)),
        (b"deflate", zlib.compress(OCSP_ERROR)[2:-4]),
        (b"br", brotli.compress(OCSP_ERROR)),
        (b"zstd", zstandard.compress(OCSP_ERROR)),
        (b"gzip, br", brotli.compress(gzip.compress(OCSP_ERROR, mtime=0))),
        (b"identity, gzip", gzip.compress(OCSP_ERROR, mtime=0)),
        (b"gzip", OCSP_ERROR),
        (b"\x0cgz\0ip\xa0", gzip.compress(OCSP_ERROR, mtime=0)),
    ],
)
@pytest.mark.parametrize("form", ["length", "chunked", "close"])
def test_coded_ocsp_is_decoded(hear, field: bytes, packed: bytes, form: str) -> None:
    coding = b"Content-Encoding: " + field
    if form == "length":
        wire = reply(packed, coding)
    elif form == "chunked":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + coding + b"\r\n\r\n"
        wire = head + chunked(packed[:7], packed[7:])
    else:
        wire = b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n" + packed
    heard = hear(ask(get()), answer(wire))
    file = only_file(heard)
    assert file.content == OCSP_ERROR
    assert file.mime_type == "application/ocsp-response"
    assert file.digests is not None
    assert (file.seen_bytes, file.total_bytes, heard.response.body_len) == (5, None, 5)


def test_an_unknown_coding_is_left_as_it_is(hear) -> None:
    heard = hear(ask(get()), answer(reply(OCSP_ERROR, b"Content-Encoding: compress")))
    assert only_file(heard).content == OCSP_ERROR
    assert heard.weirds == ["unknown_content_coding"]


def test_too_many_codings_are_left_as_they_are(hear) -> None:
    packed = gzip.compress(gzip.compress(gzip.compress(EICAR)))
    heard = hear(ask(get()), answer(reply(packed, b"Content-Encoding: gzip, gzip, gzip")))
    assert only_file(heard).seen_bytes == len(packed)
    assert heard.weirds == ["HTTP_too_many_codings"]


def test_a_coding_that_was_not_applied(hear) -> None:
    heard = hear(ask(get()), answer(reply(EICAR, b"Content-Encoding: deflate")), settings=ALL)
    assert only_file(heard).seen_bytes == 68
    assert heard.weirds == ["HTTP_content_coding_not_applied"]


def test_a_bomb_is_counted_up_to_the_limit() -> None:
    from tests.http.wire import hear

    bomb = gzip.compress(bytes(30 << 20))
    heard = hear(ask(get()), answer(reply(bomb, b"Content-Encoding: gzip")), ask(get(b"/next")), answer(reply(b"ok")))
    file = heard.transactions[0].response.files[0]
    assert heard.weirds == ["HTTP_compression_bomb"]
    assert len(bomb) * 100 < file.seen_bytes < len(bomb) * 100 + (1 << 17)
    assert heard.targets == [b"/", b"/next"]


def test_a_kept_body_expands_less_than_one_that_is_counted() -> None:
    from tests.http.wire import hear

    settings = HttpSettings(max_inflated_bytes=80_000, max_response_body_bytes=200_000)
    body = bytes(range(256)) * 400
    packed = gzip.compress(body, 1)
    kept = hear(
        ask(get()),
        answer(reply(packed, b"Content-Encoding: gzip", b"Content-Type: application/ocsp-response")),
        settings=settings,
    )
    assert kept.weirds == ["HTTP_compression_bomb"]
    assert only_file(kept).content is NotKept.UNDECODABLE
    counted = hear(ask(get()), answer(reply(packed, b"Content-Encoding: gzip")), settings=settings)
    assert counted.weirds == []
    assert only_file(counted).seen_bytes == len(body)


def test_broken_coding(hear) -> None:
    packed = gzip.compress(bytes(range(256)) * 40)
    broken = packed[:60] + b"\xff" * 40 + packed[100:]
    heard = hear(
        ask(get()), answer(reply(broken, b"Content-Encoding: gzip", b"Content-Type: application/ocsp-response"))
    )
    assert heard.weirds == ["inflate_failed"]
    assert all(file.content is NotKept.UNDECODABLE for file in heard.response.files)


def test_a_cut_coded_body_that_is_whole_inside(hear) -> None:
    packed = gzip.compress(OCSP_ERROR, mtime=0)
    wire = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999\r\n\r\n" + packed
    heard = hear(ask(get()), answer(wire))
    assert not heard.response.complete
    assert only_file(heard).content == OCSP_ERROR
    cut = hear(ask(get()), answer(wire[:-12]))
    assert not cut.response.files or isinstance(only_file(cut).content, NotKept)


@pytest.mark.parametrize(
    "content_type", [None, b"text/html", b"APPLICATION/OCSP-REQUEST; a=b", b"application/octet-stream"]
)
def test_ocsp_whatever_its_label(hear, content_type: bytes | None) -> None:
    fields = [] if content_type is None else [b"Content-Type: " + content_type]
    heard = hear(ask(post(b"/", REQUEST, *fields)), answer(reply(OCSP_ERROR)))
    (file,) = heard.request.files
    assert file.content == REQUEST
    assert file.is_orig
    assert file.content_type == (None if content_type is None else content_type.decode())
    assert only_file(heard).content == OCSP_ERROR


@pytest.mark.parametrize(
    ("field", "kept", "total", "weirds"),
    [
        (b"bytes 0-4/5", True, 5, []),
        (b"bytes 0-4/50", False, 50, []),
        (b"bytes 5-9/10", False, 10, []),
        (b"bytes 5-9/*", False, 5, []),
        (b"items 1-2/3", False, 5, ["HTTP_content_range_cannot_parse"]),
        (b"bytes 10-5/*", False, 5, ["HTTP_non_positive_content_range"]),
        (None, False, 5, []),
    ],
)
def test_ranges(hear, field: bytes | None, kept: bool, total: int, weirds: list[str]) -> None:
    fields = [] if field is None else [b"Content-Range: " + field]
    heard = hear(ask(get()), answer(reply(OCSP_ERROR, *fields, status=b"206 Partial Content")))
    file = only_file(heard)
    assert file.content == (OCSP_ERROR if kept else NotKept.CUT)
    assert file.total_bytes == total
    assert heard.weirds == weirds


def test_parts_are_files(hear) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="one.txt"\r\nContent-Length: 9\r\n\r\n'
        b"plain text here\r\n"
        b"--b\r\nContent-Type: application/ocsp-request\r\n\r\n" + REQUEST + b"\r\n--b--\r\n"
    )
    heard = hear(ask(post(b"/upload", body, b"Content-Type: multipart/form-data; boundary=b")), answer(reply()))
    first, second = heard.request.files
    assert (first.filename, first.mime_type, first.seen_bytes, first.total_bytes) == ("one.txt", "text/plain", 15, 9)
    assert second.content == REQUEST
    assert first.fuid != second.fuid
    assert heard.request.body_len == len(body)


def test_only_so_many_parts(hear) -> None:
    body = b"".join(b"--b\r\n\r\npart %d\r\n" % i for i in range(100)) + b"--b--"
    heard = hear(ask(post(b"/", body, b"Content-Type: multipart/form-data; boundary=b")), answer(reply()))
    assert len(heard.request.files) == 64
    assert heard.weirds == ["HTTP_too_many_parts"]


def test_coded_parts(hear) -> None:
    body = gzip.compress(b"--b\r\n\r\npart one\r\n--b--")
    heard = hear(
        ask(post(b"/", body, b"Content-Type: multipart/mixed; boundary=b", b"Content-Encoding: gzip")), answer(reply())
    )
    (file,) = heard.request.files
    assert file.seen_bytes == 8


def test_a_range_in_parts_is_no_range_of_a_file(hear) -> None:
    """Content-Range of the whole says nothing of a part; where it cannot be read, that is told all the same."""
    body = b"--XX\r\n\r\n" + OCSP_ERROR + b"\r\n--XX--\r\n"
    kind = b"Content-Type: multipart/mixed; boundary=XX"
    for value, weirds in ((b"bytes 0-9/99", []), (b"nonsense", ["HTTP_content_range_cannot_parse"])):
        partial = reply(body, kind, b"Content-Range: " + value, status=b"206 Partial Content")
        heard = hear(ask(get()), answer(partial))
        assert (only_file(heard).content, only_file(heard).total_bytes, heard.weirds) == (OCSP_ERROR, None, weirds)


def test_a_part_without_octets_is_counted_but_no_file(hear) -> None:
    kind = b"Content-Type: multipart/mixed; boundary=XX"
    parts = (b"--XX\r\n\r\none\r\n", b"--XX\r\n\r\n", b"%b\r\n--XX\r\n\r\nthree\r\n--XX--\r\n")
    empty, full = (hear(ask(get()), answer(reply(b"".join(parts) % two, kind))).response.files for two in (b"", b"two"))
    assert [file.seen_bytes for file in full] == [3, 3, 5]
    assert [file.fuid for file in empty] == [full[0].fuid, full[2].fuid]


def test_coded_parts_are_read_as_they_come(hear) -> None:
    body = b"--XX\r\n\r\n" + OCSP_ERROR + b"\r\n--XX\r\n\r\nmore\r\n--XX--\r\n"
    kind = b"Content-Type: multipart/mixed; boundary=XX"
    heard = hear(ask(get()), answer(reply(gzip.compress(body, mtime=0), kind, b"Content-Encoding: gzip")))
    assert [file.content for file in heard.response.files] == [OCSP_ERROR, NotKept.UNWANTED]
    assert heard.response.body_len == len(body)
