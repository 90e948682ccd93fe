"""Rows H6 to H17: HTTP as servers and clients will have it, and as nobody should. Framing is in test_http_framing."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from urllib.parse import quote

import brotli
import pytest
import zstandard

from sensor.settings import HttpSettings, Settings
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import TYPE, Watched, answering, asking, conversation, watch, watch_files
from tests.http.wire import get, reply
from tests.ocsp import wire as ocsp

ROWS = {
    "H1": Row(
        "HTTP Evader: replies made to be misread",
        guards=(Guard("sensor/http/head.py", "clean = parse_content_length(value)", "clean = 0, True"),),
        note="All cases, and those not recovered by name: `http/test_reader_evader.py`",
    ),
    "H2": Row(
        "odd messages octet by octet: the same as all at once",
        guards=(
            Guard(
                "sensor/http/reader.py",
                "        if end < 0:\n            return side.keep(data, pos)\n        read_odd",
                "        if end < 0:\n            end = len(data)\n        read_odd",
            ),
            Guard(
                "sensor/http/chunks.py",
                "        if pos + 1 == len(data):\n            return side.keep(data, pos)\n",
                "",
            ),
        ),
    ),
    "H6": Row(
        "pipelining, more requests outstanding than are remembered",
        ("http.max_pending",),
        ("HTTP_excessive_pipelining",),
        (Guard("sensor/http/pairing.py", "if len(self.pending) >= self.max_pending:", "if False:"),),
    ),
    "H7": Row(
        "100, 102, 103 before the reply, thousands of them",
        ("http.max_informational",),
        ("HTTP_excessive_informational",),
        guards=(
            Guard(
                "sensor/http/reader.py",
                "elif exchange.informational == self._settings.max",
                "elif 0 == self._settings.max",
            ),
            Guard(
                "sensor/http/reader.py",
                "if 100 <= status < 200 and not (status == 101",
                "if False and not (status == 101",
            ),
        ),
    ),
    "H8": Row(
        "HEAD, 204, 304 with a length; CONNECT, 101",
        ("http.max_tunnels",),
        counters=(
            "protocol_data_with_HTTP_CONNECT_reply",
            "protocol_data_with_HTTP_upgrade_reply",
            "HTTP_excessive_tunnels",
        ),
        guards=(
            Guard(
                "sensor/http/reader.py", "if exchange.head_only or status in (204, 304):", "if status in (204, 304):"
            ),
            Guard("sensor/http/reader.py", "if exchange.head_only or status in (204, 304):", "if exchange.head_only:"),
            Guard("sensor/http/reader.py", "messages.tunnels < self._settings.max_tunnels", "True"),
            Guard("sensor/http/messages.py", "self.certain = self.keep_alive = False", "self.keep_alive = False"),
            Guard(
                "sensor/http/reader.py",
                "if status == 101 or (exchange.connect and 200 <= status < 300):",
                "if status == 101:",
            ),
            Guard(
                "sensor/http/reader.py",
                "if status == 101 or (exchange.connect and 200 <= status < 300):",
                "if exchange.connect and 200 <= status < 300:",
            ),
        ),
        note="The weirds tell of what comes with the reply, as Zeek's; what comes later is counted in conn.log, unread",
    ),
    "H9": Row(
        "a body that lasts until the connection ends, by FIN or not",
        guards=(
            Guard("sensor/http/reader.py", "messages.end(side, how == FIN, ts)", "pass"),
            Guard("sensor/http/content.py", "if is_whole_object(kept):", "if False:"),
        ),
    ),
    "H10": Row(
        "a line of 1 MB, 100,000 fields, endless folds, empty lines",
        (
            "http.max_line_bytes",
            "http.max_target_bytes",
            "http.max_header_bytes",
            "http.max_headers",
            "http.max_trailer_bytes",
        ),
        (
            "HTTP_header_too_large",
            "HTTP_too_many_headers",
            "HTTP_trailer_too_large",
            "contentline_size_exceeded",
            "empty_http_request",
        ),
        (
            Guard("sensor/http/reader.py", "side.spoke = True  # what follows", "pass  # what follows"),
            Guard(
                "sensor/http/reader.py", "if (end if end >= 0 else len(data)) - pos > settings", "if False and settings"
            ),
            Guard("sensor/http/head.py", "    if len(line) > max_line:", "    if False:"),
            Guard("sensor/http/head.py", "    if count > max_fields:", "    if False:"),
            Guard("sensor/http/chunks.py", "if side.need > messages.settings.max_trailer_bytes", "if False"),
            Guard(
                "sensor/http/reader.py", "if stop >= 0 and stop - pos <= settings.max_target_bytes:", "if stop >= 0:"
            ),
            Guard(
                "sensor/http/reader.py",
                "too_long = (line_end if line_end >= 0 else len(data)) - pos > settings.max_target_bytes",
                "too_long = False",
            ),
        ),
        tests=("http/test_reader.py::test_a_trailer_beyond_the_limit",),
    ),
    "H11": Row(
        "gzip, deflate with and without its wrapping, br, zstd, two over each other, bombs, lies",
        ("http.max_inflated_bytes", "http.max_inflate_ratio", "http.max_codings"),
        (
            "HTTP_compression_bomb",
            "HTTP_too_many_codings",
            "HTTP_content_coding_not_applied",
            "HTTP_content_coding_cut",
            "unknown_content_coding",
        ),
        guards=(
            Guard("sensor/http/body.py", "if self.length > most or (", "if ("),
            Guard("sensor/http/body.py", "self.length > self.fed * settings.max_inflate_ratio", "False"),
            Guard("sensor/http/body.py", "if len(codings) > self.settings.max_codings:", "if False:"),
        ),
        tests=("http/test_body.py::test_a_kept_body_expands_less_than_one_that_is_counted",),
    ),
    "H12": Row(
        "OCSP under another type, or none, or another's under its type",
        counters=("ocsp_content_type_mismatch",),
        guards=(
            Guard("sensor/ocsp/exchange.py", "        if label != _RESPONSE_TYPE:\n", "        if False:\n"),
            Guard(
                "sensor/ocsp/exchange.py",
                "if not claimed and found.asked is None and not _credible(reply, len(octets)):",
                "if label != _RESPONSE_TYPE:",
                "a reply is believed by its label alone",
            ),
        ),
    ),
    "H13": Row(
        "GET in all spellings",
        ("ocsp.max_get_bytes",),
        ("ocsp_get_undecodable", "ocsp_message_too_large"),
        (
            Guard("sensor/ocsp/exchange.py", '"ocsp_get_undecodable"', '"odd"'),
            Guard("sensor/ocsp/exchange.py", "if request.method in _BODILESS:", "if False:"),
            Guard("sensor/ocsp/carriage.py", "begin = max(len(target) - limits.max_get_bytes, 0)", "begin = 0"),
        ),
        "A GET that asks in its body, too, asks both, and is ambiguous: responders go by the path (RFC 9110 9.3.1).",
    ),
    "H14": Row(
        "a range of a reply; 304 to a GET",
        guards=(
            Guard("sensor/http/messages.py", "if side.status == 206 and not side.is_orig:", "if False:"),
            Guard("sensor/http/messages.py", "            and side.status != 206\n", ""),
            Guard("sensor/ocsp/exchange.py", "if claimed and response.status_code != 206:", "if claimed:"),
        ),
    ),
    "H15": Row(
        "HTTP/0.9, HTTP/2, TLS, SSH, DNS on port 80",
        counters=("non_http_on_port_80", "unknown_HTTP_method"),
        guards=(Guard("sensor/http/refusal.py", '"non_http_on_port_80"', '"odd"'),),
    ),
    "H16": Row(
        "NUL, bare CR, 8-bit octets, in names and values",
        counters=("line_terminated_with_single_CR", "NUL_in_line"),
        guards=(
            Guard("sensor/http/head.py", "    if _has_bare_cr(block):\n", "    if False:\n"),
            Guard("sensor/http/head.py", "    if 0x00 in name:", "    if False:"),
            Guard("sensor/http/grammar.py", "return name, value.strip(BLANKS)", "return name, value.strip()"),
            Guard(
                "sensor/logs/encode.py",
                'return raw.decode("latin-1").translate(_ESCAPED)\n    if _BAD',
                'return raw.decode("latin-1")\n    if _BAD',
            ),
        ),
    ),
    "H17": Row(
        "two Hosts, one that is not the target's, IPv6, a port, 70 KB, none",
        ("http.max_header_bytes",),
        ("host_header_ambiguous", "ambiguous: host"),
        guards=(
            Guard("sensor/http/head.py", "head.doubts |= HOST", "pass"),
            Guard("sensor/http/messages.py", "self.check_authority(side, head.host, target, ts)", "pass"),
        ),
    ),
}
EICAR = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
FIRST, NEXT = 0x0BADCAFE, 0x0C0FFEE0
BODY = ocsp.response(ocsp.basic(ocsp.single(ocsp.cert_id(FIRST))))
RESPONSE = TYPE + b"response"
PATH = b"/" + base64.b64encode(ocsp.request(ocsp.cert_id(FIRST)))
THEN = (("c", asking(NEXT)), ("s", answering(NEXT)))
NEXT_TOLD = ("0C0FFEE0", "good", "both")


def heard(*talk: tuple[str, bytes]) -> Watched:
    return watch(conversation(*talk))


def told(seen: Watched) -> list[tuple[object, object, object]]:
    return [(row.get("serial_number"), row.get("cert_status"), row["evidence"]) for row in seen.exchanges]


def statuses(seen: Watched) -> list[tuple[object, object]]:
    return [(row.get("method"), row.get("status_code")) for row in seen.of("http")]


@pytest.mark.needs("shared/corpus/http_evader.json")
def test_h1_http_evader(shared: Path) -> None:
    """From the capture to files.log: at least 95 of 100 have the body that a browser sees."""
    settings = Settings(http=HttpSettings(hash_bodies="all"))
    cases = json.loads((shared / "corpus" / "http_evader.json").read_text())
    found = 0
    for case in cases:
        path = shared / "corpus" / "captures" / "OISF_suricata-verify" / case / "input.pcap"
        seen, _ = watch_files(path, settings=settings)
        found += EICAR in {row.get("sha256") for row in seen.logs.get("files", [])}
    assert len(cases) > 200
    assert found >= 0.95 * len(cases)


ODD = (
    b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\nContent-Length: 5,5\n\nhello",
    b"GET  /  HTTP/1.1\r\nHost : a\r\n folded\r\n\r\n",
    b"get / http/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\xff\r\n\r\n",
)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_h2_octet_by_octet_is_all_at_once(odd: bytes) -> None:
    talk = (("c", odd), ("s", reply(b"x")), *THEN)
    whole, bytewise = watch(conversation(*talk)), watch(conversation(*talk, segment=1))
    assert told(bytewise) == told(whole)
    assert statuses(bytewise) == statuses(whole)
    assert sorted(bytewise.weirds) == sorted(whole.weirds)


def pipelined(count: int) -> Watched:
    return heard(
        ("c", b"".join(map(asking, range(1, count + 1)))), ("s", b"".join(map(answering, range(1, count + 1))))
    )


def test_h6_pipelined_within_the_limit() -> None:
    assert told(pipelined(100)) == [(f"{number:02X}", "good", "both") for number in range(1, 101)]


def test_h6_beyond_it_nothing_is_paired_by_guess() -> None:
    """All questions and all answers are told, each by itself where it is not sure whose it is."""
    seen = pipelined(120)
    assert "HTTP_excessive_pipelining" in seen.weirds
    for what in (("request", "both"), ("response", "both")):
        assert {row["serial_number"] for row in seen.exchanges if row["evidence"] in what} == {
            f"{number:02X}" for number in range(1, 121)
        }
    assert not [row for row in seen.exchanges if row["evidence"] == "mismatch"]


@pytest.mark.parametrize("times", [1, 10, 3000])
def test_h7_informational_replies(times: int) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\n" * times + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    seen = heard(("c", asking(FIRST)), ("s", early + answering(FIRST)), *THEN)
    assert told(seen) == [("0BADCAFE", "good", "both"), NEXT_TOLD]
    assert statuses(seen)[-2:] == [("POST", 200), ("POST", 200)]
    assert len(statuses(seen)) <= 2 + 10
    assert ("HTTP_excessive_informational" in seen.weirds) == (times >= 10)


@pytest.mark.parametrize(
    ("asked", "status"),
    [(b"HEAD", b"200 OK"), (b"GET", b"204 No Content"), (b"GET", b"304 Not Modified")],
    ids=["HEAD", "204", "304"],
)
def test_h8_no_body_whatever_the_length(asked: bytes, status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 500\r\n\r\n"
    assert told(heard(("c", asked + b" / HTTP/1.1\r\nHost: a\r\n\r\n"), ("s", head), *THEN)) == [NEXT_TOLD]


CONNECT = ("c", b"CONNECT a.example:80 HTTP/1.1\r\n\r\n"), ("s", b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_h8_http_in_a_tunnel_is_read_down_to_a_limit(depth: int) -> None:
    """Whoever is on the path to the proxy reads it, too (frames of our own; no proxy stands behind them)."""
    seen = heard(*CONNECT * depth, *THEN)
    assert told(seen) == ([NEXT_TOLD] if depth <= 2 else [])
    assert statuses(seen)[:depth] == [("CONNECT", 200)] * depth
    assert seen.weirds == (() if depth <= 2 else ("HTTP_excessive_tunnels",))
    assert told(watch(conversation(*CONNECT, *THEN), Settings(http=HttpSettings(max_tunnels=0)))) == []


@pytest.mark.parametrize(
    "hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 99]
)
@pytest.mark.parametrize("who", ["c", "s"])
def test_h8_other_tunnels_are_not_read(hello: bytes, who: str) -> None:
    seen = heard(*CONNECT, (who, hello), *THEN)
    assert told(seen) == []
    assert statuses(seen) == [("CONNECT", 200)]
    assert seen.weirds == ()


def test_h8_data_with_the_reply_that_opens_a_tunnel_or_upgrades() -> None:
    first, then = CONNECT
    seen = heard(first, (then[0], then[1] + b"SSH-2.0-x\r\n"), *THEN)
    assert told(seen) == []
    assert seen.weirds == ("protocol_data_with_HTTP_CONNECT_reply",)
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nrest"
    seen = heard(("c", get(b"/", b"Upgrade: x")), ("s", upgrade), ("c", b"\x81\5hello"), ("s", b"\x81\5hello"))
    assert statuses(seen) == [("GET", 101)]
    assert seen.weirds == ("protocol_data_with_HTTP_upgrade_reply",)


@pytest.mark.parametrize("close", [True, False])
def test_h9_until_the_end(close: bool) -> None:
    """Without FIN the whole message is there all the same: DER says where it ends."""
    talk = (("c", asking(FIRST)), ("s", b"HTTP/1.1 200 OK\r\n" + RESPONSE + b"\r\n\r\n" + BODY))
    assert told(watch(conversation(*talk, close=close))) == [("0BADCAFE", "good", "both")]


BOMBS = {
    "target": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "line": b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\nHost: x\r\n\r\n",
    "fields": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"Host: x\r\n\r\n",
    "folds": b"GET / HTTP/1.1\r\nX: y\r\n" + b" z\r\n" * 100_000 + b"Host: x\r\n\r\n",
    "small fields": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"Host: x\r\n\r\n",
    "a long field": b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\nHost: x\r\n\r\n",
}
OTHER_BOMBS = {"small fields": "HTTP_too_many_headers", "a long field": "contentline_size_exceeded"}
"""Which weird it is that is not HTTP_header_too_large."""


@pytest.mark.parametrize("bomb", BOMBS)
def test_h10_a_head_too_large(bomb: str) -> None:
    """It is told, and the exchange behind it is read."""
    seen = heard(("c", BOMBS[bomb]), ("s", reply(b"x")), *THEN)
    assert told(seen) == [NEXT_TOLD]
    assert OTHER_BOMBS.get(bomb, "HTTP_header_too_large") in seen.weirds


def test_h10_behind_a_long_request_line_a_message_begins_anywhere() -> None:
    """Not only where a segment does: who began so speaks HTTP."""
    seen = heard(("c", BOMBS["target"] + asking(NEXT)), ("s", reply(b"x") + answering(NEXT)))
    assert ("0C0FFEE0", None, "request") in told(seen)


@pytest.mark.parametrize("segment", [100, 1400, 10_000])
@pytest.mark.parametrize("length", [900, 1100, 5000])
def test_h10_a_request_line_has_a_limit_of_its_own(length: int, segment: int) -> None:
    settings = Settings(http=HttpSettings(max_target_bytes=1000))
    long = get(b"/" + b"a" * (length - len("GET / HTTP/1.1")))
    seen = watch(conversation(("c", long), ("s", reply(b"x")), *THEN, segment=segment), settings)
    assert told(seen) == [NEXT_TOLD]
    assert ("HTTP_header_too_large" in seen.weirds) is (length > 1000)


def test_h10_empty_lines_before_a_request() -> None:
    seen = heard(("c", b"\r\n" * 100_000 + asking(NEXT)), ("s", answering(NEXT)))
    assert told(seen) == [NEXT_TOLD]
    assert seen.weirds == ("empty_http_request",)


PACKED = gzip.compress(BODY, mtime=0)
CODED: dict[str, tuple[bytes, bytes, tuple[str, ...]]] = {
    "gzip": (b"gzip", PACKED, ()),
    "x-gzip": (b"x-gzip", PACKED, ()),
    "deflate": (b"deflate", zlib.compress(BODY), ()),
    "bare deflate": (b"deflate", zlib.compress(BODY)[2:-4], ()),
    "br": (b"br", brotli.compress(BODY), ()),
    "zstd": (b"zstd", zstandard.compress(BODY), ()),
    "two": (b"gzip, gzip", gzip.compress(PACKED, mtime=0), ()),
    "garbage behind": (b"gzip", PACKED + b"garbage", ()),
    "not applied": (b"gzip", BODY, ("HTTP_content_coding_not_applied",)),
    "unknown": (b"lzma", BODY, ("unknown_content_coding",)),
}


@pytest.mark.parametrize("name", CODED)
def test_h11_coded_replies(name: str) -> None:
    coding, body, weirds = CODED[name]
    seen = heard(("c", asking(FIRST)), ("s", reply(body, RESPONSE, b"Content-Encoding: " + coding)), *THEN)
    assert told(seen) == [("0BADCAFE", "good", "both"), NEXT_TOLD]
    assert seen.weirds == weirds


def test_h11_bombs_and_towers() -> None:
    bomb = gzip.compress(b"\x30\x84\x10\0\0\0" + bytes(50_000_000), mtime=0)
    tower = gzip.compress(gzip.compress(PACKED, mtime=0), mtime=0)
    for coding, body, weird in (
        (b"gzip", bomb, "HTTP_compression_bomb"),
        (b"gzip, gzip, gzip", tower, "HTTP_too_many_codings"),
    ):
        seen = heard(("c", asking(FIRST)), ("s", reply(body, RESPONSE, b"Content-Encoding: " + coding)), *THEN)
        assert told(seen) == [("0BADCAFE", None, "request"), NEXT_TOLD]
        assert weird in seen.weirds


def test_h12_types_that_are_not_believed() -> None:
    for field in (b"X: y", b"Content-Type: text/html", b"Content-Type: application/octet-stream"):
        seen = heard(("c", asking(FIRST)), ("s", reply(BODY, field)))
        assert told(seen) == [("0BADCAFE", "good", "both")]
        assert seen.weirds == ("ocsp_content_type_mismatch",)
    seen = heard(("c", asking(FIRST)), ("s", reply(BODY, b"Content-Type: Application/OCSP-Response ; charset=x")))
    assert (told(seen), seen.weirds) == ([("0BADCAFE", "good", "both")], ())
    seen = heard(("c", asking(FIRST)), ("s", reply(b"<html>no</html>", RESPONSE)))
    assert (told(seen), seen.weirds) == ([("0BADCAFE", None, "request")], ("ocsp_content_type_mismatch",))


SPELLINGS = {
    "plain": PATH,
    "percent": PATH.replace(b"+", b"%2B").replace(b"=", b"%3D"),
    "lower case": PATH.replace(b"=", b"%3d"),
    "slashes": b"/" + PATH[1:].replace(b"/", b"%2F"),
    "twice percent": PATH.replace(b"=", b"%253D").replace(b"+", b"%252B"),
    "no padding": PATH.rstrip(b"="),
    "url-safe": b"/" + PATH[1:].replace(b"+", b"-").replace(b"/", b"_"),
    "a prefix": b"/ocsp/r3" + PATH,
    "a query": PATH + b"?x=1",
    "absolute": b"http://ocsp.example" + PATH,
    "two slashes": b"/" + PATH,
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_h13_get_in_all_spellings(name: str) -> None:
    seen = heard(("c", get(SPELLINGS[name])), ("s", reply(BODY, RESPONSE)))
    assert told(seen) == [("0BADCAFE", "good", "both")]


@pytest.mark.parametrize("path", [b"/MEdia/logo.png", b"/MAIN.css", b"/M" + b"A" * 60 + b".jpg", b"/" + b"M" * 5000])
def test_h13_other_paths_are_no_ocsp(path: bytes) -> None:
    seen = heard(("c", get(path)), ("s", reply(b"x")))
    assert told(seen) == []
    assert "ocsp_get_undecodable" not in seen.weirds


def test_h13_what_is_odd_about_what_a_get_asks_in_its_body_is_told() -> None:
    body = ocsp.request(ocsp.cert_id(b"\x11" * 21))
    asked = get(PATH, TYPE + b"request", b"Content-Length: %d" % len(body)) + body
    seen = heard(("c", asked), ("s", reply(BODY, RESPONSE)))
    assert "ocsp_odd_serial" in seen.weirds
    assert [row["serial_number"] for row in seen.exchanges] == ["0BADCAFE", "11" * 21]


def test_h13_what_is_too_long_is_not_looked_at() -> None:
    seen = heard(("c", get(PATH + b"?" + b"x" * 17_000)), ("s", reply(BODY, RESPONSE)))
    assert [row["evidence"] for row in seen.exchanges] == ["response"]
    assert "ocsp_message_too_large" in seen.weirds and "ocsp_get_undecodable" not in seen.weirds


@pytest.mark.parametrize(
    ("asked", "told", "limit"),
    [(60, 60, set()), (150, 64, {"asn1_limit"}), (240, 0, {"ocsp_message_too_large"})],
)
def test_h13_a_get_that_asks_for_many(asked: int, told: int, limit: set[str]) -> None:
    """In 5, 14 and 22 kB: a limit is told by its own name."""
    der = ocsp.request(*[ocsp.cert_id(serial) for serial in range(1, asked + 1)])
    seen = heard(("c", get(b"/ocsp/" + quote(base64.b64encode(der), safe="").encode())), ("s", reply(b"x")))
    assert len(seen.exchanges) == told
    assert {name for name in seen.weirds if name.startswith(("ocsp_", "asn1_"))} == limit


def test_h13_what_looks_like_one_and_is_none_is_told() -> None:
    seen = heard(("c", get(PATH[:30] + b"!" * 20)), ("s", reply(b"x")))
    assert (told(seen), seen.weirds) == ([], ("ocsp_get_undecodable",))


def test_h13_a_get_with_another_request_in_its_body() -> None:
    body = ocsp.request(ocsp.cert_id(NEXT))
    seen = heard(
        ("c", get(PATH, TYPE + b"request", b"Content-Length: %d" % len(body)) + body), ("s", reply(BODY, RESPONSE))
    )
    assert told(seen) == [("0BADCAFE", "good", "both"), ("0C0FFEE0", None, "request")]
    assert [row.get("ambiguous") for row in seen.exchanges] == [["framing"]] * 2


def test_h14_a_part_and_nothing() -> None:
    part = reply(BODY[:50], RESPONSE, b"Content-Range: bytes 0-49/%d" % len(BODY), status=b"206 Partial Content")
    range_of_more = b"Content-Range: bytes 0-%d/%d" % (len(BODY) - 1, len(BODY) + 100)
    more = reply(BODY, RESPONSE, range_of_more, status=b"206 Partial Content")
    called_all = reply(BODY[:50], RESPONSE, b"Content-Range: bytes 0-49/50", status=b"206 Partial Content")
    for answer, status in ((part, 206), (more, 206), (called_all, 206), (reply(status=b"304 Not Modified"), 304)):
        seen = heard(("c", get(PATH)), ("s", answer))
        assert told(seen) == [("0BADCAFE", None, "request")]
        assert seen.exchanges[0]["http_status"] == status
        assert seen.weirds == ()


OTHERS: dict[str, tuple[tuple[tuple[str, bytes], ...], str]] = {
    "TLS": ((("c", b"\x16\x03\x01\x02\0\1" + bytes(500)), ("s", b"\x16\x03\x03" + bytes(500))), "non_http_on_port_80"),
    "SSH": ((("s", b"SSH-2.0-x\r\n"), ("c", b"SSH-2.0-y\r\n")), "non_http_on_port_80"),
    "DNS": ((("c", b"\0\x1d\xab\xcd\1\0\0\1" + bytes(20)), ("s", bytes(60))), "non_http_on_port_80"),
    "HTTP/2": ((("c", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50)), ("s", bytes(50))), "unknown_HTTP_method"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_h15_other_protocols(name: str) -> None:
    talk, weird = OTHERS[name]
    seen = heard(*talk)
    assert told(seen) == []
    assert seen.weirds.count(weird) == 1


def test_h15_http_0_9() -> None:
    seen = heard(("c", b"GET /\r\n"), ("s", b"<html>hello"))
    assert [(row["method"], row["uri"], row["response_body_len"]) for row in seen.of("http")] == [("GET", "/", 11)]


@pytest.mark.parametrize(
    "field",
    [
        b"X\0Y: z",
        b"X: a\0b",
        b"X: a\rb",
        b"X: a\rY: b",
        b"X: \x85v\xa0",
        b"X: \xff\xfe",
        b"X\xc3\xa9: y",
        b": z",
        b"X",
        b" X: y",
    ],
    ids=ascii,
)
def test_h16_octets_that_do_not_belong_there(field: bytes) -> None:
    agent = b"User-Agent: \x0ba\xff\0b\x85\xe2\x80\xa8\x0c \t"
    seen = heard(("c", get(b"/", field, agent)), ("s", reply(b"x", field)), *THEN)
    assert told(seen) == [NEXT_TOLD]
    assert seen.of("http")[0]["user_agent"] == "\\x0ba\\xff\\x00b\\x85\\xe2\\x80\\xa8\f"
    assert ("line_terminated_with_single_CR" in seen.weirds) is (b"\r" in field)
    assert ("NUL_in_line" in seen.weirds) is field.startswith(b"X\0")


HOSTS: tuple[tuple[bytes, object, tuple[str, ...]], ...] = (
    (b"Host: a.example\r\nHost: b.example\r\n", "a.example", ("host_header_ambiguous",)),
    (b"Host: [2001:db8::1]:80\r\n", "[2001:db8::1]:80", ()),
    (b"Host: a.example:8080\r\n", "a.example:8080", ()),
    (b"Host:\r\n", "", ()),
    (b"", None, ()),
    (b"Host: " + b"h" * 70_000 + b"\r\n", None, ("HTTP_header_too_large",)),
)


@pytest.mark.parametrize(("fields", "host", "weirds"), HOSTS, ids=["two", "IPv6", "port", "empty", "none", "70 KB"])
def test_h17_hosts(fields: bytes, host: object, weirds: tuple[str, ...]) -> None:
    seen = heard(("c", b"GET " + PATH + b" HTTP/1.1\r\n" + fields + b"\r\n"), ("s", reply(BODY, RESPONSE)))
    assert [(row.get("host"), row["serial_number"]) for row in seen.exchanges] == [(host, "0BADCAFE")]
    assert seen.weirds == weirds


@pytest.mark.parametrize(
    ("target", "fields", "doubts"),
    [
        (PATH, b"Host: a.example\r\nHost: b.example\r\n", ["host"]),
        (b"http://b.example" + PATH, b"Host: a.example\r\n", ["host"]),
        (b"http://A.example:80" + PATH, b"Host: a.example\r\n", None),
        (PATH, b"Host: a.example\r\nHost: a.example\r\n", None),
    ],
    ids=["two", "absolute", "the same", "twice the same"],
)
def test_h17_whom_an_ocsp_request_is_for(target: bytes, fields: bytes, doubts: object) -> None:
    """A server goes by the target (RFC 9112 section 3.2.2); `host` stays the field, as in http.log, `uri` has both."""
    seen = heard(("c", b"GET " + target + b" HTTP/1.1\r\n" + fields + b"\r\n"), ("s", reply(BODY, RESPONSE)))
    assert [(row["host"], row.get("ambiguous")) for row in seen.exchanges] == [("a.example", doubts)]
    assert seen.weirds == (("host_header_ambiguous",) if doubts else ())


def test_h11_coded_and_cut() -> None:
    """The message is whole, what is coded in it is not."""
    cut = gzip.compress(BODY, mtime=0)[:-20]
    seen = heard(("c", asking(FIRST)), ("s", reply(cut, RESPONSE, b"Content-Encoding: gzip")), *THEN)
    assert seen.weirds == ("HTTP_content_coding_cut",)
    assert told(seen)[1] == NEXT_TOLD
