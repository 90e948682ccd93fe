"""The OCSP files of the PyPI package cryptography_vectors."""

from __future__ import annotations

from pathlib import Path

import cryptography_vectors

FOLDER = Path(cryptography_vectors.__file__).parent / "x509" / "ocsp"


def read_vector(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


REQUESTS = sorted(path.name for path in FOLDER.glob("*req*.der"))
REPLIES = sorted(path.name for path in FOLDER.glob("*resp*.der") if path.name not in set(REQUESTS))
