"""Which program asked: a guess from the user agent and from how the request is made, each row with its evidence.

The answer is one of `VOCABULARY`, or "Y (claims X)", both of it, where X, which the user agent names, cannot have
made the request. A user agent is unauthenticated text, and how a request is spelled is easily copied: this is a hint,
no proof. Captures named as evidence are those in pcaps/ocsp.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sensor.ocsp.model import OcspExchange

UNKNOWN: Final = "unknown"
ACCEPTABLE_RESPONSES: Final = "1.3.6.1.5.5.7.48.1.4"  # RFC 6960 4.4.3

_MAX_REMEMBERED = 1024
_MAX_AGENT_BYTES = 512


class Habits(msgspec.Struct, frozen=True, gc=False):
    """How one request was made, apart from what it asks. `nonce_octets` is None without a nonce."""

    method: str
    http_version: str | None
    port_in_host: bool  # Host names port 80, which nobody needs to name
    explicit_version: bool
    null_parameters: bool
    nonce_octets: int | None
    acceptable_responses: bool


class Shape(msgspec.Struct, frozen=True, gc=False):
    """What all requests of some software have in common; None where they vary or nothing is known."""

    method: str | None = None
    http_version: str | None = None
    port_in_host: bool | None = None
    explicit_version: bool | None = None
    null_parameters: bool | None = None
    nonce_octets: tuple[int | None, ...] | None = None
    acceptable_responses: bool | None = None

    def fits(self, habits: Habits) -> bool:
        return (
            self.method in (None, habits.method)
            and self.http_version in (None, habits.http_version)
            and self.port_in_host in (None, habits.port_in_host)
            and self.explicit_version in (None, habits.explicit_version)
            and self.null_parameters in (None, habits.null_parameters)
            and (self.nonce_octets is None or habits.nonce_octets in self.nonce_octets)
            and self.acceptable_responses in (None, habits.acceptable_responses)
        )


class Agent(msgspec.Struct, frozen=True, gc=False):
    """A user agent that begins with (or, if not `at_start`, holds) `mark` claims to be `software`."""

    mark: bytes
    software: str
    shape: Shape = Shape()
    at_start: bool = True
    evidence: str = ""


# mozilla::pkix pkixocsp.cpp writes one fixed form: SHA-1 with NULL, no extensions; BoringSSL's pki/ocsp.cc likewise.
_BROWSER = Shape(explicit_version=False, null_parameters=True, nonce_octets=(None,))
_TRUSTD_2 = Shape(explicit_version=True, null_parameters=True)

# The first row that fits is taken.
AGENTS: Final = (
    Agent(
        b"com.apple.trustd/1", "Apple trustd 1", evidence="Apple SecRevocationNetworking: the agent of valid.apple.com"
    ),
    Agent(
        b"com.apple.trustd/2", "Apple trustd 2", _TRUSTD_2, evidence="pyca/cryptography#6688; citizenlab/test-lists#622"
    ),
    # Samples (elastic/integrations#9602) also leave out NULL; too few to hold a request with NULL for forged.
    Agent(b"com.apple.trustd/3", "Apple trustd 3", Shape(explicit_version=False), evidence="elastic/integrations#9602"),
    Agent(b"com.apple.trustd/", "Apple trustd"),
    Agent(b"ocspd", "Apple ocspd", evidence="Mac OS X 10.7: ocspd (unknown version) CFNetwork/520 Darwin/11.4"),
    Agent(
        b"Microsoft-CryptoAPI/",
        "Windows CryptoAPI",
        Shape(explicit_version=False, null_parameters=True),
        evidence="suricata-verify tls-subjectaltname: 19 requests of CryptoAPI/6.1",
    ),
    Agent(b"CertUtil URL Agent", "Windows certutil"),
    Agent(b"stunnel", "stunnel", Shape(explicit_version=False), evidence="stunnel-https.pcap"),
    Agent(b"HAProxy", "HAProxy stapling", Shape(explicit_version=False), evidence="haproxy ssl_ocsp.c, ocsp-update"),
    Agent(b"Thunderbird/", "Thunderbird", _BROWSER, at_start=False),
    Agent(b"Firefox/", "Firefox", _BROWSER, at_start=False),
    Agent(b"Chrome/", "Chromium", _BROWSER, at_start=False, evidence="Edge, Brave and Opera call themselves so too"),
    Agent(b"Chromium/", "Chromium", _BROWSER, at_start=False),
    Agent(b"Java/", "Java", Shape(explicit_version=False, null_parameters=True), evidence="java-pkix-get.pcap"),
    Agent(b"Go-http-client/", "Go", evidence="Caddy and other servers written in Go refresh their staples so"),
    Agent(b"python-", "Python", evidence="python-requests/, python-httpx/"),
    Agent(b"Python", "Python", evidence="Python-urllib/, Python/3.x aiohttp/"),
    Agent(b"curl/", "curl", evidence="sends what others made: curl-get-raw.pcap"),
    Agent(b"Wget/", "Wget"),
    Agent(b"Apache-HttpClient/", "Apache HttpClient"),
    Agent(b"okhttp/", "OkHttp"),
    Agent(b"Dalvik/", "Android"),
    Agent(b"Ruby", "Ruby"),
    Agent(b"libwww-perl/", "Perl"),
    Agent(b"axios/", "Node.js"),
    Agent(b"node", "Node.js"),
    Agent(b"CFNetwork/", "Apple CFNetwork", at_start=False),
)


class Maker(msgspec.Struct, frozen=True, gc=False):
    """Requests of this shape are made by `software`; a `silent` one sends no user agent."""

    software: str
    shape: Shape
    silent: bool = True
    evidence: str = ""


# For requests without a user agent, or with one that says nothing or cannot be true. The first row that fits is taken.
MAKERS: Final = (
    Maker(
        "Apple",
        Shape(explicit_version=True),
        silent=False,
        evidence="nobody else encodes a default, against X.690 11.5",
    ),
    Maker(
        "NSS", Shape(http_version="1.0", acceptable_responses=True), evidence="nss-ocspclnt.pcap; nss certhigh/ocsp.c"
    ),
    Maker("nginx stapling", Shape("GET", "1.0", nonce_octets=(None,)), evidence="nginx-stapling.pcap"),
    Maker("Apache httpd", Shape("POST", "1.0", port_in_host=True), evidence="apache-stapling.pcap; ssl_util_ocsp.c"),
    # The size of the array is the same since ocsptool was written (gnutls src/ocsptool.c), and wget2 took it over.
    Maker("GnuTLS", Shape("POST", "1.0", nonce_octets=(23,)), evidence="ocsptool-ask.pcap, gnutls-cli-https.pcap"),
    Maker("Wget2", Shape("POST", "1.1", nonce_octets=(23,)), evidence="wget2-https.pcap"),
    # dirmngr of GnuPG 2.2 is the same to the octet (dirmngr-gpgsm.pcap).
    Maker("OpenSSL", Shape("POST", "1.0", null_parameters=True, nonce_octets=(16,)), evidence="openssl-post-good.pcap"),
    Maker(
        "OpenSSL or GnuTLS",
        Shape("POST", "1.0", null_parameters=True, nonce_octets=(None,)),
        evidence="openssl-no-nonce.pcap and ocsptool-ask.pcap: only Accept differs, and is not kept",
    ),
)

VOCABULARY: Final = frozenset({UNKNOWN, *(a.software for a in AGENTS), *(m.software for m in MAKERS)})


def software_of(agent: bytes | None, habits: Habits) -> str:
    """The software that a user agent and a request's habits point to."""
    claimed = _claimed(agent) if agent else None
    if claimed is not None and claimed.shape.fits(habits):
        return claimed.software
    made = next((m.software for m in MAKERS if m.shape.fits(habits) and not (agent and m.silent)), UNKNOWN)
    return made if claimed is None else f"{made} (claims {claimed.software})"


def software_of_agent(agent: bytes | None) -> str:
    """What a user agent alone points to: of a request whose habits say nothing."""
    claimed = _claimed(agent[:_MAX_AGENT_BYTES]) if agent else None
    return UNKNOWN if claimed is None else claimed.software


def _claimed(agent: bytes) -> Agent | None:
    for row in AGENTS:
        if agent.startswith(row.mark) if row.at_start else row.mark in agent:
            return row
    return None


class SoftwareGuesser:
    """Remembers its answers: a network has few kinds of clients."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], str] = {}

    def guess(self, exchange: OcspExchange) -> str:
        """The software that made the exchange's request; "unknown" where only its reply was seen."""
        request = exchange.request
        if request is None:
            return UNKNOWN
        nonce = request.nonce
        agent = exchange.user_agent
        if agent is not None and len(agent) > _MAX_AGENT_BYTES:
            agent = agent[:_MAX_AGENT_BYTES]
        version = exchange.http_version
        host = exchange.host
        traits = request.traits
        key = (
            agent,
            exchange.method,
            version,
            # Only Maker("Apache httpd") asks, of HTTP/1.0.
            version == "1.0" and host is not None and host.endswith(b":80"),
            traits.explicit_version,
            traits.null_parameters,
            None if nonce is None else len(nonce),
            request.extensions,
        )
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            habits = Habits(
                key[1] or "",
                version,
                key[3],
                key[4],
                key[5],
                key[6],
                ACCEPTABLE_RESPONSES in request.extensions,
            )
            known = self._known[key] = software_of(key[0], habits)
        return known
