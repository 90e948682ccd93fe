"""sensor.ocsp.exchange: HTTP transactions in, exchanges and weirds out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.transaction import Ambiguity, BodyFile, HttpRequest, HttpResponse, HttpTransaction, NotKept
from sensor.ocsp.carriage import decode_get_readings
from sensor.ocsp.exchange import OcspDecoder
from sensor.ocsp.model import CertStatus, Evidence, OcspExchange
from sensor.settings import OcspSettings
from sensor.weird import FlowId, Weird
from tests.ocsp.wire import SHA256, UNKNOWN, basic, cert_id, extension, gtime, request, response, single

FLOW = FlowId("Cuid", "192.0.2.1", 40000, "198.51.100.1", 80)
REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"
ASK = request(cert_id(7))
ANSWER = response(basic(single(cert_id(7))))


def body(content: bytes | NotKept, label: str | None, *, is_orig: bool, mime: str | None = None) -> BodyFile:
    size = len(content) if isinstance(content, bytes) else 0
    fuid = "Forig" if is_orig else "Fresp"
    return BodyFile(fuid, is_orig, 0, 1, 2, mime, label, None, size, size, 0, 0, False, content)


def ask(
    content: bytes | NotKept | None = None,
    label: str | None = REQUEST_TYPE,
    *,
    target: bytes = b"/",
    method: bytes | None = None,
    host: bytes | None = b"ocsp.example",
    mime: str | None = None,
) -> HttpRequest:
    files = () if content is None else (body(content, label, is_orig=True, mime=mime),)
    method = method or (b"GET" if content is None else b"POST")
    return HttpRequest(1000, method, target, "1.1", host, b"agent/1", (), files, 0, True)


def reply(
    content: bytes | NotKept | None = None,
    label: str | None = RESPONSE_TYPE,
    *,
    code: int = 200,
    mime: str | None = None,
) -> HttpResponse:
    files = () if content is None else (body(content, label, is_orig=False, mime=mime),)
    return HttpResponse(2000, "1.1", code, b"OK", (), files, 0, True)


def feed(
    asked: HttpRequest | None, answered: HttpResponse | None, **limits: int
) -> tuple[list[OcspExchange], list[Weird]]:
    events = OcspDecoder(OcspSettings(**limits)).feed(HttpTransaction(FLOW, 1000, 1, asked, answered))
    exchanges = [event for event in events if isinstance(event, OcspExchange)]
    weirds = [event for event in events if isinstance(event, Weird)]
    assert events == [*exchanges, *weirds]
    assert all(weird.source == "OCSP" and weird.flow == FLOW for weird in weirds)
    return exchanges, weirds


def names(weirds: list[Weird]) -> list[str]:
    return [weird.name for weird in weirds]


def get(der: bytes) -> bytes:
    return b"/" + base64.b64encode(der).replace(b"/", b"%2F").replace(b"+", b"%2B").replace(b"=", b"%3D")


def test_a_post_and_its_reply() -> None:
    (exchange,), weirds = feed(ask(ASK, target=b"/ocsp"), reply(ANSWER))
    assert weirds == []
    assert exchange.evidence is Evidence.both
    assert exchange.cert_id is not None
    assert exchange.cert_id.serial_number == "07"
    assert exchange.single is not None
    assert exchange.single.cert_status is CertStatus.good
    assert (exchange.flow, exchange.ts, exchange.response_ts) == (FLOW, 1000, 2000)
    assert (exchange.method, exchange.host, exchange.uri) == ("POST", b"ocsp.example", b"/ocsp")
    assert (exchange.user_agent, exchange.http_version, exchange.http_status) == (b"agent/1", "1.1", 200)
    assert (exchange.orig_fuid, exchange.resp_fuid, exchange.traits) == ("Forig", "Fresp", frozenset())
    assert exchange.request is not None
    assert exchange.request.cert_ids == (exchange.cert_id,)
    assert exchange.response is not None
    assert exchange.response.responses == (exchange.single,)


def test_a_get_and_its_reply() -> None:
    (exchange,), weirds = feed(ask(target=b"/ocsp/" + get(ASK)), reply(ANSWER))
    assert weirds == []
    assert (exchange.evidence, exchange.method, exchange.orig_fuid) == (Evidence.both, "GET", None)
    assert exchange.uri == b"/ocsp/" + get(ASK)
    assert exchange.traits == {"path_prefix", "double_slash"}


@pytest.mark.parametrize("method", [b"HEAD", b"POST", b"get", b"\xff"])
def test_a_target_counts_whatever_the_method(method: bytes) -> None:
    (exchange,), _ = feed(ask(target=get(ASK), method=method), None)
    assert exchange.method == method.decode("latin-1")
    assert exchange.evidence is Evidence.request


def test_no_ocsp_no_events() -> None:
    assert feed(ask(target=b"/index.html", host=b"www.example"), reply(b"<html>", "text/html")) == ([], [])
    assert feed(ask(b"0123456789", "text/plain"), reply(b"0", "text/plain")) == ([], [])
    assert feed(None, reply(b"0\x03\x02\x01\x05", "application/octet-stream")) == ([], [])
    assert feed(None, None) == ([], [])


def test_halves() -> None:
    (alone,), weirds = feed(ask(ASK), None)
    assert (alone.evidence, alone.single, alone.response, alone.http_status) == (Evidence.request, None, None, None)
    assert (alone.response_ts, alone.resp_fuid, weirds) == (None, None, [])
    (alone,), weirds = feed(None, reply(ANSWER))
    assert (alone.evidence, alone.request, alone.ts, alone.response_ts) == (Evidence.response, None, 2000, 2000)
    assert (alone.method, alone.host, alone.uri, alone.user_agent, alone.http_version) == (None,) * 5
    assert alone.cert_id is not None
    assert names(weirds) == ["ocsp_unmatched_response"]


def test_not_modified() -> None:
    """Windows asks with If-None-Match: the certificate leaks though no reply has a body."""
    (exchange,), weirds = feed(ask(target=get(ASK)), reply(code=304))
    assert (exchange.evidence, exchange.http_status, exchange.response) == (Evidence.request, 304, None)
    assert (exchange.response_ts, weirds) == (2000, [])


@pytest.mark.parametrize("status", [1, 2, 3, 5, 6])
def test_error_replies(status: int) -> None:
    (exchange,), weirds = feed(ask(ASK), reply(response(status=status)))
    assert (exchange.evidence, exchange.single, weirds) == (Evidence.request, None, [])
    assert exchange.response is not None
    assert exchange.response.status == status
    assert exchange.resp_fuid == "Fresp"
    (exchange,), weirds = feed(None, reply(response(status=status)))
    assert (exchange.evidence, exchange.cert_id, weirds) == (Evidence.response, None, [])


@pytest.mark.parametrize(
    ("content", "addl"),
    [
        (response(status=4), "4"),
        (response(status=99), "99"),
        (response(), "successful without responseBytes"),
        (response(basic(), status=6), "6 with responseBytes"),
    ],
)
def test_illegal_statuses(content: bytes, addl: str) -> None:
    (exchange,), (weird,) = feed(ask(ASK), reply(content))
    assert (weird.name, weird.addl, weird.ts) == ("ocsp_illegal_status", addl, 2000)
    assert exchange.response is not None


def test_several_certificates() -> None:
    answers = response(basic(single(cert_id(2), UNKNOWN), single(cert_id(1))))
    exchanges, weirds = feed(ask(request(cert_id(1), cert_id(2), cert_id(3), cert_id(1))), reply(answers))
    assert [(each.cert_id and each.cert_id.serial_number, each.evidence) for each in exchanges] == [
        ("01", Evidence.both),
        ("02", Evidence.both),
        ("03", Evidence.request),
    ]
    assert exchanges[1].single is not None
    assert exchanges[1].single.cert_status is CertStatus.unknown
    assert exchanges[0].request is exchanges[2].request
    assert weirds == []


def test_a_reply_about_something_else() -> None:
    exchanges, (weird,) = feed(ask(ASK), reply(response(basic(single(cert_id(8))))))
    assert [(each.cert_id and each.cert_id.serial_number, each.evidence) for each in exchanges] == [
        ("07", Evidence.mismatch),
        ("08", Evidence.mismatch),
    ]
    assert exchanges[0].single is None
    assert exchanges[1].single is not None
    assert (weird.name, weird.addl, weird.ts) == ("ocsp_unmatched_response", "08", 2000)


def test_a_reply_that_says_more_than_was_asked() -> None:
    exchanges, (weird,) = feed(ask(ASK), reply(response(basic(*(single(cert_id(i)) for i in range(7, 13))))))
    assert [each.evidence for each in exchanges] == [Evidence.both, *[Evidence.mismatch] * 5]
    assert weird.addl == "08,09,0A and 2 more"


def test_sha1_and_sha256_in_one_reply() -> None:
    answers = response(basic(single(cert_id(7)), single(cert_id(7, SHA256, name_hash=b"n" * 32, key_hash=b"k" * 32))))
    (exchange,), weirds = feed(ask(ASK), reply(answers))
    assert (exchange.evidence, weirds) == (Evidence.both, [])
    assert exchange.response is not None
    assert exchange.response.responses_total == 2


def test_conflicting_answers() -> None:
    (exchange,), (weird,) = feed(ask(ASK), reply(response(basic(single(cert_id(7)), single(cert_id(7), UNKNOWN)))))
    assert exchange.single is not None
    assert exchange.single.cert_status is CertStatus.good  # the first, as Zeek
    assert (weird.name, weird.addl) == ("ocsp_conflicting_status", "07")


def test_an_empty_request() -> None:
    (exchange,), (weird,) = feed(ask(request()), reply(response(status=1)))
    assert (exchange.cert_id, exchange.evidence) == (None, Evidence.request)
    assert (weird.name, weird.ts) == ("ocsp_empty_request", 1000)


def test_a_reply_without_answers() -> None:
    (exchange,), weirds = feed(None, reply(response(basic())))
    assert (exchange.cert_id, exchange.evidence, weirds) == (None, Evidence.response, [])
    (exchange,), weirds = feed(ask(ASK), reply(response(basic())))
    assert (exchange.evidence, weirds) == (Evidence.request, [])


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        (None, "None"),
        ("text/html", "text/html"),
        ("application/octet-stream; x=1", "application/octet-stream"),
        (RESPONSE_TYPE, RESPONSE_TYPE),
    ],
)
def test_a_request_by_its_content(label: str | None, shown: str) -> None:
    (exchange,), (weird,) = feed(ask(ASK, label), reply(ANSWER))
    assert exchange.evidence is Evidence.both
    assert (weird.name, weird.addl) == ("ocsp_content_type_mismatch", f"{shown}: OCSP request")


@pytest.mark.parametrize("label", ["Application/OCSP-Response", " application/ocsp-response ; charset=utf-8"])
def test_labels_in_other_letters(label: str) -> None:
    (exchange,), weirds = feed(ask(ASK, REQUEST_TYPE.upper()), reply(ANSWER, label))
    assert (exchange.evidence, weirds) == (Evidence.both, [])


def test_a_reply_by_its_content() -> None:
    (exchange,), (weird,) = feed(ask(ASK), reply(ANSWER, "text/html"))
    assert exchange.evidence is Evidence.both
    assert (weird.name, weird.addl) == ("ocsp_content_type_mismatch", "text/html: OCSP reply")
    error = response(status=6)
    assert feed(ask(ASK), reply(error, None))[0][0].response is not None
    assert feed(None, reply(error, None))[0][0].response is not None
    assert feed(None, reply(error + b"x", None)) == ([], [])
    assert feed(None, reply(response(status=99), None)) == ([], [])
    assert feed(None, reply(response(), None)) == ([], [])


def test_html_labelled_as_ocsp() -> None:
    """A captive portal, or a C2 profile that poses as a responder."""
    (exchange,), (weird,) = feed(ask(ASK), reply(b"<html>"))
    assert (exchange.evidence, exchange.response) == (Evidence.request, None)
    assert (weird.name, weird.addl) == ("ocsp_content_type_mismatch", f"{RESPONSE_TYPE}: not DER")
    exchanges, (weird,) = feed(ask(b"hello"), reply(None))
    assert exchanges == []
    assert weird.addl == f"{REQUEST_TYPE}: not DER"


def test_what_claims_to_be_ocsp_and_does_not_decode() -> None:
    exchanges, (weird,) = feed(ask(ASK[:-1]), None)
    assert exchanges == []
    assert (weird.name, weird.addl, weird.ts) == ("openssl_ocsp_request_parse_error", "truncated", 1000)
    (exchange,), (weird,) = feed(ask(ASK), reply(ANSWER[:-1]))
    assert exchange.response is None
    assert (weird.name, weird.addl, weird.ts) == ("openssl_ocsp_response_parse_error", "truncated", 2000)
    assert feed(ask(ASK[:-1], "text/plain"), reply(ANSWER[:-1], "text/plain")) == ([], [])
    assert names(feed(ask(ASK[:-1], None, mime=REQUEST_TYPE), None)[1]) == ["openssl_ocsp_request_parse_error"]
    assert names(feed(None, reply(ANSWER[:-1], None, mime=RESPONSE_TYPE))[1]) == ["openssl_ocsp_response_parse_error"]


def test_a_range_of_a_reply() -> None:
    (exchange,), weirds = feed(ask(ASK), reply(ANSWER[:100], code=206))
    assert (exchange.response, exchange.http_status, weirds) == (None, 206, [])


@pytest.mark.parametrize("why", NotKept)
def test_a_body_that_is_not_there_decides_nothing(why: NotKept) -> None:
    told = ["ocsp_message_too_large"] if why is NotKept.TOO_LARGE else []
    exchanges, weirds = feed(ask(why), reply(why))
    assert (exchanges, names(weirds)) == ([], told * 2)
    (exchange,), weirds = feed(ask(target=get(ASK)), reply(why))
    assert (exchange.evidence, exchange.response, names(weirds)) == (Evidence.request, None, told)
    (exchange,), weirds = feed(ask(why), reply(ANSWER))
    assert (exchange.evidence, exchange.request, exchange.host) == (Evidence.response, None, b"ocsp.example")
    lost = why not in {NotKept.EMPTY, NotKept.UNWANTED}  # then it may well have been asked for
    assert names(weirds) == (told if lost else ["ocsp_unmatched_response"])


def test_trailing_data() -> None:
    (exchange,), weirds = feed(ask(ASK + b"\r\n"), reply(ANSWER + bytes(1000)))
    assert exchange.evidence is Evidence.both
    assert [(weird.name, weird.addl, weird.ts) for weird in weirds] == [
        ("ocsp_trailing_data", "request: 2 bytes", 1000),
        ("ocsp_trailing_data", "reply: 1000 bytes", 2000),
    ]


def test_limits_are_told() -> None:
    many = request(*(cert_id(i) for i in range(70)))
    exchanges, (weird,) = feed(ask(many), None)
    assert (len(exchanges), weird.name, weird.addl) == (64, "asn1_limit", "request: 70 CertIDs")
    _, (weird,) = feed(ask(ASK, mime=REQUEST_TYPE), None, max_bytes=50)
    assert (weird.name, weird.addl) == ("asn1_limit", "message too large")
    exts = tuple(extension(f"1.2.{i}", b"") for i in range(100))
    _, weirds = feed(ask(request(cert_id(7), exts=exts)), reply(response(basic(single(cert_id(7)), exts=exts))))
    assert [weird.addl for weird in weirds] == ["request: extensions", "reply: list"]
    answers = response(basic(*(single(cert_id(i)) for i in range(70))))
    _, weirds = feed(None, reply(answers))
    assert "asn1_limit" in names(weirds)


def test_bad_times_are_told() -> None:
    bad = response(basic(single(cert_id(7), this=gtime("never")), produced=gtime("20261301000000Z")))
    (exchange,), (weird,) = feed(ask(ASK), reply(bad))
    assert (weird.name, weird.addl) == ("ocsp_bad_time", "20261301000000Z")
    assert exchange.single is not None
    assert exchange.single.this_update is None


def test_a_get_that_cannot_be_read() -> None:
    cut = get(ASK)[:60]
    exchanges, (weird,) = feed(ask(target=cut, host=b"www.example"), None)
    assert exchanges == []
    assert (weird.name, weird.addl, weird.ts) == ("ocsp_get_undecodable", None, 1000)
    (exchange,), weirds = feed(ask(target=cut), reply(ANSWER))
    assert (exchange.evidence, exchange.request, exchange.uri) == (Evidence.response, None, cut)
    assert names(weirds) == ["ocsp_get_undecodable"]


@pytest.mark.parametrize("target", [b"/MFUwxxxxxxxxxxxxxxxxxxxxxxx", b"/ocsp/MHAwxxxxxxxxxxxxxxxxxxxxxxx"])
def test_a_get_that_looks_like_one_only_at_a_responder(target: bytes) -> None:
    assert names(feed(ask(target=target), None)[1]) == ["ocsp_get_undecodable"]
    elsewhere = feed(ask(target=target, host=b"cdn.example"), reply(b"GIF89a", "image/gif"))
    assert names(elsewhere[1]) == (["ocsp_get_undecodable"] if b"ocsp" in target else [])
    for answered in (reply(response(status=1)), reply(ANSWER, "text/plain")):
        assert "ocsp_get_undecodable" in names(feed(ask(target=target, host=None), answered)[1])


def test_of_several_parts_the_first_counts() -> None:
    first, second = ask(ASK), ask(request(cert_id(8)))
    both = HttpRequest(1000, b"POST", b"/", "1.1", None, None, (), (*first.files, *second.files), 0, True)
    answers = (*reply(ANSWER).files, *reply(response(status=6)).files)
    (exchange,), weirds = feed(both, HttpResponse(2000, "1.1", 200, b"OK", (), answers, 0, True))
    assert exchange.evidence is Evidence.both
    assert weirds == []


def test_the_reply_decides_where_merged_slashes_leave_it_open() -> None:
    serial = b"\x3f\xff\xff\xff\x0f\xff\xff\xff"  # two runs of slashes in the base64: which one was longer?
    for fill in range(64):
        asked = cert_id(serial + bytes([fill]) * 6, key_hash=b"k" * (18 + fill % 3))
        blob = base64.b64encode(request(asked))
        merged = blob.replace(b"//", b"/", 1)
        target = b"/" + merged
        exchanges, weirds = feed(ask(target=target), reply(response(basic(single(asked)))))
        if merged != blob and [each.evidence for each in exchanges] == [Evidence.both]:
            assert weirds == []
            alone, told = feed(ask(target=target), None)
            if not alone:
                assert told[0].addl is not None
                assert told[0].addl.endswith(" readings")
                assert "collapsed_slash" in exchanges[0].traits
                readings = decode_get_readings(target, OcspSettings())
                ids = [cert_id for reading, _ in readings for cert_id in reading.cert_ids]
                assert len(ids) > 1
                all_of_them = [
                    single(
                        cert_id(
                            int(each.serial_number, 16),
                            name_hash=each.issuer_name_hash,
                            key_hash=each.issuer_key_hash,
                        )
                    )
                    for each in ids
                ]
                alone, told = feed(ask(target=target), reply(response(basic(*all_of_them))))
                assert {each.evidence for each in alone} == {Evidence.response}
                assert names(told) == ["ocsp_get_undecodable"]
                return
    pytest.fail("no ambiguous case was made")


@given(st.data())
def test_whatever_the_bytes(data: st.DataObject) -> None:
    def damaged(whole: bytes) -> bytes:
        changed = bytearray(whole)
        for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
            changed[place] = data.draw(st.integers(0, 255))
        return bytes(changed)[: data.draw(st.integers(0, len(whole)))]

    asked = ask(damaged(ASK)) if data.draw(st.booleans()) else ask(target=damaged(get(ASK)))
    exchanges, _ = feed(asked, reply(damaged(ANSWER)))
    for exchange in exchanges:
        assert (exchange.evidence is Evidence.both) == (exchange.request is not None and exchange.single is not None
                                                        and exchange.cert_id in exchange.request.cert_ids)  # fmt: skip


def decoded(decoder: OcspDecoder, asked: HttpRequest | None, answered: HttpResponse | None) -> OcspExchange:
    (exchange,) = decoder.feed(HttpTransaction(FLOW, 1000, 1, asked, answered))
    assert isinstance(exchange, OcspExchange)
    return exchange


def test_equal_messages_are_one_record_and_others_are_not() -> None:
    decoder = OcspDecoder(OcspSettings())
    first = decoded(decoder, ask(ASK), reply(ANSWER))
    again = decoded(decoder, ask(bytes(bytearray(ASK))), reply(bytes(bytearray(ANSWER))))
    assert again == first
    assert again.request is first.request
    assert again.response is first.response
    other = decoded(decoder, ask(request(cert_id(8))), reply(response(basic(single(cert_id(8))))))
    assert other.cert_id is not None
    assert other.cert_id.serial_number == "08"
    by_get = decoded(decoder, ask(target=get(ASK)), None)
    assert decoded(decoder, ask(target=bytes(bytearray(get(ASK)))), None).request is by_get.request


def test_what_is_remembered_is_bounded() -> None:
    decoder = OcspDecoder(OcspSettings())
    for serial in range(1, 1100):
        asked = request(cert_id(serial))
        decoded(decoder, ask(asked), reply(response(basic(single(cert_id(serial))))))
        decoded(decoder, ask(target=get(asked)), None)
    for memory in (decoder._requests, decoder._targets, decoder._replies):
        assert 0 < len(memory) <= 1024
    kept = len(decoder._replies)
    large = request(*[cert_id(serial) for serial in range(100)])
    assert len(large) > 4096
    decoder.feed(HttpTransaction(FLOW, 1000, 1, ask(large), None))
    assert large not in decoder._requests
    roomy = OcspDecoder(OcspSettings())
    target = b"/" + b"x" * 5000 + get(ASK)
    assert decoded(roomy, ask(target=target), None) == decoded(roomy, ask(target=target), None)
    assert target not in roomy._targets
    assert len(decoder._replies) == kept


DECOY = request(cert_id(9))


def get_with_body(
    content: bytes, *, answered: bytes | None = None
) -> list[tuple[str | None, object, str | None, object]]:
    """Serial number, evidence, fuid of the request's body, and in what it is ambiguous."""
    path = b"/" + base64.b64encode(ASK)
    answer = None if answered is None else reply(answered)
    events, _ = feed(ask(content, target=path, method=b"GET"), answer)
    return [
        (event.cert_id and event.cert_id.serial_number, event.evidence, event.orig_fuid, event.ambiguous)
        for event in events
    ]


def test_a_get_asks_in_its_path_and_perhaps_in_its_body() -> None:
    """RFC 9110 section 9.3.1: content of a GET has no meaning of its own."""
    doubt = (Ambiguity.framing,)
    assert get_with_body(DECOY) == [
        ("07", Evidence.request, None, doubt),
        ("09", Evidence.request, "Forig", doubt),
    ]
    assert get_with_body(DECOY, answered=ANSWER) == [
        ("07", Evidence.both, None, doubt),
        ("09", Evidence.request, "Forig", doubt),
    ]
    assert get_with_body(DECOY, answered=response(basic(single(cert_id(9))))) == [
        ("07", Evidence.request, None, doubt),
        ("09", Evidence.both, "Forig", doubt),
    ]


def test_a_body_of_a_get_that_says_nothing_else_is_no_doubt() -> None:
    for content in (ASK, b"x=1", b"\x30\x00"):
        assert get_with_body(content, answered=ANSWER) == [("07", Evidence.both, None, ())]


def test_a_get_that_asks_in_its_body_alone() -> None:
    events, _ = feed(ask(ASK, method=b"GET"), reply(ANSWER))
    assert [(event.evidence, event.orig_fuid, event.ambiguous) for event in events] == [
        (Evidence.both, "Forig", (Ambiguity.framing,))
    ]


def test_where_neither_path_nor_body_of_a_get_was_answered() -> None:
    path = b"/" + base64.b64encode(ASK)
    events, weirds = feed(ask(DECOY, target=path, method=b"GET"), reply(response(basic(single(cert_id(5))))))
    assert [event.evidence for event in events] == [Evidence.mismatch] * 3
    assert [weird.name for weird in weirds] == ["ocsp_unmatched_response"]
