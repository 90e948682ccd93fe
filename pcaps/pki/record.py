"""Record pcaps/pki: CRLs and issuer certificates fetched in the clear. As root: python -m pcaps.pki.record [--into DIR]

No OCSP but where a scenario says so. The forged issuer has the name of the real one and another key.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from pcaps.lab.authority import Authority, write
from pcaps.lab.netns import Lab
from pcaps.lab.recording import record_scenarios
from pcaps.lab.services import proxy, start_nginx, start_responder
from pcaps.ocsp.clients import JAVA_PROGRAM

HERE = Path(__file__).parent
DER = serialization.Encoding.DER
CRYPTOAPI = ("curl", "-s", "-A", "Microsoft-CryptoAPI/10.0", "-o", "/dev/null")


def crl(authority: Authority, serials: list[int]) -> bytes:
    """A signed CRL in DER, every serial for another reason."""
    builder = x509.CertificateRevocationListBuilder(authority.issued.cert.subject)
    builder = builder.last_update(authority.now - dt.timedelta(hours=2)).next_update(
        authority.now + dt.timedelta(days=7)
    )
    builder = builder.add_extension(x509.CRLNumber(4711), critical=False)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, authority.now - dt.timedelta(days=5))
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.issued.key, hashes.SHA256()).public_bytes(DER)


class Bench:
    """One CA behind http://pki.kestrel.example/, one site, one client."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.folder = lab, lab.folder
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.root = Authority("Kestrel Root CA", "Kestrel Certification", now)
        self.ca = Authority("Kestrel Server CA 5", "Kestrel Certification", now, self.root)
        self.forged = Authority(
            "Kestrel Server CA 5",
            "Kestrel Certification",
            now,
            Authority("Kestrel Root CA", "Kestrel Certification", now),
        )
        base = "http://pki.kestrel.example"
        self.crl_leaf = self.ca.issue(["night-shelter.example"], crls=[f"{base}/ca5-17.crl"])
        self.ocsp_leaf = self.ca.issue(
            ["food-bank.example"], ocsp=["http://ocsp.kestrel.example/"], ca_issuers=[f"{base}/ca5.cer"]
        )
        self.bad_leaf = self.ca.issue(["phish-kit.example"])
        www = self.folder / "www"
        www.mkdir()
        (www / "ca5-17.crl").write_bytes(crl(self.ca, [self.bad_leaf.cert.serial_number, 12345]))
        (www / "root.crl").write_bytes(crl(self.root, []))
        (www / "ca5.cer").write_bytes(self.ca.issued.der)
        (www / "ca5.crt").write_bytes(self.ca.issued.pem)
        (www / "forged.cer").write_bytes(self.forged.issued.der)
        chain = [self.ca.issued.cert, self.root.issued.cert]
        (www / "ca5.p7c").write_bytes(pkcs7.serialize_certificates(chain, DER))
        names = {"root": self.root.issued, "ca": self.ca.issued, "crl-leaf": self.crl_leaf, "ocsp-leaf": self.ocsp_leaf}
        for name, issued in names.items():
            write(self.folder, name, issued)
        lab.address("198.51.100.60")
        self.client = lab.client("c", "10.20.0.24")
        lab.publish({"pki.kestrel.example": ["198.51.100.60"], "ocsp.kestrel.example": ["198.51.100.60"]})
        start_responder(lab, self.ca, 2561, name="a")
        files = f"  server {{ listen 80; server_name pki.kestrel.example; root {www}; }}\n"
        start_nginx(lab.servers, "front", files + proxy("ocsp.kestrel.example", 2561, ["80"]), [80])
        (self.folder / JAVA_PROGRAM.name).write_text(JAVA_PROGRAM.read_text())

    def java(self, *words: str) -> None:
        self.client.run("java", *words)

    def certificates(self) -> dict[str, bytes]:
        found = {"kestrel-root": self.root.issued, "kestrel-ca": self.ca.issued, "night-shelter": self.crl_leaf}
        found |= {"food-bank": self.ocsp_leaf, "phish-kit": self.bad_leaf}
        return {f"{name}.pem": each.pem for name, each in found.items()}


def crl_curl(bench: Bench) -> list[str]:
    bench.client.run(
        *CRYPTOAPI, "http://pki.kestrel.example/ca5-17.crl", "-o", "/dev/null", "http://pki.kestrel.example/root.crl"
    )
    return []


def issuers_curl(bench: Bench) -> list[str]:
    urls = [f"http://pki.kestrel.example/ca5.{kind}" for kind in ("cer", "crt", "p7c")]
    bench.client.run(*CRYPTOAPI, urls[0], "-o", "/dev/null", urls[1], "-o", "/dev/null", urls[2])
    return []


def issuer_forged(bench: Bench) -> list[str]:
    bench.client.run(*CRYPTOAPI, "http://pki.kestrel.example/forged.cer")
    return []


def crl_java(bench: Bench) -> list[str]:
    bench.java("-Dcom.sun.security.enableCRLDP=true", JAVA_PROGRAM.name, "--crls", "root.pem", "crl-leaf.pem", "ca.pem")
    return []


def issuer_then_ocsp(bench: Bench) -> list[str]:
    bench.client.run(*CRYPTOAPI, "http://pki.kestrel.example/ca5.cer")
    words = (
        "-issuer",
        "ca.pem",
        "-cert",
        "ocsp-leaf.pem",
        "-url",
        "http://ocsp.kestrel.example/",
        "-CAfile",
        "root.pem",
    )
    bench.client.run("openssl", "ocsp", *words)
    return [bench.ocsp_leaf.serial]


SCENARIOS = {
    "crl-cryptoapi-like": (crl_curl, "two CRLs, one empty, fetched with Windows' User-Agent", "curl"),
    "crl-java": (crl_java, "Java fetches the CRL named in the certificate", "java"),
    "ca-issuers": (issuers_curl, "an issuer's certificate as DER, as PEM and as PKCS#7", "curl"),
    "ca-issuers-forged": (issuer_forged, "a certificate with the issuer's name and a key of somebody else", "curl"),
    "ca-issuers-then-ocsp": (
        issuer_then_ocsp,
        "the issuer's certificate is fetched, then a certificate of it asked about",
        "openssl",
    ),
}


if __name__ == "__main__":
    sys.exit(record_scenarios(HERE, __doc__, Bench, SCENARIOS))
