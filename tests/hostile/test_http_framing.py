"""Rows H3 and H5: what says how long a body is, and lies."""

from __future__ import annotations

import pytest

from tests.hostile.rows import Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, asking, conversation, watch
from tests.http.wire import chunked
from tests.ocsp import wire as ocsp

ROWS = {
    "H3": Row(
        "Content-Length that is no number, is too large for one, or is said twice",
        counters=("HTTP_bad_content_length", "HTTP_content_length_leading_zeros"),
        guards=(
            Guard(
                "sensor/http/head.py",
                "number, clean = parse_content_length(value)",
                "number, clean = int(value or 0), True",
            ),
        ),
    ),
    "H5": Row(
        "Transfer-Encoding beside Content-Length, misspelt, twice, in HTTP/1.0",
        counters=("HTTP_content_length_and_chunked", "HTTP_chunked_multi", "HTTP_version_mismatch"),
        guards=(Guard("sensor/http/head.py", 'head.odd("HTTP_chunked_multi", value)', "head.chunked = 0"),),
    ),
}
FIRST, NEXT = 0x0BADCAFE, 0x0C0FFEE0
BODY = ocsp.response(ocsp.basic(ocsp.single(ocsp.cert_id(FIRST))))
SIZE = b"%d" % len(BODY)


def answered(*fields: bytes, body: bytes = BODY, version: bytes = b"1.1") -> Watched:
    """What comes of a reply with these header fields, and of an exchange behind it on the same connection."""
    head = b"\r\n".join((b"HTTP/" + version + b" 200 OK", TYPE + b"response", *fields, b"", b""))
    return watch(conversation(("c", asking(FIRST)), ("s", head + body), ("c", asking(NEXT)), ("s", answering(NEXT))))


def statuses(seen: Watched) -> list[tuple[object, object]]:
    return [(row.get("serial_number"), row.get("cert_status")) for row in seen.exchanges]


NO_NUMBERS = (b"+5", b"5_0", b"0x5", "\uff15".encode(), b"-1", b"", b"1" + b"0" * 5000, b"9" * 19, b"9" * 20)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: ascii(value)[2:12])
def test_h3_what_is_no_number_is_not_read_as_one(value: bytes) -> None:
    """The body then lasts as long as the connection: the reply behind it is part of it, the question is not lost."""
    seen = answered(b"Content-Length: " + value)
    assert seen.weirds == ("HTTP_bad_content_length", "ocsp_trailing_data")
    assert statuses(seen) == [("0BADCAFE", "good"), ("0C0FFEE0", None)]


@pytest.mark.parametrize(
    ("value", "weirds"),
    [
        (SIZE, ()),
        (b" \t" + SIZE + b" ", ()),
        (SIZE + b"," + SIZE, ()),
        (SIZE + b"\r\nContent-Length: " + SIZE, ()),
        (b"000" + SIZE, ("HTTP_content_length_leading_zeros",)),
    ],
    ids=ascii,
)
def test_h3_the_same_number_however_it_is_spelt(value: bytes, weirds: tuple[str, ...]) -> None:
    seen = answered(b"Content-Length: " + value)
    assert seen.weirds == weirds
    assert statuses(seen) == [("0BADCAFE", "good"), ("0C0FFEE0", "good")]


CODINGS: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"chunked", ()),
    (b"Chunked ", ()),
    (b"chunked\r\nContent-Length: 5", ("HTTP_content_length_and_chunked",)),
    (b"chunked\r\nTransfer-Encoding: chunked", ("HTTP_chunked_multi",)),
    (b"chunked, chunked", ("HTTP_chunked_multi",)),
    (b",chunked", ("HTTP_chunked_multi",)),
    (b"\x0bchunked", ("HTTP_chunked_multi",)),
    (b"chunked, identity", ("HTTP_chunked_multi",)),
    (b"xchunked", ("unknown_transfer_coding",)),
)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"], ids=ascii)
@pytest.mark.parametrize(("coding", "weirds"), CODINGS, ids=[ascii(coding) for coding, _ in CODINGS])
def test_h5_a_body_that_is_chunked_is_read_as_chunked(coding: bytes, weirds: tuple[str, ...], version: bytes) -> None:
    seen = answered(b"Transfer-Encoding: " + coding, body=chunked(BODY[:100], BODY[100:]), version=version)
    assert seen.weirds == (*weirds, *(("HTTP_version_mismatch",) if version == b"1.0" else ()))
    assert statuses(seen) == [("0BADCAFE", "good"), ("0C0FFEE0", "good")]


@pytest.mark.parametrize("fields", [b"identity", b"xchunked", b"identity\r\nContent-Length: " + SIZE], ids=ascii)
def test_h5_a_body_that_is_not_chunked_is_read_as_it_is(fields: bytes) -> None:
    """As browsers do; a length that is told beside it counts."""
    seen = answered(b"Transfer-Encoding: " + fields)
    assert statuses(seen)[0] == ("0BADCAFE", "good")
    assert (statuses(seen)[1] == ("0C0FFEE0", "good")) is (SIZE in fields)
