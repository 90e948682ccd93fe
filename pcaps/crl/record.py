"""Record pcaps/crl: CRLs of every shape, fetched by real clients from nginx. As root: python -m pcaps.crl.record

One CA whose certificates name shards, and what HTTP may do to a CRL on its way: gzip, ranges, a 304, a broken download.
"""

from __future__ import annotations

import datetime as dt
import gzip
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pcaps.lab.authority import Authority, write
from pcaps.lab.netns import Lab
from pcaps.lab.recording import Scenarios, record_scenarios
from pcaps.lab.services import start_nginx

HERE = Path(__file__).parent
BASE = "http://crl.alder.example"
WINDOWS = ("curl", "-s", "-A", "Microsoft-CryptoAPI/10.0", "-o", "/dev/null")
Extension = tuple[x509.ExtensionType, bool]


def point(url: str, user: bool = False, ca: bool = False, indirect: bool = False) -> Extension:
    """IssuingDistributionPoint of the CRL at `url`."""
    names = [x509.UniformResourceIdentifier(url)]
    return x509.IssuingDistributionPoint(names, None, user, ca, None, indirect, False), True


def crl(
    by: Authority, number: int, serials: list[int], *more: Extension, others: dict[int, x509.Name] | None = None
) -> x509.CertificateRevocationList:
    """Signed by `by` two hours ago; `others`: whose the certificates from that serial on are (an indirect CRL)."""
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.issued.key.public_key())
    builder = x509.CertificateRevocationListBuilder(by.issued.cert.subject)
    builder = builder.last_update(by.now - dt.timedelta(hours=2)).next_update(by.now + dt.timedelta(days=7))
    for value, critical in ((x509.CRLNumber(number), False), (key_id, False), *more):
        builder = builder.add_extension(value, critical)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, by.now - dt.timedelta(days=5))
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), False)
        if others and serial in others:
            entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(others[serial])]), True)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(by.issued.key, hashes.SHA256())


class Bench:
    """A root, two CAs below it, three sites, and http://crl.alder.example/."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.folder = lab, lab.folder
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.root = Authority("Alder Root CA", "Alder Trust", now)
        self.ca = Authority("Alder Server CA 2", "Alder Trust", now, self.root)
        self.other = Authority("Alder Mail CA 1", "Alder Trust", now, self.root)
        self.alone = self.ca.issue(["hospice-garden.example"], crls=[f"{BASE}/shard/1.crl"])
        self.pair = [
            self.ca.issue([name], crls=[f"{BASE}/shard/2.crl"]) for name in ("a-shop.example", "b-shop.example")
        ]
        revoked = [self.ca.issue([f"old{i}.example"]).cert.serial_number for i in range(150)]
        www = self.folder / "www"
        (www / "shard").mkdir(parents=True)
        shard_1, shard_2 = f"{BASE}/shard/1.crl", f"{BASE}/shard/2.crl"
        files = {
            "shard/1.crl": crl(self.ca, 17, [], point(shard_1, user=True)),
            "shard/2.crl": crl(self.ca, 17, revoked[:3], point(shard_2, user=True)),
            "full.crl": crl(self.ca, 0x1267, revoked),
            "root.crl": crl(self.root, 9, [], point(f"{BASE}/root.crl", ca=True)),
            "delta.crl": crl(self.ca, 0x1268, revoked[:2], (x509.DeltaCRLIndicator(0x1267), True)),
            "indirect.crl": crl(
                self.ca, 5, revoked[:4], point(f"{BASE}/indirect.crl", indirect=True),
                others={revoked[2]: self.other.issued.cert.subject},
            ),
        }  # fmt: skip
        for name, made in files.items():
            (www / name).write_bytes(made.public_bytes(serialization.Encoding.DER))
        (www / "full.pem").write_bytes(files["full.crl"].public_bytes(serialization.Encoding.PEM))
        (www / "full.crl.gz").write_bytes(gzip.compress((www / "full.crl").read_bytes(), mtime=0))
        (self.folder / "kept.crl").write_bytes((www / "full.crl").read_bytes())
        for name, issued in {"root": self.root.issued, "ca": self.ca.issued, "leaf": self.alone}.items():
            write(self.folder, name, issued)
        lab.address("198.51.100.70")
        self.client = lab.client("c", "10.20.0.27")
        lab.publish({"crl.alder.example": ["198.51.100.70"]})
        types = "types { application/pkix-crl crl; application/x-pem-file pem; } gzip_types application/pkix-crl;"
        servers = (
            f"  server {{ listen 80; server_name crl.alder.example; root {www}; {types}\n"
            "    location = /squeezed.crl { gzip on; gzip_min_length 100; rewrite ^ /full.crl break; }\n"
            "    location = /slow.crl { limit_rate 2k; rewrite ^ /full.crl break; }\n  }\n"
        )
        start_nginx(lab.servers, "front", servers, [80])

    def fetch(self, *words: str) -> None:
        self.client.run(*WINDOWS, *words)

    def certificates(self) -> dict[str, bytes]:
        found = {"alder-root": self.root.issued, "alder-ca": self.ca.issued, "hospice-garden": self.alone}
        found |= {"a-shop": self.pair[0], "b-shop": self.pair[1]}
        return {f"{name}.pem": each.pem for name, each in found.items()}


def shapes(bench: Bench) -> list[str]:
    bench.fetch(f"{BASE}/full.crl", "-o", "/dev/null", f"{BASE}/root.crl")
    bench.fetch(f"{BASE}/delta.crl", "-o", "/dev/null", f"{BASE}/indirect.crl")
    return []


def shards(bench: Bench) -> list[str]:
    bench.fetch(f"{BASE}/shard/1.crl", "-o", "/dev/null", f"{BASE}/shard/2.crl")
    return []


def squeezed(bench: Bench) -> list[str]:
    bench.client.run("curl", "-s", "--compressed", "-o", "/dev/null", f"{BASE}/squeezed.crl")
    return []


def pem(bench: Bench) -> list[str]:
    bench.client.run("wget", "-q", "-O", "/dev/null", f"{BASE}/full.pem")
    return []


def ranges(bench: Bench) -> list[str]:
    bench.client.run("curl", "-s", "-r", "0-2999", "-o", "part.crl", f"{BASE}/full.crl")
    bench.client.run("curl", "-s", "-C", "-", "-o", "part.crl", f"{BASE}/full.crl")
    return []


def not_modified(bench: Bench) -> list[str]:
    bench.client.run("curl", "-s", "-z", "kept.crl", "-o", "/dev/null", f"{BASE}/full.crl")
    return []


def broken_off(bench: Bench) -> list[str]:
    bench.client.run("curl", "-s", "--max-time", "1.5", "-o", "/dev/null", f"{BASE}/slow.crl", check=False)
    return []


def openssl(bench: Bench) -> list[str]:
    words = ("-CAfile", "root.pem", "-untrusted", "ca.pem", "-crl_check", "-crl_download", "leaf.pem")
    bench.client.run("openssl", "verify", *words, check=False)
    return []


def dirmngr(bench: Bench) -> list[str]:
    home = bench.folder / "gnupg"
    home.mkdir(mode=0o700)
    bench.client.run("dirmngr", "--homedir", str(home), "--fetch-crl", f"{BASE}/shard/1.crl", check=False)
    return []


SCENARIOS: Scenarios[Bench] = {
    "shapes": (shapes, "a full CRL, one of CAs only, a delta CRL, an indirect CRL", "curl"),
    "shards": (shards, "two shards: one site names the first, two the second, which has entries", "curl"),
    "gzip-chunked": (squeezed, "a CRL compressed on the way, in chunks", "curl"),
    "pem": (pem, "a CRL in PEM", "wget"),
    "ranges": (ranges, "the beginning of a CRL, then the rest of it, by 206", "curl"),
    "not-modified": (not_modified, "asked for with If-Modified-Since and not sent: 304", "curl"),
    "broken-off": (broken_off, "a slow download that the client gives up", "curl"),
    "openssl-crl-download": (openssl, "openssl verify fetches the CRL named in a certificate", "openssl"),
    "dirmngr-fetch-crl": (dirmngr, "GnuPG's dirmngr fetches a CRL", "dirmngr"),
}


if __name__ == "__main__":
    sys.exit(record_scenarios(HERE, __doc__, Bench, SCENARIOS))
