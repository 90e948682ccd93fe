"""Rows H3 to H5: what says how long a body is, and lies."""

from __future__ import annotations

import pytest

from tests.hostile.rows import Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, asking, conversation, watch
from tests.http.wire import chunked, get, reply
from tests.ocsp import wire as ocsp

ROWS = {
    "H3": Row(
        "Content-Length that is no number, is too large for one, or is said twice",
        counters=(
            "HTTP_bad_content_length",
            "HTTP_ambiguous_framing",
            "HTTP_content_length_leading_zeros",
            "NUL_in_line",
            "ambiguous: framing",
        ),
        guards=(
            Guard(
                "sensor/http/head.py",
                "number, clean = parse_content_length(value)",
                "number, clean = int(value or 0), True",
            ),
            Guard("sensor/http/reader.py", "        if head.bad_length:", "        if False:"),
        ),
    ),
    "H4": Row(
        "a chunk size with 0x, a sign, an extension, too many digits, without line end; chunked that is not",
        ("http.max_chunk_extension_bytes",),
        ("HTTP_bad_chunk_size", "ambiguous: framing"),
        guards=(
            Guard(
                "sensor/http/chunks.py", "after = read_bad_size(messages, side, data, pos, start, end)", "after = pos"
            ),
            Guard("sensor/http/chunks.py", "if own and side.head is not None:", "if False:"),
            Guard("sensor/http/chunks.py", "if end >= 0 and is_size_line(data[pos:end]):", "if False:"),
            Guard("sensor/http/chunks.py", 'data.find(b"\\n", start, start + limit)', 'data.find(b"\\n", start)'),
            Guard("sensor/http/chunks.py", "    elif len(data) - pos < limit and (\n", "    elif (\n"),
            Guard("sensor/http/chunks.py", "    if end < 0 and len(data) - pos < limit:\n", "    if end < 0:\n"),
        ),
        note="Of the readings of a body at most one is DER from its first octet: that one is decoded.",
    ),
    "H5": Row(
        "Transfer-Encoding beside Content-Length, misspelt, twice, in HTTP/1.0",
        counters=(
            "HTTP_content_length_and_chunked",
            "HTTP_chunked_multi",
            "HTTP_version_mismatch",
            "HTTP_ambiguous_framing",
            "ambiguous: framing",
        ),
        guards=(
            Guard("sensor/http/head.py", 'head.odd("HTTP_chunked_multi", known_parts(value))', "head.chunked = 0"),
            Guard("sensor/http/reader.py", "if side.body is not None and side.body.owed():", "if False:"),
            Guard("sensor/http/reader.py", "find_turns(messages, side, head, side.total - len(data) + pos)", "pass"),
            Guard(
                "sensor/http/reader.py",
                "            head.doubts |= FRAMING\n",
                "            pass\n",
            ),
            Guard("sensor/http/messages.py", "if self.in_doubt & COUNT:", "if False:"),
        ),
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


def doubts(seen: Watched) -> list[object]:
    return [row.get("ambiguous") for row in seen.exchanges]


def once(seen: Watched) -> list[tuple[object, object, object]]:
    return [(row["serial_number"], row["evidence"], row.get("ambiguous")) for row in seen.exchanges]


BOTH = [("0BADCAFE", "good"), ("0C0FFEE0", "good")]
HEAD = b"POST /x HTTP/1.1\r\nHost: a.example\r\n"
TARGET = asking(FIRST)
IN_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(TARGET), TARGET)
HIDDEN = {
    "CL, in a chunk": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + IN_CHUNK,
    "CL, in what may be a chunk": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n" + IN_CHUNK,
    "TE, in a body": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % (5 + len(TARGET))
    + b"0\r\n\r\n"
    + TARGET,
    "the shorter CL": HEAD + b"Content-Length: %d\r\nContent-Length: 5\r\n\r\nhello" % (5 + len(TARGET)) + TARGET,
    "the shorter CL, first": HEAD
    + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\nhello" % (5 + len(TARGET))
    + TARGET,
    "a GET without a body": b"GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(TARGET) + TARGET,
    "a POST whose body is not read, an empty line": HEAD
    + b"Content-Length: %d\r\n\r\n\r\n" % (2 + len(TARGET))
    + TARGET,
    "a POST whose body is not read": HEAD + b"Content-Length: %d\r\n\r\n" % len(TARGET) + TARGET,
}
"""Requests whose body ends in two places; to one of two ends the other request, TARGET, stands behind it."""
NO_NUMBERS = (b"+5", b"5_0", b"0x5", "\uff15".encode(), b"-1", b"", b"1" + b"0" * 5000, b"9" * 19, b"9" * 20)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: ascii(value)[2:12])
def test_h3_what_is_no_number_is_not_read_as_one(value: bytes) -> None:
    """The reply is then as long as it says itself, and what follows is not lost."""
    seen = answered(b"Content-Length: " + value)
    assert seen.weirds == ("HTTP_bad_content_length",)
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"], None]


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


@pytest.mark.parametrize("order", ["before", "behind"])
@pytest.mark.parametrize("name", [b"Content-Length", b"Content\0-Length"], ids=["name", "NUL"])
@pytest.mark.parametrize("value", [0, 3, 99999], ids=str)
def test_h3_two_lengths_of_which_one_is_wrong(value: int, name: bytes, order: str) -> None:
    """In the request and the reply of the first exchange, in any order: all exchanges of the connection are told."""
    wrong = name + b": %d\r\n" % value
    said = []
    for serial in (FIRST, NEXT):
        for who, right in (("c", asking(serial)), ("s", answering(serial))):
            message = right
            if serial == FIRST:
                at = right.index(b"Content-Length")
                at = at if order == "before" else right.index(b"\n", at) + 1
                message = right[:at] + wrong + right[at:]
            said.append((who, message))
    seen = watch(conversation(*said))
    assert statuses(seen) == BOTH
    assert [row["evidence"] for row in seen.exchanges] == ["both", "both"]
    is_name = name == b"Content-Length"
    assert doubts(seen) == [["framing"] if is_name else None, None]
    assert set(seen.weirds) == ({"HTTP_bad_content_length", "HTTP_ambiguous_framing"} if is_name else {"NUL_in_line"})


CHUNKED = b"Transfer-Encoding: chunked"
HALF = len(BODY) // 2
LAST = b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "size",
    [b"0x%x", b"+%x", b"-%x", b"%x_", b"1%016x", b"0x%x \r\n"[:-2]],
    ids=["0x", "plus", "minus", "underscore", "2**64", "blank"],
)
@pytest.mark.parametrize("place", ["first", "second"])
def test_h4_a_chunk_size_that_is_none(place: str, size: bytes) -> None:
    """As some read it, or for as long as the reply says itself: it is decoded, and the next one is."""
    good, rest = (b"", BODY) if place == "first" else (b"%x\r\n%b\r\n" % (HALF, BODY[:HALF]), BODY[HALF:])
    seen = answered(CHUNKED, body=good + size % len(rest) + b"\r\n" + rest + LAST)
    assert "HTTP_bad_chunk_size" in seen.weirds
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"], None]


@pytest.mark.parametrize("size", [b"%x;name=value", b"%x ", b"%X", b"0000000000000000000000%x", b"\r\n%x"], ids=ascii)
def test_h4_a_chunk_size_that_all_read_alike(size: bytes) -> None:
    seen = answered(CHUNKED, body=size % len(BODY) + b"\r\n" + BODY + LAST)
    assert (statuses(seen), seen.weirds) == (BOTH, ())
    assert doubts(seen) == [None, None]


LONG = b"n" * 5000


@pytest.mark.parametrize("segment", [700, 20_000])
@pytest.mark.parametrize("end", [b"\r\n", b""], ids=["ends", "goes on"])
@pytest.mark.parametrize("place", ["size line", "behind a chunk"])
def test_h4_an_extension_has_a_limit(place: str, end: bytes, segment: int) -> None:
    """The framing is taken for a lie, whether the line ends behind the limit or never, in one piece or many."""
    line = b"%x;" % len(BODY) + LONG + end if place == "size line" else b"%x\r\n%b" % (len(BODY), BODY) + LONG + end
    body = line + (b"" if end else LONG * 10)
    head = b"HTTP/1.1 200 OK\r\n" + TYPE + b"response\r\n" + CHUNKED + b"\r\n\r\n"
    seen = watch(conversation(("c", asking(FIRST)), ("s", head + body), segment=segment))
    assert seen.weirds.count("HTTP_bad_chunk_size") == 1
    assert [row["status_code"] for row in seen.of("http")] == [200]


def test_h4_bare_line_feeds() -> None:
    seen = answered(CHUNKED, body=b"%x\n" % len(BODY) + BODY + b"\n0\n\n")
    assert (statuses(seen), seen.weirds) == (BOTH, ())


def test_h4_a_line_end_is_missing_behind_a_chunk() -> None:
    body = b"%x\r\n" % HALF + BODY[:HALF] + b"%x\r\n" % len(BODY[HALF:]) + BODY[HALF:] + LAST
    seen = answered(CHUNKED, body=body)
    assert seen.weirds == ("HTTP_bad_chunk_size",)
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"], None]


@pytest.mark.parametrize("length", [b"", b"\r\nContent-Length: " + SIZE, b"\r\nContent-Length: 5"], ids=ascii)
def test_h4_h5_chunked_is_declared_and_is_not_so(length: bytes) -> None:
    """The DER begins with "0", and would be a last chunk to who reads digits and no further."""
    seen = answered(CHUNKED + length)
    assert "HTTP_bad_chunk_size" in seen.weirds
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"], None]


@pytest.mark.parametrize("size", [5, 50, len(BODY) - 1])
def test_h5_a_content_length_that_is_too_small(size: int) -> None:
    seen = answered(b"Content-Length: %d" % size)
    assert seen.weirds == ("HTTP_ambiguous_framing",)
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"], None]


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
    assert statuses(seen) == BOTH
    assert doubts(seen) == [["framing"] if weirds else None, None]


@pytest.mark.parametrize("fields", [b"identity", b"xchunked", b"identity\r\nContent-Length: " + SIZE], ids=ascii)
def test_h5_a_body_that_is_not_chunked_is_read_as_it_is(fields: bytes) -> None:
    """As browsers do; a length that is told beside it counts."""
    seen = answered(b"Transfer-Encoding: " + fields)
    assert statuses(seen)[0] == ("0BADCAFE", "good")
    assert (statuses(seen)[1] == ("0C0FFEE0", "good")) is (fields != b"identity")


@pytest.mark.parametrize("segment", [1, 7, 1400])
@pytest.mark.parametrize("where", HIDDEN)
def test_h5_a_request_that_only_one_framing_has_is_told_and_in_doubt(where: str, segment: int) -> None:
    said = (("c", HIDDEN[where]), ("s", reply(b"") + answering(FIRST)), ("c", asking(NEXT)), ("s", answering(NEXT)))
    seen = watch(conversation(*said, segment=segment))
    asked = [row for row in seen.exchanges if row["evidence"] == "both"]
    assert [(row["serial_number"], row.get("ambiguous")) for row in asked] == [
        ("0BADCAFE", ["framing"]),
        ("0C0FFEE0", None),
    ]


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "POST", "PUT", "PATCH"])
def test_h5_a_body_that_is_announced_and_not_sent(method: str) -> None:
    """The server does not wait for it, and the client goes on with the next request."""
    head = method.encode() + b" / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n"
    seen = watch(conversation(("c", head), ("s", reply(b"x")), ("c", asking(FIRST)), ("s", answering(FIRST))))
    assert once(seen) == [("0BADCAFE", "both", ["framing"])]
    assert [row["times_seen"] for row in seen.of("leak")] == [1]
    assert "ocsp_unmatched_response" not in seen.weirds


def test_h5_what_follows_a_reply_of_two_lengths_is_told_once() -> None:
    """By the greater one, which the main reading does not go by."""
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg"
    seen = watch(conversation(("c", get(b"/x")), ("s", two), ("c", asking(FIRST)), ("s", answering(FIRST))))
    assert once(seen) == [("0BADCAFE", "both", ["framing"])]
    assert [row["times_seen"] for row in seen.of("leak")] == [1]


def test_h5_however_much_stands_in_place_of_a_body_is_read() -> None:
    """Where only the second reading finds exchanges, it goes on as the only one when it is over its limit."""
    head = b"DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000000\r\n\r\n"
    numbers = range(0x510000, 0x510000 + 140)
    exchanges = [said for number in numbers for said in (("c", asking(number)), ("s", answering(number)))]
    seen = watch(conversation(("c", head), ("s", reply(b"x")), *exchanges))
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [(f"{n:X}", "both") for n in numbers]
    assert seen.weirds == ("HTTP_second_reading_cut",)


def test_h5_a_reply_that_only_one_framing_has_is_told_and_in_doubt() -> None:
    inner = answering(FIRST)
    outer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(b"%x\r\n" % len(inner))
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    seen = watch(conversation(("c", get(b"/x") + asking(FIRST)), ("s", outer + body)))
    assert ("0BADCAFE", "good", ["framing"]) in [
        (row["serial_number"], row.get("cert_status"), row.get("ambiguous")) for row in seen.exchanges
    ]


def test_h5_one_other_framing_at_a_time_is_followed() -> None:
    """What stands behind the second turn is said to be left out."""
    hidden = asking(FIRST)
    fields = b"Content-Length: %d\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % (5, 5 + len(hidden))
    body = b"%x\r\n%b%b\r\n0\r\n\r\n" % (2 * len(hidden), hidden, hidden)
    seen = watch(conversation(("c", HEAD + fields + body), ("s", reply(b"") + answering(FIRST))))
    assert "HTTP_second_reading_cut" in seen.weirds
    assert "both" in [row["evidence"] for row in seen.exchanges]


SMUGGLED = answering(NEXT)
MORE = {
    "in a chunked body": (chunked(BODY), b"Content-Length: %d\r\n" % len(chunked(BODY) + SMUGGLED) + CHUNKED),
    "behind the shorter length": (BODY, b"Content-Length: %b\r\nContent-Length: %d" % (SIZE, len(BODY + SMUGGLED))),
    "behind a length with a sign": (BODY, b"Content-Length: +%d" % len(BODY + SMUGGLED)),
    "behind a chunk size with a sign": (b"+" + chunked(BODY), CHUNKED),
    "behind what may be a chunk": (
        chunked(BODY),
        b"Transfer-Encoding: xchunked\r\nContent-Length: %d" % len(chunked(BODY) + SMUGGLED),
    ),
}
"""Bodies of a reply, and its fields, with a second one behind it that is part of the first to who frames otherwise."""


@pytest.mark.parametrize("asked", [0, 1, 2])
@pytest.mark.parametrize("where", MORE)
def test_h5_a_smuggled_reply_is_in_doubt_while_it_waits_for_its_request(where: str, asked: int) -> None:
    """And so is the true one, which then comes without any, and what is asked and answered behind it."""
    body, fields = MORE[where]
    first = b"HTTP/1.1 200 OK\r\n" + TYPE + b"response\r\n" + fields + b"\r\n\r\n" + body + SMUGGLED
    true = answering(NEXT, ocsp.revoked())
    said = [("c", asking(FIRST)), ("s", first), *[("c", asking(NEXT)), ("s", true)] * asked]
    seen = watch(conversation(*said))
    assert statuses(seen)[:2] == BOTH
    assert doubts(seen) == [["framing"]] * len(seen.exchanges)
    assert len(seen.exchanges) == (2, 3, 4)[asked]


def test_h5_what_follows_a_smuggled_request_is_in_doubt_until_all_are_answered() -> None:
    """The server goes by the Content-Length, and owes one reply less than the main reading waits for, until it says
    something without being asked."""
    numbers = range(0x5100, 0x5104)
    body = chunked(ocsp.request(ocsp.cert_id(FIRST))) + asking(NEXT)
    fields = TYPE + b"request\r\nContent-Length: %d\r\n" % len(body) + CHUNKED + b"\r\n\r\n"
    said = [("c", HEAD + fields + body), ("s", answering(FIRST))]
    shifted = [each for number in numbers for each in (("c", asking(number)), ("s", answering(number)))]
    seen = watch(conversation(*said, *shifted))
    assert {row["serial_number"] for row in seen.exchanges} == {"0BADCAFE", "0C0FFEE0", *(f"{n:X}" for n in numbers)}
    assert doubts(seen) == [["framing"]] * len(seen.exchanges)
    again = (("s", reply(b"", b"408 Request Timeout")), ("c", asking(0x5200)), ("s", answering(0x5200)))
    seen = watch(conversation(*said, *shifted, *again))
    assert once(seen)[-1] == ("5200", "both", None)
    assert doubts(seen)[:-1] == [["framing"]] * (len(seen.exchanges) - 1)


def test_h5_a_reply_before_the_whole_request_does_not_say_how_it_is_framed() -> None:
    """A server may reply before it has read all: what follows the smuggled request is in doubt for all that."""
    body = chunked(ocsp.request(ocsp.cert_id(FIRST)))
    fields = TYPE + b"request\r\nContent-Length: %d\r\n" % len(body + asking(NEXT)) + CHUNKED + b"\r\n\r\n"
    said = [("c", HEAD + fields + body), ("s", answering(FIRST)), ("c", asking(NEXT))]
    seen = watch(conversation(*said, ("c", asking(0x5100)), ("s", answering(0x5100))))
    assert doubts(seen) == [["framing"]] * 4
    seen = watch(conversation(*said, ("s", answering(NEXT)), ("c", asking(0x5100)), ("s", answering(0x5100))))
    assert once(seen)[2:] == [("5100", "both", None)]


def test_h5_a_request_before_the_whole_reply_does_not_say_how_that_is_framed() -> None:
    """The client asks for the next while the reply comes in which that is smuggled: the true one is in doubt."""
    body, fields = MORE["in a chunked body"]
    first = b"HTTP/1.1 200 OK\r\n" + TYPE + b"response\r\n" + fields + b"\r\n\r\n" + body + SMUGGLED
    true = answering(NEXT, ocsp.revoked())
    said = (("c", asking(FIRST)), ("s", first[:300]), ("c", asking(NEXT)), ("s", first[300:]), ("s", true))
    seen = watch(conversation(*said))
    assert statuses(seen) == [*BOTH, ("0C0FFEE0", "revoked")]
    assert doubts(seen)[2] == ["framing"]
