"""Clients that do not run here, spelled as the reference describes them, and GET in every spelling."""

from __future__ import annotations

from urllib.parse import quote

from pcaps.lab import capturefile, wire
from pcaps.lab.crafting import Crafted, Workshop
from pcaps.lab.fennwick import HOST, answer, cert, page, row, single
from pcaps.lab.frames import Talk, packets
from pcaps.lab.truth import Exchange

WORKSHOP = Workshop("ocsp")
CACHING = (
    'ETag: "AA4C20F68BAA6A95EFB4A058CA68C5FBED5A5EB283A6647052F0EA118CDE7E43"',
    "Last-Modified: Thu, 01 Oct 2026 03:00:00 GMT", "Expires: Thu, 08 Oct 2026 08:00:00 GMT",
    "Cache-Control: max-age=604800, public, no-transform, must-revalidate",
)  # fmt: skip


def finished(talk: Talk, rows: list[Exchange], readable: bool = True) -> Crafted:
    """Close the connection, write the file."""
    return Crafted(capturefile.pcap(packets(talk.close().segments)), rows, readable)


def _target(der: bytes, prefix: str = "/") -> str:
    return prefix + quote(wire.base64_text(der), safe="")


def _get(
    talk: Talk,
    target: str,
    nickname: str,
    *,
    agent: str | None = None,
    headers: tuple[str, ...] = (),
    null: bool = True,
    host: str = HOST,
) -> Exchange:
    """One GET answered good; the same CertID is in both."""
    about = cert(nickname, null=null)
    question = wire.http_request("GET", target, host, agent=agent, headers=headers)
    ts = talk.ask(question)
    talk.answer(wire.http_reply(answer(single(about)), headers=CACHING))
    return row(talk, ts, about, method="GET", uri=target, agent=agent, host=host)


@WORKSHOP.piece(
    "trustd-2.1-explicit-version.pcap", "Apple trustd 2.1: `version [0] v1` is encoded although it is the default"
)
def trustd_2() -> Crafted:
    talk, rows = Talk().open(), []
    for nickname in ("harbour", "debts"):
        target = _target(wire.request(cert(nickname), version=0))
        headers = (
            "X-Apple-Request-UUID: 0DDBA11D-2F5C-4E0B-9D40-2B1A7C66E0F1",
            "Accept: */*",
            "Accept-Language: en-us",
        )
        rows.append(_get(talk, target, nickname, agent="com.apple.trustd/2.1", headers=headers))
    return finished(talk, rows)


@WORKSHOP.piece(
    "trustd-3.0-no-null.pcap",
    "Apple trustd 3.0: no version, AlgorithmIdentifier without NULL; asks about the intermediate too",
)
def trustd_3() -> Crafted:
    from pcaps.lab.fennwick import CA, ROOT

    talk = Talk().open()
    headers = (
        "X-Apple-Request-UUID: 5EA5C0DE-7731-49F2-8B7A-10C24B1D6A35",
        "Accept: */*",
        "Accept-Language: en-GB,en;q=0.9",
    )
    target = _target(wire.request(cert("tenants", null=False)))
    rows = [_get(talk, target, "tenants", agent="com.apple.trustd/3.0", headers=headers, null=False)]
    about = wire.cert_of(ROOT, CA.issued, null=False)
    target = _target(wire.request(about), "/root/")
    ts = talk.ask(wire.http_request("GET", target, HOST, agent="com.apple.trustd/3.0", headers=headers))
    talk.answer(wire.http_reply(answer(single(about))))
    rows.append(row(talk, ts, about, method="GET", uri=target, agent="com.apple.trustd/3.0"))
    return finished(talk, rows)


@WORKSHOP.piece(
    "ocspd-cfnetwork-post.pcap", "old Mac OS X: the User-Agent names the model of the machine, POST under a path"
)
def ocspd() -> Crafted:
    talk, about = Talk().open(), cert("harbour")
    agent = "ocspd (unknown version) CFNetwork/520.4.3 Darwin/11.4.0 (x86_64) (iMac12%2C1)"
    body = wire.request(about, version=0)
    ts = talk.ask(wire.http_request("POST", "/ocsp-devid02", HOST, agent=agent, body=body))
    talk.answer(wire.http_reply(answer(single(about))))
    return finished(talk, [row(talk, ts, about, uri="/ocsp-devid02", agent=agent)])


@WORKSHOP.piece(
    "cryptoapi-conditional.pcap",
    "Windows: GET, later the same with If-None-Match and If-Modified-Since: 304 without a body",
)
def cryptoapi() -> Crafted:
    talk, agent = Talk().open(), "Microsoft-CryptoAPI/10.0"
    headers = ("Connection: Keep-Alive", "Accept: */*")
    target = _target(wire.request(cert("debts")))
    rows = [_get(talk, target, "debts", agent=agent, headers=headers)]
    talk.pause(45)
    conditions = (f"If-None-Match: {CACHING[0].partition(' ')[2]}", "If-Modified-Since: Thu, 01 Oct 2026 03:00:00 GMT")
    ts = talk.ask(wire.http_request("GET", target, HOST, agent=agent, headers=(*headers, *conditions)))
    talk.answer(wire.http_reply(status="304 Not Modified", content_type=None, headers=CACHING, length=False))
    rows.append(
        row(
            talk,
            ts,
            cert("debts"),
            method="GET",
            uri=target,
            agent=agent,
            http_status=304,
            response_status=None,
            cert_status=None,
            evidence=None,
        )
    )
    return finished(talk, rows)


@WORKSHOP.piece("java-8-double-slash.pcap", "older Java: `//` because the AIA URL ends in a slash and it adds one")
def java() -> Crafted:
    talk = Talk().open()
    headers = ("Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "Connection: keep-alive")
    return finished(
        talk, [_get(talk, _target(wire.request(cert("debts")), "//"), "debts", agent="Java/1.8.0_181", headers=headers)]
    )


def _spelling(name: str, shows: str, target: str, readable: bool = False, host: str = HOST) -> None:
    @WORKSHOP.piece(name, shows)
    def make() -> Crafted:
        """The spelling, then an ordinary page on the same connection."""
        talk = Talk().open()
        rows = [_get(talk, target, "awkward", host=host)]
        talk.ask(wire.http_request("GET", "/MFA/photos/IMG_0001.jpg", HOST))
        talk.answer(page())
        return finished(talk, rows, readable)


TEXT = wire.base64_text(wire.request(cert("awkward")))
ESCAPED = quote(TEXT, safe="")
_spelling(
    "get-lower-case-escapes.pcap",
    "GET with `%2f %2b %3d` in lower case",
    "/" + ESCAPED.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    True,
)
_spelling("get-raw.pcap", "GET with raw `/ // + =` in the base64", "/" + TEXT, True)
_spelling(
    "get-base64url.pcap",
    "GET in the base64url alphabet without padding",
    "/" + TEXT.translate({43: "-", 47: "_"}).rstrip("="),
)
_spelling("get-no-padding.pcap", "GET with the padding left out", "/" + quote(TEXT.rstrip("="), safe=""))
_spelling("get-double-encoded.pcap", "GET percent-encoded twice (`%252F`)", "/" + quote(ESCAPED, safe=""))
_spelling(
    "get-space-for-plus.pcap",
    "GET whose `+` became `%20`, as form decoding does",
    "/" + quote(TEXT.replace("+", " "), safe=""),
)
_spelling(
    "get-collapsed-slash.pcap",
    "GET raw, `//` inside the base64 collapsed to `/` by a proxy: a sextet is missing",
    "/" + TEXT.replace("//", "/"),
)
_spelling(
    "get-newline.pcap",
    "GET with a newline after every 64 characters and at the end (`%0A`)",
    "/" + quote(TEXT[:64] + "\n" + TEXT[64:] + "\n", safe=""),
)
_spelling("get-query-string.pcap", "GET with a query string after the base64", f"/{ESCAPED}?cache=no")
_spelling(
    "get-path-prefix.pcap", "GET raw under a path of several parts", f"/gsorganizationvalsha2g2/ocsp/{TEXT}", True
)
_spelling("get-absolute-form.pcap", "GET with an absolute-form target on port 80", f"http://{HOST}/{ESCAPED}", True)
_spelling(
    "get-host-with-port.pcap",
    "GET whose Host has a port and upper case",
    "/" + ESCAPED,
    True,
    "OCSP.Fennwick.Example:80",
)


@WORKSHOP.piece("get-look-alikes.pcap", "paths that begin like base64 of a SEQUENCE and are none: no OCSP")
def look_alikes() -> Crafted:
    talk = Talk().open()
    for target in (
        "/MEDIA/Archive2026/index.html",
        "/MII/MIIC",
        "/M",
        "/MFEwTzBNMEswSTAJBgUrDgMCGgUABBT",
        "/MIGxMIGuMIGr",
        "//MAA=",
        "/MAA%3D",
    ):
        talk.ask(wire.http_request("GET", target, "www.magazine.example"))
        talk.answer(page())
    return finished(talk, [])
