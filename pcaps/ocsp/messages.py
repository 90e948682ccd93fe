"""Scenarios with `openssl ocsp` and curl: what the messages can say, and how a GET may be spelled."""

from __future__ import annotations

import base64
from urllib.parse import quote

from pcaps.ocsp.bench import BRIGHTMERE, LARKFIELD, Bench, Said, scenario

LARKFIELD_CERT = ("-issuer", "a-ca.pem", "-cert")


def _ask(bench: Bench, nickname: str, *options: str, url: str = LARKFIELD) -> None:
    issuer = ("-issuer", "b-ca.pem", "-cert") if url == BRIGHTMERE else LARKFIELD_CERT
    bench.openssl(*issuer, f"{nickname}.pem", "-url", url, *options)


def _target(bench: Bench, nickname: str, encode: bool) -> str:
    text = base64.b64encode(bench.request(nickname).read_bytes()).decode()
    return quote(text, safe="") if encode else text


@scenario("openssl-post-good", "POST with the default nonce, answered good by a delegated signer, nonce echoed")
def post_good(bench: Bench) -> list[Said]:
    _ask(bench, "clinic")
    return [bench.said("clinic")]


@scenario("openssl-port-2560", "straight to the responder on its own port 2560, HTTP/1.0 on both sides")
def port_2560(bench: Bench) -> list[Said]:
    _ask(bench, "jobs", url="http://ocsp.larkfield.example:2560/")
    return [bench.said("jobs")]


@scenario("openssl-no-nonce", "POST without extensions")
def no_nonce(bench: Bench) -> list[Said]:
    _ask(bench, "clinic", "-no_nonce")
    return [bench.said("clinic")]


@scenario("openssl-four-certids", "one request about four certificates: good, revoked, unknown, and one repeated")
def four_certids(bench: Bench) -> list[Said]:
    certs = [word for name in ("council", "outlet", "ghost", "council") for word in ("-cert", f"{name}.pem")]
    bench.openssl("-issuer", "a-ca.pem", *certs, "-url", LARKFIELD)
    council = bench.said("council")
    return [council, bench.said("outlet", "revoked"), bench.said("ghost", "unknown"), council]


@scenario("openssl-two-issuers", "one request about certificates of two issuers; the responder knows one of them")
def two_issuers(bench: Bench) -> list[Said]:
    second = ("-issuer", "b-ca.pem", "-cert", "union.pem")
    bench.openssl(*LARKFIELD_CERT, "clinic.pem", *second, "-url", LARKFIELD)
    return [bench.said("clinic"), bench.said("union", "unknown")]


@scenario("openssl-revoked", "revoked with time and reason keyCompromise")
def revoked(bench: Bench) -> list[Said]:
    _ask(bench, "outlet")
    return [bench.said("outlet", "revoked")]


@scenario("openssl-revoked-hold", "revoked with reason certificateHold, ECDSA signature, no certificate in the reply")
def revoked_hold(bench: Bench) -> list[Said]:
    _ask(bench, "paused", url=BRIGHTMERE)
    return [bench.said("paused", "revoked")]


@scenario("openssl-unknown", "a serial that the responder has never heard of")
def unknown(bench: Bench) -> list[Said]:
    _ask(bench, "ghost")
    return [bench.said("ghost", "unknown")]


@scenario(
    "openssl-high-bit-serial", "a serial whose first bit is set: DER puts a zero octet before it; path prefix /ee/"
)
def high_bit(bench: Bench) -> list[Said]:
    _ask(bench, "union", url=BRIGHTMERE)
    return [bench.said("union")]


@scenario("openssl-expired-reply", "a reply whose nextUpdate is five days past", "faketime")
def expired(bench: Bench) -> list[Said]:
    bench.displaced(2565, "-12d")
    _ask(bench, "clinic", "-no_nonce", url="http://ocsp-slow.larkfield.example/")
    return [bench.said("clinic")]


@scenario("openssl-future-reply", "a reply whose thisUpdate is two days ahead", "faketime")
def future(bench: Bench) -> list[Said]:
    bench.displaced(2566, "+2d")
    _ask(bench, "clinic", "-no_nonce", url="http://ocsp-early.larkfield.example/")
    return [bench.said("clinic")]


@scenario("openssl-foreign-issuer", "asked about another CA's certificate, OpenSSL's responder says unknown")
def foreign(bench: Bench) -> list[Said]:
    bench.openssl("-issuer", "b-ca.pem", "-cert", "union.pem", "-url", LARKFIELD)
    return [bench.said("union", "unknown")]


@scenario("openssl-sha256-certid", "CertID hashes and signature with SHA-256, as RFC 9919 demands")
def sha256(bench: Bench) -> list[Said]:
    bench.openssl("-sha256", *LARKFIELD_CERT, "clinic.pem", "-no_nonce", "-url", LARKFIELD)
    return [bench.said("clinic")]


@scenario("openssl-mixed-certids", "one certificate three times, by SHA-1, SHA-256 and SHA-384 CertIDs")
def mixed(bench: Bench) -> list[Said]:
    per_hash = [word for name in ("-sha1", "-sha256", "-sha384") for word in (name, "-cert", "jobs.pem")]
    bench.openssl("-issuer", "a-ca.pem", *per_hash, "-no_nonce", "-url", LARKFIELD)
    return [bench.said("jobs")] * 3


@scenario(
    "openssl-signed-request", "a signed request: requestorName and the signer's certificate name the person who asks"
)
def signed(bench: Bench) -> list[Said]:
    _ask(bench, "clinic", "-signer", "person.pem", "-signkey", "person.key")
    return [bench.said("clinic")]


@scenario("openssl-issuer-asked", "an intermediate is asked about, its serial is 07; reply signed by the root itself")
def issuer_asked(bench: Bench) -> list[Said]:
    bench.openssl(
        "-issuer", "bright-root.pem", "-cert", "bright-ca.pem", "-url", "http://ocsp.brightmere.example/root/"
    )  # fmt: skip
    return [bench.said("bright-ca")]


@scenario("openssl-ipv6", "over IPv6; the certificate is for two IP addresses")
def ipv6(bench: Bench) -> list[Said]:
    _ask(bench, "address", url="http://ocsp6.larkfield.example/")
    return [bench.said("address")]


@scenario("openssl-ipv6-literal", "over IPv6, the Host header is an address in brackets")
def ipv6_literal(bench: Bench) -> list[Said]:
    _ask(bench, "address", url="http://[2001:db8:80::10]/")
    return [bench.said("address")]


@scenario(
    "openssl-unauthorized",
    "a Go responder on port 8888 with pre-produced replies: one answered, one it does not have",
    "cfssl",
)
def unauthorized(bench: Bench) -> list[Said]:
    start_cfssl(bench)
    for nickname in ("clinic", "jobs"):
        _ask(bench, nickname, url="http://ocsp.cedar-gate.example:8888/")
    return [bench.said("clinic"), bench.said("jobs", None, "unauthorized")]


@scenario(
    "curl-get-redirected",
    "the same Go responder: `//` in the target is redirected (301), then the GET refused (400)",
    "cfssl",
)
def redirected(bench: Bench) -> list[Said]:
    start_cfssl(bench)
    url = f"http://ocsp.cedar-gate.example:8888//{_target(bench, 'clinic', encode=False)}"
    bench.client.run("curl", "-sL", "-o", "/dev/null", url)
    return [bench.said("clinic", None, None)] * 2


def start_cfssl(bench: Bench) -> None:
    """cfssl's responder with one pre-produced reply, once a bench."""
    responses = bench.folder / "responses"
    if not responses.exists():
        reply = base64.b64encode((bench.folder / "clinic-resp.der").read_bytes())
        responses.write_bytes(reply + b"\n")
        bench.lab.servers.start(
            "cfssl", "ocspserve", "-address", "198.51.100.12", "-port", "8888", "-responses", str(responses)
        )
        bench.lab.servers.wait_http("http://198.51.100.12:8888/")


for _status in ("malformedrequest", "internalerror", "trylater", "sigrequired"):

    @scenario(f"openssl-{_status}", f"error reply {_status}")
    def error(bench: Bench, status: str = _status) -> list[Said]:
        _ask(bench, "clinic", url=f"http://ocsp-cdn.larkfield.example/{status}")
        return [bench.said("clinic", None, status)]


@scenario(
    "curl-garbage",
    "DER that is no OCSP request, sent as one: OpenSSL answers 400 without a length, then 200 with malformedrequest",
)
def garbage(bench: Bench) -> list[Said]:
    (bench.folder / "garbage.der").write_bytes(
        bytes([0x30, 48, 0x30, 46]) + bytes(46)
    )  # whole, or OpenSSL waits for the rest
    bench.client.run(
        "curl", "-s", "-m", "5", "-o", "/dev/null", "-H", "Content-Type: application/ocsp-request", "--data-binary",
        "@garbage.der", "http://ocsp.larkfield.example:2560/",
    )  # fmt: skip
    return []  # the second status line is the body of the first reply, which has no OCSP type


@scenario("curl-get-encoded", "GET, percent-encoded in upper case, then in lower case")
def get_encoded(bench: Bench) -> list[Said]:
    upper = _target(bench, "clinic", encode=True)
    lower = upper.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
    bench.client.run("curl", "-s", "-o", "/dev/null", LARKFIELD + upper, "-o", "/dev/null", LARKFIELD + lower)
    return [bench.said("clinic")] * 2


@scenario("curl-get-raw", "GET with raw / + = in the target, then with // before it")
def get_raw(bench: Bench) -> list[Said]:
    target = _target(bench, "council", encode=False)
    bench.client.run("curl", "-s", "-o", "/dev/null", LARKFIELD + target, "-o", "/dev/null", f"{LARKFIELD}/{target}")
    return [bench.said("council")] * 2


@scenario("curl-conditional-304", "GET, then the same with If-None-Match: 304, a leak without a reply to decode")
def conditional(bench: Bench) -> list[Said]:
    url = f"http://ocsp-cdn.larkfield.example/clinic/{_target(bench, 'clinic', encode=True)}"
    agent = ("-A", "Microsoft-CryptoAPI/10.0")
    bench.client.run("curl", "-s", *agent, "-o", "/dev/null", "--etag-save", "etag", url)
    bench.client.run("curl", "-s", *agent, "-o", "/dev/null", "--etag-compare", "etag", url)
    return [bench.said("clinic"), bench.said("clinic", None, None)]


@scenario("curl-keepalive-two-cas", "one connection, certificates of two CAs by POST, GET and POST")
def keepalive(bench: Bench) -> list[Said]:
    bench.openssl("-issuer", "b-ca.pem", "-cert", "cdn.pem", "-no_nonce", "-reqout", "cdn-req.der")
    host = "http://ocsp.trusthub.example"
    post = ("-H", "Content-Type: application/ocsp-request", "-s", "-o", "/dev/null", "--data-binary")
    bench.client.run(
        "curl", *post, f"@{bench.request('clinic')}", f"{host}/larkfield/", "--next", "-s", "-o", "/dev/null",
        f"{host}/larkfield/{_target(bench, 'outlet', encode=True)}", "--next", *post, "@cdn-req.der",
        f"{host}/brightmere/",
    )  # fmt: skip
    return [bench.said("clinic"), bench.said("outlet", "revoked"), bench.said("cdn")]


@scenario("curl-proxy-3128", "absolute-form targets through a proxy on port 3128, two CAs on one connection")
def through_proxy(bench: Bench) -> list[Said]:
    bench.openssl("-issuer", "b-ca.pem", "-cert", "union.pem", "-no_nonce", "-reqout", "union-req.der")
    union = quote(base64.b64encode((bench.folder / "union-req.der").read_bytes()).decode(), safe="")
    bench.client.run(
        "curl", "-s", "-x", "http://proxy.office.example:3128", "-o", "/dev/null",
        LARKFIELD + _target(bench, "clinic", encode=True), "-o", "/dev/null", BRIGHTMERE + union,
    )  # fmt: skip
    return [bench.said("clinic"), bench.said("union")]
