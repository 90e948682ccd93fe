"""A CT log of our own: real Merkle trees, signed heads and tiles, from our own CA's (pre)certificates.

TBSCertificates are put together by hand, some 10 µs each, so that a log of 100,000 entries is made in seconds; they
are what `cryptography` reads (test_ct_log.py). Precertificates need no signature of their own, certificates have one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sensor.pki.oids import encode_oid
from sensor.sync.merkle import consistency_proof, inclusion_proof, leaf_hash, node_hash, range_hash
from tests.ct.logs import key_info
from tests.ct.pki import Ca

WORDS = ("www", "mail", "shop", "api", "cdn", "img", "m")
START_MS = 1_790_000_000_000
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_LEAF_RSA = rsa.generate_private_key(65537, 2048).public_key()
_LEAF_KEY = _LEAF_RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | octets)) + size.to_bytes(octets, "big") + content


def vector(octets: int, content: bytes) -> bytes:
    return len(content).to_bytes(octets, "big") + content


def extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    return tlv(0x30, tlv(6, encode_oid(dotted)), tlv(1, b"\xff") if critical else b"", tlv(4, value))


def alt_names(*names: str) -> bytes:
    return extension("2.5.29.17", tlv(0x30, *(tlv(0x82, name.encode("latin-1")) for name in names)))


def urls(ocsp: str | None, crl: str | None) -> bytes:
    access = [tlv(0x30, tlv(6, encode_oid("1.3.6.1.5.5.7.48.2")), tlv(0x86, b"http://crt.ca.example/sub.crt"))]
    if ocsp:
        access.insert(0, tlv(0x30, tlv(6, encode_oid("1.3.6.1.5.5.7.48.1")), tlv(0x86, ocsp.encode())))
    found = extension("1.3.6.1.5.5.7.1.1", tlv(0x30, *access))
    if crl:
        point = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0x86, crl.encode()))))
        found += extension("2.5.29.31", tlv(0x30, point))
    return found


# What a public CA's certificate carries besides: policies, usages, constraints.
_USUAL = b"".join(
    (
        extension("2.5.29.15", bytes.fromhex("030205a0"), True),
        extension(
            "2.5.29.37",
            tlv(0x30, tlv(6, encode_oid("1.3.6.1.5.5.7.3.1")), tlv(6, encode_oid("1.3.6.1.5.5.7.3.2"))),
        ),
        extension("2.5.29.19", tlv(0x30), True),
        extension("2.5.29.14", tlv(4, bytes(range(20)))),
        extension("2.5.29.35", tlv(0x30, tlv(0x80, bytes(range(20, 40))))),
        extension(
            "2.5.29.32",
            tlv(
                0x30,
                tlv(0x30, tlv(6, encode_oid("2.23.140.1.2.2"))),
                tlv(
                    0x30,
                    tlv(6, encode_oid("1.3.6.1.4.1.44947.1.1.1")),
                    tlv(
                        0x30,
                        tlv(0x30, tlv(6, encode_oid("1.3.6.1.5.5.7.2.1")), tlv(0x16, b"https://www.ca.example/cps")),
                    ),
                ),
            ),
        ),
    )
)
_SCT = b"\0" + b"\x07" * 32 + bytes(8) + vector(2, b"") + b"\4\3" + vector(2, bytes(71))  # RFC 6962 3.2
_SCTS = extension("1.3.6.1.4.1.11129.2.4.2", tlv(4, vector(2, vector(2, _SCT) * 3)))


def serial_number(number: int) -> int:
    """16 octets, as CAs choose them, different for each number."""
    return int.from_bytes(b"\x04" + hashlib.sha256(number.to_bytes(8, "big")).digest()[:15], "big")


def tbs(
    ca: Ca,
    number: int,
    names: Sequence[str],
    *,
    extensions: bytes | None = None,
    serial: bytes | None = None,
    not_after: bytes = b"270101000000Z",
    scts: bool = False,
    ocsp: str | None = "http://ocsp.ca.example/",
    crl: str | None = "http://crl.ca.example/1.crl",
) -> bytes:
    """A TBSCertificate of about 1.1 kB."""
    octets = serial if serial is not None else serial_number(number).to_bytes(16, "big")
    if extensions is None:
        extensions = _USUAL + urls(ocsp, crl) + alt_names(*names) + (_SCTS if scts else b"")
    called = names[0].encode() if names else b"nobody"
    subject = tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, encode_oid("2.5.4.3")), tlv(0x0C, called))))
    return tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02",
        tlv(2, octets),
        _ECDSA_SHA256,
        ca.subject.public_bytes(),
        tlv(0x30, tlv(0x17, b"260601000000Z"), tlv(0x17, not_after)),
        subject,
        _LEAF_KEY,
        tlv(0xA3, tlv(0x30, extensions)),
    )


def certificate(ca: Ca, signed: bytes) -> bytes:
    signature = ca.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, signed, _ECDSA_SHA256, tlv(3, b"\0" + signature))


@dataclass(frozen=True)
class Logged:
    """An entry as the log keeps it. `timestamped` is the TimestampedEntry, `issuers` the chain, nearest first."""

    timestamped: bytes
    precertificate: bytes | None
    issuers: tuple[bytes, ...]

    @property
    def leaf(self) -> bytes:
        return b"\0\0" + self.timestamped

    @property
    def extra(self) -> bytes:
        chain = vector(3, b"".join(vector(3, each) for each in self.issuers))
        return chain if self.precertificate is None else vector(3, self.precertificate) + chain

    @property
    def tile_leaf(self) -> bytes:
        before = b"" if self.precertificate is None else vector(3, self.precertificate)
        return self.timestamped + before + vector(2, b"".join(hashlib.sha256(each).digest() for each in self.issuers))


def precert_entry(ca: Ca, issuers: tuple[bytes, ...], signed: bytes, at_ms: int, extensions: bytes = b"") -> Logged:
    key_hash = hashlib.sha256(key_info(ca)).digest()
    head = at_ms.to_bytes(8, "big") + b"\0\1" + key_hash
    unsigned = tlv(0x30, signed, _ECDSA_SHA256, tlv(3, bytes(72)))
    return Logged(head + vector(3, signed) + vector(2, extensions), unsigned, issuers)


def x509_entry(issuers: tuple[bytes, ...], der: bytes, at_ms: int, extensions: bytes = b"") -> Logged:
    return Logged(at_ms.to_bytes(8, "big") + b"\0\0" + vector(3, der) + vector(2, extensions), None, issuers)


def usual_entries(ca: Ca, root: Ca, count: int, first: int = 0) -> list[Logged]:
    """One in eight is a certificate, the others precertificates; two to eight names each; one in 16 has no address."""
    issuers = (ca.der, root.der)
    entries = []
    for number in range(first, first + count):
        site = f"site{number:07}.example"
        names = [site, *(f"{word}.{site}" for word in WORDS[: 1 + number % 7])]
        bare = number % 16 == 5
        signed = tbs(
            ca,
            number,
            names,
            scts=number % 8 == 3,
            ocsp=None if bare else "http://ocsp.ca.example/",
            crl=None if bare else f"http://crl.ca.example/{number % 40}.crl",
        )
        at = START_MS + number * 100
        if number % 8 == 3:
            entries.append(x509_entry(issuers, certificate(ca, signed), at))
        else:
            entries.append(precert_entry(ca, issuers, signed, at))
    return entries


@dataclass
class CtLog:
    """A log and its whole tree: `levels[n]` are the hashes of the perfect subtrees of 2**n leaves."""

    name: str = "Our Log"
    origin: str = "ct.example/2026"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    entries: list[Logged] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)

    @property
    def key_der(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def log_id(self) -> bytes:
        return hashlib.sha256(self.key_der).digest()

    @property
    def size(self) -> int:
        return len(self.entries)

    def add(self, entries: Sequence[Logged]) -> CtLog:
        for entry in entries:
            self.entries.append(entry)
            top, level = leaf_hash(entry.leaf), 0
            while True:
                if len(self.levels) == level:
                    self.levels.append([])
                self.levels[level].append(top)
                if len(self.levels[level]) % 2:
                    break
                top = node_hash(*self.levels[level][-2:])
                level += 1
        return self

    def range_hash(self, start: int, end: int) -> bytes:
        return range_hash(start, end, lambda level, index: self.levels[level][index])

    def root(self, size: int) -> bytes:
        return self.range_hash(0, size) if size else hashlib.sha256(b"").digest()

    def consistency(self, first: int, second: int) -> list[bytes]:
        return consistency_proof(first, second, self.range_hash)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return inclusion_proof(index, size, self.range_hash)

    def signature(self, size: int, root: bytes, at_ms: int) -> bytes:
        """A DigitallySigned TreeHeadSignature (RFC 6962 3.5)."""
        signed = b"\0\1" + at_ms.to_bytes(8, "big") + size.to_bytes(8, "big") + root
        return b"\4\3" + vector(2, self.key.sign(signed, ec.ECDSA(hashes.SHA256())))

    def sth(self, size: int | None = None, at_ms: int = START_MS, root: bytes | None = None) -> bytes:
        size = self.size if size is None else size
        root = root or self.root(size)
        return json.dumps(
            {
                "tree_size": size,
                "timestamp": at_ms,
                "sha256_root_hash": base64.b64encode(root).decode(),
                "tree_head_signature": base64.b64encode(self.signature(size, root, at_ms)).decode(),
            }
        ).encode()

    def checkpoint(self, size: int | None = None, at_ms: int = START_MS, root: bytes | None = None) -> bytes:
        size = self.size if size is None else size
        root = root or self.root(size)
        key_id = hashlib.sha256(self.origin.encode() + b"\n\x05" + self.log_id).digest()[:4]
        blob = key_id + at_ms.to_bytes(8, "big") + self.signature(size, root, at_ms)
        note = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        return f"{note}\n\u2014 {self.origin} {base64.b64encode(blob).decode()}\n".encode()

    def tiles(self, size: int | None = None) -> dict[str, bytes]:
        """Every file of a static log of this size, but for the checkpoint, by its path."""
        size = self.size if size is None else size
        files: dict[str, bytes] = {}
        for level in range(6):
            hashes_ = self.levels[8 * level][: size >> 8 * level] if len(self.levels) > 8 * level else []
            for number in range(0, len(hashes_), 256):
                part = hashes_[number : number + 256]
                files[tile_path(str(level), number // 256, len(part))] = b"".join(part)
        for number in range(0, size, 256):
            part = self.entries[number : min(number + 256, size)]
            files[tile_path("data", number // 256, len(part))] = b"".join(each.tile_leaf for each in part)
        for der in {der for entry in self.entries[:size] for der in entry.issuers}:
            files[f"issuer/{hashlib.sha256(der).hexdigest()}"] = der
        return files

    def write_static(self, folder: Path, size: int | None = None, at_ms: int = START_MS) -> None:
        """As a static log's server has it; files that are there already are left, as tiles are immutable."""
        for name, content in self.tiles(size).items():
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        (folder / "checkpoint").write_bytes(self.checkpoint(size, at_ms))

    def listed(self, url: str, *, tiled: bool, state: str = "usable", **more: object) -> dict[str, object]:
        """Its entry of a log list."""
        log: dict[str, object] = {
            "description": self.name,
            "log_id": base64.b64encode(self.log_id).decode(),
            "key": base64.b64encode(self.key_der).decode(),
            "mmd": 86400,
            "state": {state: {"timestamp": "2026-01-01T00:00:00Z"}},
            **more,
        }
        return log | ({"submission_url": f"https://{self.origin}/", "monitoring_url": url} if tiled else {"url": url})


def tile_path(level: str, number: int, width: int = 256) -> str:
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


def log_list(*logs: dict[str, object]) -> bytes:
    return json.dumps(
        {
            "version": "1.0",
            "log_list_timestamp": "2026-11-01T00:00:00Z",
            "operators": [
                {
                    "name": "Ourselves",
                    "email": ["ct@example.com"],
                    "logs": [log for log in logs if "url" in log],
                    "tiled_logs": [log for log in logs if "url" not in log],
                }
            ],
        }
    ).encode()
