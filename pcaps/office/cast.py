"""The certificates, servers and names of the office morning."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

from pcaps.lab.authority import Authority, Issued, write
from pcaps.lab.netns import GATEWAY_V4, Lab
from pcaps.lab.services import start_nginx, start_responder
from pcaps.office.content import write_sites
from pcaps.pki.record import crl

OCSP_A, OCSP_B, OCSP_V6, WEB, PROXY = "198.51.100.10", "198.51.100.20", "2001:db8:80::10", "203.0.113.10", "10.20.0.3"
CDN_HOSTS = """
  www.maple-bakery cdn.velo-works shop.tin-whistle img.paper-lantern www.oat-and-barley static.north-
  sails www.clay-studio blog.brass-button www.pine-joinery media.lark-choir www.moss-florist www.quay-
  books files.slate-roofing www.amber-opticians www.heron-kayaks img.copper-kettle www.birch-nursery
  api.dune-hostel www.fable-toys www.ridge-climbing cdn.wool-and-weft www.salt-pantry www.gull-ferries
  www.thistle-gin static.ember-pottery www.cobble-tours www.finch-framing img.plum-catering www.anvil-
  forge www.tide-surf www.juniper-spa cdn.gable-homes www.otter-swim www.flint-archive www.sorrel-vets
  img.harp-lessons www.larch-timber www.crumb-cafe www.beacon-taxis
"""
CDN_NAMES = [f"{name}.example" for name in CDN_HOSTS.split()]

# nickname: (names, issuer, address). All but "portal" go into certs/.
SITES: dict[str, tuple[list[str], str, str]] = {
    "clinic": (["www.clinic-northside.example", "clinic-northside.example"], "larkfield", "203.0.113.21"),
    "outlet": (["www.outlet-garden.example", "outlet-garden.example"], "larkfield", "203.0.113.22"),
    "jobs": (["jobs-board.example", "www.jobs-board.example"], "larkfield", "203.0.113.23"),
    "payroll": (["payroll.ledgerline.example"], "larkfield", "203.0.113.24"),
    "portal": (["portal.kiln-and-oak.example"], "larkfield", "203.0.113.25"),
    "union": (["www.union-vote.example", "union-vote.example"], "brightmere", "203.0.113.31"),
    "council": (
        ["council-hill.example", "www.council-hill.example", "council-dale.example", "council-bay.example"],
        "brightmere",
        "203.0.113.32",
    ),
    "cdn": (["edge.swiftcache.example", *CDN_NAMES], "brightmere", "203.0.113.33"),
    "debts": (["debt-advice.example", "chat.debt-advice.example"], "brightmere", "203.0.113.34"),
    "shelter": (["night-shelter.example"], "brightmere", "203.0.113.35"),
    "own": (["www.office-supplies-ltd.example"], "larkfield", "10.20.0.80"),
}
UNLISTED = "portal"
ROUTES = """\
  map "$host$request_uri" $responder {
    default http://127.0.0.1:3561/;
    "~^ocsp6?.larkfield.example/root/*(?<r1>.*)$" http://127.0.0.1:3563/$r1;
    "~^ocsp6?.larkfield.example/*(?<r2>.*)$" http://127.0.0.1:3561/$r2;
    "~^ocsp6?.brightmere.example/root/*(?<r3>.*)$" http://127.0.0.1:3564/$r3;
    "~^ocsp6?.brightmere.example/ee/*(?<r4>.*)$" http://127.0.0.1:3562/$r4;
  }
  server {
    listen 80; listen [::]:80; listen 10.20.0.3:3128;
    server_name ocsp.larkfield.example ocsp6.larkfield.example ocsp.brightmere.example ocsp6.brightmere.example;
    location / { proxy_pass $responder; }
  }
"""


class Cast:
    """Everything that answers. `issued` by nickname; certificate files in the lab's folder."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.folder = lab, lab.folder
        self.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        trust, bright = "Larkfield Trust Services", "Brightmere Security"
        self.roots = {
            "larkfield": Authority("Larkfield Trust Root R1", trust, self.now, rsa_bits=2048),
            "brightmere": Authority("Brightmere Root G1", bright, self.now),
        }
        self.cas = {
            "larkfield": Authority(
                "Larkfield TLS RSA CA 2026", trust, self.now, self.roots["larkfield"], rsa_bits=2048,
                ocsp_urls=["http://ocsp.larkfield.example/root"],
            ),
            "brightmere": Authority(
                "Brightmere TLS ECC CA 1", bright, self.now, self.roots["brightmere"], serial_number=7,
                ocsp_urls=["http://ocsp.brightmere.example/root"],
            ),
        }  # fmt: skip
        urls = {"larkfield": "http://ocsp.larkfield.example/", "brightmere": "http://ocsp.brightmere.example/ee/"}
        self.issued: dict[str, Issued] = {
            nickname: self.cas[issuer].issue(names, ocsp=[urls[issuer]], crls=[f"http://crl.{issuer}.example/ca.crl"])
            for nickname, (names, issuer, _) in SITES.items()
        }
        for nickname, (_, issuer, _) in SITES.items():
            write(self.folder, nickname, self.issued[nickname])
            write(self.folder, f"{nickname}-chain", self.issued[nickname], self.cas[issuer].issued)
        for name in ("larkfield", "brightmere"):
            write(self.folder, f"{name}-root", self.roots[name].issued)
            write(self.folder, name, self.cas[name].issued)
        (self.folder / "roots.pem").write_bytes(b"".join(each.issued.pem for each in self.roots.values()))
        self._serve()

    def _serve(self) -> None:
        lab = self.lab
        addresses = sorted({address for _, _, address in SITES.values() if not address.startswith("10.")})
        lab.address(OCSP_A, OCSP_B, OCSP_V6, WEB, PROXY, *addresses)
        revoked = {self.issued["outlet"].serial: "keyCompromise"}
        delegate = self.cas["larkfield"].delegate("Larkfield OCSP Signer 14")
        start_responder(lab, self.cas["larkfield"], 2561, name="a", delegate=delegate, revoked=revoked)
        start_responder(lab, self.cas["brightmere"], 2562, name="b")
        start_responder(lab, self.roots["larkfield"], 2563, name="ra")
        start_responder(lab, self.roots["brightmere"], 2564, name="rb")
        relay = Path(__file__).with_name("relay.py")
        for port, delay in ((2561, "0.021"), (2562, "0.034"), (2563, "0.022"), (2564, "0.047")):
            lab.servers.start(sys.executable, str(relay), str(port + 1000), str(port), delay)
            lab.servers.wait_port(port + 1000)
        www = self.folder / "www"
        write_sites(www)
        (www / "crl").mkdir()
        (www / "crl" / "ca.crl").write_bytes(crl(self.cas["larkfield"], [self.issued["outlet"].cert.serial_number]))
        plain = "".join(
            f"  server {{ listen {WEB}:80; server_name {names}; root {www}/{folder}; }}\n"
            for names, folder in (
                ("www.morning-news.example", "news"),
                ("intranet.office.example", "intranet"),
                ("files.river-gauge.example", "files"),
                ("crl.larkfield.example", "crl"),
            )
        )
        plain += f"  server {{ listen {WEB}:8080; server_name wiki.office.example; root {www}/intranet; }}\n"
        secure = "".join(
            f"  server {{ listen {address}:443 ssl; server_name {' '.join(names)};"
            f" ssl_certificate {self.folder}/{nickname}-chain.pem;"
            f" ssl_certificate_key {self.folder}/{nickname}-chain.key;\n"
            f"    root {www}/news; }}\n"
            for nickname, (names, _, address) in SITES.items()
            if not address.startswith("10.")
        )
        start_nginx(
            lab.servers,
            "front",
            "  server_names_hash_bucket_size 128;\n" + ROUTES + plain + secure,
            [80, 443, 3128, 8080],
        )
        self._name()

    def _name(self) -> None:
        names = {
            "ocsp.larkfield.example": OCSP_A, "ocsp.brightmere.example": OCSP_B, "ocsp6.brightmere.example": OCSP_V6,
            "www.morning-news.example": WEB, "intranet.office.example": WEB, "files.river-gauge.example": WEB,
            "wiki.office.example": WEB, "crl.larkfield.example": WEB, "proxy.office.example": PROXY,
        }  # fmt: skip
        names |= {name: address for each, _, address in SITES.values() for name in each}
        hosts = self.folder / "names"
        hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        self.lab.servers.start(
            "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}", "--local=/example/",
            "--user=root", "--bind-interfaces", f"--listen-address={GATEWAY_V4}",
        )  # fmt: skip
        time.sleep(1)

    def certificates(self) -> dict[str, bytes]:
        """For certs/: all but the unlisted one."""
        found = {f"{name}-root.pem": each.issued.pem for name, each in self.roots.items()}
        found |= {f"{name}-ca.pem": each.issued.pem for name, each in self.cas.items()}
        return found | {f"{name}.pem": each.pem for name, each in self.issued.items() if name != UNLISTED}
