"""The bench on which pcaps/ocsp is recorded: two CAs, their responders behind nginx, web sites, one client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pcaps.lab.authority import Authority, Issued, write
from pcaps.lab.netns import Host, Lab
from pcaps.lab.services import canned, start_nginx, start_responder

LARKFIELD, BRIGHTMERE = "http://ocsp.larkfield.example/", "http://ocsp.brightmere.example/ee/"
OCSP_V4, OCSP_V6, SITES_V4, PROXY_V4 = "198.51.100.10", "2001:db8:80::10", "203.0.113.20", "198.51.100.30"
OTHER_OCSP_V4, CFSSL_V4 = "198.51.100.11", "198.51.100.12"
CLIENT_V4, CLIENT_V6 = "10.20.0.21", "2001:db8:20::21"

# The responders answer at "/"; what follows the prefix is passed on as it came, without the slashes before it.
ROUTES = """\
  map "$host$request_uri" $responder {
    default http://127.0.0.1:2561/;
    "~^ocsp6?.larkfield.example/root/*(?<r1>.*)$" http://127.0.0.1:2563/$r1;
    "~^ocsp.brightmere.example/root/*(?<r2>.*)$" http://127.0.0.1:2564/$r2;
    "~^ocsp.brightmere.example/ee/*(?<r3>.*)$" http://127.0.0.1:2562/$r3;
    "~^ocsp.trusthub.example/larkfield/*(?<r4>.*)$" http://127.0.0.1:2561/$r4;
    "~^ocsp.trusthub.example/brightmere/*(?<r5>.*)$" http://127.0.0.1:2562/$r5;
    "~^ocsp-slow.larkfield.example/*(?<r6>.*)$" http://127.0.0.1:2565/$r6;
    "~^ocsp-early.larkfield.example/*(?<r7>.*)$" http://127.0.0.1:2566/$r7;
    "~^[^/]*/*(?<r8>M.*)$" http://127.0.0.1:2561/$r8;
  }
"""
FRONT = """\
  server {
    listen 80; listen [::]:80;
    server_name ocsp.larkfield.example ocsp6.larkfield.example ocsp-slow.larkfield.example ocsp-early.larkfield.example
                ocsp.brightmere.example ocsp.trusthub.example;
    location / { proxy_pass $responder; }
  }
  server { listen 198.51.100.30:3128; location / { proxy_pass $responder; } }
"""
ERRORS = {"malformedrequest": 1, "internalerror": 2, "trylater": 3, "sigrequired": 5, "unauthorized": 6}


@dataclass(frozen=True)
class Said:
    """What a scenario means to record: one certificate, how it is answered. None: no OCSP reply at all."""

    serial: str
    cert_status: str | None
    response_status: str | None = "successful"


@dataclass
class Scenario:
    name: str
    shows: str
    run: Callable[[Bench], list[Said]]
    tools: tuple[str, ...]


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str, shows: str, *tools: str
) -> Callable[[Callable[[Bench], list[Said]]], Callable[[Bench], list[Said]]]:
    """Register a recording; the function does the talking and returns what it expects to be seen."""

    def register(run: Callable[[Bench], list[Said]]) -> Callable[[Bench], list[Said]]:
        SCENARIOS[name] = Scenario(name, shows, run, tools)
        return run

    return register


@dataclass
class Bench:
    """Certificates by nickname in `leaf`; their files (nickname.pem, .key) in the lab's folder."""

    lab: Lab
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(microsecond=0))
    leaf: dict[str, Issued] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.lab.folder
        self._certify()
        self.lab.address(OCSP_V4, OCSP_V6, SITES_V4, PROXY_V4, OTHER_OCSP_V4, CFSSL_V4)
        self.client = self.lab.client("c", CLIENT_V4, CLIENT_V6)
        self.lab.publish(
            {
                "ocsp.larkfield.example": [OCSP_V4],
                "ocsp6.larkfield.example": [OCSP_V6],
                "ocsp-slow.larkfield.example": [OCSP_V4],
                "ocsp-early.larkfield.example": [OCSP_V4],
                "ocsp-cdn.larkfield.example": [OCSP_V4],
                "ocsp.trusthub.example": [OCSP_V4],
                "ocsp.brightmere.example": [OTHER_OCSP_V4],
                "ocsp.cedar-gate.example": [CFSSL_V4],
                "proxy.office.example": [PROXY_V4],
                "www.clinic-northside.example": [SITES_V4],
                "www.outlet-garden.example": [SITES_V4],
                "www.union-vote.example": [SITES_V4],
            }
        )
        self._serve()

    def _certify(self) -> None:
        trust, bright = "Larkfield Trust Services", "Brightmere Security"
        self.root = Authority("Larkfield Trust Root R1", trust, self.now, rsa_bits=2048)
        self.larkfield = Authority(
            "Larkfield TLS RSA CA 2026", trust, self.now, self.root, rsa_bits=2048, ocsp_urls=[LARKFIELD + "root"]
        )
        self.bright_root = Authority("Brightmere Root G1", bright, self.now)
        self.brightmere = Authority(
            "Brightmere TLS ECC CA 1", bright, self.now, self.bright_root, serial_number=7,
            ocsp_urls=["http://ocsp.brightmere.example/root/"],
        )  # fmt: skip
        cdn = [
            f"{shop}-{number}.example" for number in range(1, 11) for shop in ("bakery", "florist", "atelier", "velo")
        ]
        names = {
            "clinic": ["www.clinic-northside.example", "clinic-northside.example"],
            "outlet": ["www.outlet-garden.example", "outlet-garden.example"],
            "ghost": ["intranet.never-listed.example"],
            "council": [
                "council-hill.example",
                "council-dale.example",
                "www.council-hill.example",
                "rates.council-bay.example",
            ],
            "address": ["2001:db8:80::21", "203.0.113.21"],
            "jobs": ["jobs-board.example"],
        }
        for nickname, each in names.items():
            self.leaf[nickname] = self.larkfield.issue(each, ocsp=[LARKFIELD])
        long_url = f"{LARKFIELD}status/{'unit-' * 25}end"
        self.leaf["long"] = self.larkfield.issue(["long-url.example"], ocsp=[long_url])
        high_bit = 0x9F << 120 | int.from_bytes(bytes(range(15)), "big")  # DER needs a sign octet before it
        self.leaf["union"] = self.brightmere.issue(
            ["www.union-vote.example", "union-vote.example"], ocsp=[BRIGHTMERE], serial=high_bit
        )
        self.leaf["cdn"] = self.brightmere.issue(["edge.swiftcache.example", *cdn], ocsp=[BRIGHTMERE])
        self.leaf["paused"] = self.brightmere.issue(["paused-account.example"], ocsp=[BRIGHTMERE])
        self.person = self.larkfield.person("Rowan Ashdown", "rowan.ashdown@office.example")
        self.delegate = self.larkfield.delegate("Larkfield OCSP Signer 14")
        self.leaf |= {"ca": self.larkfield.issued, "bright-ca": self.brightmere.issued}
        for nickname, issued in self.leaf.items():
            write(self.folder, nickname, issued)
        for nickname, issuer in (("clinic", self.larkfield), ("outlet", self.larkfield), ("union", self.brightmere)):
            write(self.folder, f"{nickname}-chain", self.leaf[nickname], issuer.issued)
        write(self.folder, "root", self.root.issued)
        write(self.folder, "bright-root", self.bright_root.issued)
        write(self.folder, "person", self.person)
        roots = self.root.issued.pem + self.bright_root.issued.pem
        (self.folder / "roots.pem").write_bytes(roots)

    def _serve(self) -> None:
        lab, serial = self.lab, {nickname: each.serial for nickname, each in self.leaf.items()}
        revoked, absent = {serial["outlet"]: "keyCompromise"}, [serial["ghost"]]
        start_responder(
            lab, self.larkfield, 2560, name="direct", delegate=self.delegate, revoked=revoked, absent=absent
        )
        start_responder(lab, self.larkfield, 2561, name="a", delegate=self.delegate, revoked=revoked, absent=absent)
        start_responder(lab, self.brightmere, 2562, name="b", revoked={serial["paused"]: "certificateHold"})
        start_responder(lab, self.root, 2563, name="root", options=["-ndays", "30", "-resp_key_id"])
        start_responder(lab, self.bright_root, 2564, name="bright-root")
        errors = {}
        for status, number in ERRORS.items():
            errors[f"/{status}"] = file = self.folder / f"{status}.der"
            file.write_bytes(bytes([0x30, 3, 0x0A, 1, number]))
        errors["/clinic"] = self.produce("clinic", "a")
        server = canned("ocsp-cdn.larkfield.example", errors)
        sites = "".join(
            f"  server {{ listen {SITES_V4}:443 ssl; server_name {name};"
            f" ssl_certificate {self.folder}/{nickname}-chain.pem;"
            f" ssl_certificate_key {self.folder}/{nickname}-chain.key;\n"
            "    location / { default_type text/html; return 200 '<h1>Welcome</h1>'; } }\n"
            for name, nickname in (
                ("www.clinic-northside.example", "clinic"),
                ("www.outlet-garden.example", "outlet"),
                ("www.union-vote.example", "union"),
            )
        )
        start_nginx(lab.servers, "front", ROUTES + FRONT + server + sites, [80, 443, 3128])

    def displaced(self, port: int, shift: str) -> None:
        """A responder of Larkfield's that lives in another time, by faketime."""
        start_responder(self.lab, self.larkfield, port, name=f"displaced{port}", delegate=self.delegate, shift=shift)

    def request(self, nickname: str, *options: str) -> Path:
        """A request about one certificate, made by OpenSSL, into the lab's folder."""
        path = self.folder / f"{nickname}{''.join(options)}-req.der"
        self.client.run(
            "openssl",
            "ocsp",
            *options,
            "-issuer",
            "a-ca.pem",
            "-cert",
            f"{nickname}.pem",
            "-no_nonce",
            "-reqout",
            str(path),
        )
        return path

    def produce(self, nickname: str, responder: str) -> Path:
        """A pre-produced reply, made by OpenSSL with that responder's files."""
        request, path = self.request(nickname), self.folder / f"{nickname}-resp.der"
        self.lab.servers.run(
            "openssl", "ocsp", "-index", f"{responder}.index", "-CA", f"{responder}-ca.pem",
            "-rsigner", f"{responder}-signer.pem", "-rkey", f"{responder}-signer.key", "-rmd", "sha256", "-ndays", "7",
            "-reqin", str(request), "-respout", str(path),
        )  # fmt: skip
        return path

    def openssl(self, *words: str, host: Host | None = None) -> bytes:
        """`openssl ocsp` on the client, trusting both roots."""
        return (host or self.client).run("openssl", "ocsp", *words, "-CAfile", "roots.pem", check=False)

    def said(self, nickname: str, cert_status: str | None = "good", response_status: str | None = "successful") -> Said:
        return Said(self.leaf[nickname].serial, cert_status, response_status)

    def certificates(self) -> dict[str, bytes]:
        """What goes into certs/: PEM by file name, all but the one that no log lists."""
        issuers = {"larkfield-root": self.root, "brightmere-root": self.bright_root}
        found = {f"{name}.pem": each.issued.pem for name, each in issuers.items()}
        return found | {f"{name}.pem": each.pem for name, each in self.leaf.items() if name != "ghost"}


def words(*parts: str | Sequence[str]) -> list[str]:
    """Flatten."""
    return [word for part in parts for word in ([part] if isinstance(part, str) else part)]
