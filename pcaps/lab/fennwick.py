"""The cast of the crafted captures: an invented CA, its sites, and the usual question and answer between two of them.

Everything here is made from labels and fixed times, so it is the same on every run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from pcaps.lab import wire
from pcaps.lab.authority import Authority, Issued, label_serial
from pcaps.lab.frames import START, Talk
from pcaps.lab.truth import Exchange
from pcaps.lab.wire import GOOD, Cert, Single

NOW = dt.datetime.fromtimestamp(START // 1_000_000_000, dt.UTC)
THIS_UPDATE, NEXT_UPDATE = NOW - dt.timedelta(hours=5), NOW + dt.timedelta(days=7)
REVOKED_AT = NOW - dt.timedelta(days=9, minutes=17)
HOST = "ocsp.fennwick.example"
URL = f"http://{HOST}/"

ROOT = Authority("Fennwick Root CA", "Fennwick Certification", NOW, deterministic=True)
CA = Authority(
    "Fennwick TLS ECC CA 3", "Fennwick Certification", NOW, ROOT, ocsp_urls=[URL + "root"], deterministic=True
)
OTHER_ROOT = Authority("Quillbay Root G2", "Quillbay Trust", NOW, deterministic=True)
OTHER_CA = Authority("Quillbay Issuing CA 1", "Quillbay Trust", NOW, OTHER_ROOT, serial_number=0x07, deterministic=True)
SIGNER = CA.delegate("Fennwick OCSP Signer 2")

SITES: dict[str, Issued] = {
    "harbour": CA.issue(["www.harbour-clinic.example", "harbour-clinic.example"], ocsp=[URL]),
    "debts": CA.issue(["debt-advice.example"], ocsp=[URL]),
    "tenants": CA.issue(["tenants-union.example", "www.tenants-union.example"], ocsp=[URL]),
    "pilgrim": CA.issue(["pilgrim-travel.example"], ocsp=[URL]),
    "quill": OTHER_CA.issue(["quillbay-school.example"], ocsp=["http://ocsp.quillbay.example/"]),
}


def cert(nickname: str, algorithm: str = "sha1", null: bool = True) -> Cert:
    """The CertID of a site."""
    return wire.cert_of(OTHER_CA if nickname == "quill" else CA, SITES[nickname], algorithm, null)


def _awkward_serial() -> int:
    """A serial with which the request's base64 has "//", "+" and "=": by trying one after the other."""
    for number in range(100_000):
        serial = label_serial(f"awkward {number}")
        octets = serial.to_bytes(16, "big")
        text = wire.base64_text(wire.request(wire.cert_from(CA, octets)))
        if "//" in text and "///" not in text and "+" in text[-28:] and text.endswith("="):
            return serial
    raise ValueError("no such serial")


SITES["awkward"] = CA.issue(["awkward-spelling.example"], ocsp=[URL], serial=_awkward_serial())


def serial_text(octets: bytes) -> str:
    """A serial as OpenSSL and Zeek print it, from the INTEGER's contents."""
    value = int.from_bytes(octets, "big", signed=True)
    magnitude = abs(value)
    text = magnitude.to_bytes((magnitude.bit_length() + 7) // 8 or 1, "big").hex().upper()
    return f"-{text}" if value < 0 else text


def single(each: Cert, status: bytes = GOOD, extensions: Sequence[bytes] = ()) -> Single:
    return Single(each, status, THIS_UPDATE, NEXT_UPDATE, extensions)


def answer(*singles: Single, nonce: bytes | None = None, extensions: Sequence[bytes] = ()) -> bytes:
    """A reply signed by the delegate, whose certificate is in it."""
    return wire.response(
        singles, SIGNER, produced_at=THIS_UPDATE, certs=[SIGNER], nonce=nonce, extensions=extensions
    )  # fmt: skip


def row(
    talk: Talk, ts: int, each: Cert | None, *, method: str | None = "POST", host: str | None = HOST,
    uri: str | None = "/", version: str | None = "1.1", agent: str | None = None, nonce: bool | None = False,
    http_status: int | None = 200,
    response_status: str | None = "successful", cert_status: str | None = "good", reason: str | None = None,
    evidence: str | None = "both",
) -> Exchange:  # fmt: skip
    """What the conversation holds about one certificate; `ts` as Talk.ask gave it."""
    made = Exchange(
        talk.orig[0], talk.resp[0], talk.resp[1], f"{ts // 10**9}.{ts % 10**9:09d}", method, host, uri, version, agent,
        http_status=http_status, response_status=response_status, cert_status=cert_status, revocation_reason=reason,
        nonce=nonce, evidence=evidence,
    )  # fmt: skip
    if each is None:
        return replace(made, nonce=None)
    return replace(
        made, hash_algorithm=each.algorithm, issuer_name_hash=each.name_hash.hex().upper(),
        issuer_key_hash=each.key_hash.hex().upper(), serial=serial_text(each.serial),
    )  # fmt: skip


@dataclass(frozen=True)
class Dialogue:
    """A question and its answer as HTTP, and the row it makes once it has been said at some time."""

    question: bytes
    reply: bytes
    about: Cert
    method: str = "POST"
    uri: str = "/"
    agent: str | None = None

    def said(self, talk: Talk, ts: int) -> Exchange:
        return row(talk, ts, self.about, method=self.method, uri=self.uri, agent=self.agent)

    def play(self, talk: Talk, size: int | None = None) -> Exchange:
        """Say it all on an open connection."""
        ts = talk.ask(self.question, size)
        talk.answer(self.reply, size)
        return self.said(talk, ts)


def by_post(nickname: str, agent: str | None = None) -> Dialogue:
    """The plainest exchange there is."""
    about = cert(nickname)
    question = wire.http_request("POST", "/", HOST, agent=agent, body=wire.request(about))
    return Dialogue(question, wire.http_reply(answer(single(about))), about, agent=agent)


def by_get(nickname: str, agent: str | None = None) -> Dialogue:
    """Percent-encoded, as RFC 6960 appendix A.1 has it."""
    about = cert(nickname)
    target = "/" + quote(wire.base64_text(wire.request(about)), safe="")
    question = wire.http_request("GET", target, HOST, agent=agent)
    return Dialogue(question, wire.http_reply(answer(single(about))), about, "GET", target, agent)


def page(text: str = "<html><body>Good morning</body></html>\n") -> bytes:
    """An ordinary reply that is not OCSP."""
    return wire.http_reply(text.encode(), content_type="text/html")


def certificates() -> dict[str, bytes]:
    """For certs/crafted/: PEM by file name."""
    authorities = {"fennwick-root": ROOT, "fennwick-ca": CA, "quillbay-root": OTHER_ROOT, "quillbay-ca": OTHER_CA}
    found = {f"{name}.pem": each.issued.pem for name, each in authorities.items()}
    return found | {f"{name}.pem": each.pem for name, each in SITES.items()}


def write_certificates(folder: Path) -> None:
    """Writes them there."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, pem in certificates().items():
        (folder / file).write_bytes(pem)
