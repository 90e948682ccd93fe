"""What a target is: a function that takes any octets and raises where something does not hold that must always hold."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.ct.pki import Ca, make_ca, name

REPOSITORY = Path(__file__).resolve().parents[2]
PCAPS = REPOSITORY / "pcaps"


@dataclass(frozen=True)
class Target:
    """`holds` are the promises that `run` checks, for README.md; `seeds` inputs that lead to much of the code; `words`
    what a fuzzer may put in; `max_size` octets of an input; `mutations` how many pytest runs."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    holds: str
    words: tuple[bytes, ...] = ()
    max_size: int = 4096
    mutations: int = 300


def frames_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Frames out of a fuzzer's octets: what precedes each is an octet that means anything, and two of length."""
    pos = 0
    while pos + 3 <= len(data):
        kind, size = struct.unpack_from("!BH", data, pos)
        yield kind, data[pos + 3 : pos + 3 + size]
        pos += 3 + size


def packed(kind: int, data: bytes) -> bytes:
    """One frame as `frames_in` takes it."""
    return struct.pack("!BH", kind, len(data)) + data


def small_captures(largest: int) -> Iterator[Path]:
    """Our own captures of at most so many octets."""
    for path in sorted(PCAPS.glob("*/*.pcap*")):
        if path.suffix in (".pcap", ".pcapng", ".gz", ".zst", ".xz") and path.stat().st_size <= largest:
            yield path


def fixed_cas() -> tuple[Ca, Ca]:
    """A root and a CA below it, octet for octet the same each time."""
    subject = name("Fuzz Root")
    root = make_ca(subject, ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), subject, None, 1, None, None, True)
    return root, root.intermediate("Fuzz Sub", ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32))


def split(text: bytes) -> Iterator[bytes]:
    """The certificates of a PEM file."""
    for loaded in x509.load_pem_x509_certificates(text):
        yield loaded.public_bytes(Encoding.DER)
