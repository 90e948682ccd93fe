"""The public captures' OCSP messages, where that folder is beside the repository: `GETS` is empty without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
TRUTH = CORPUS / "ocsp_truth.json"
ABSENT = f"no corpus at {CORPUS.name}"


class Message(NamedTuple):
    """A message of the truth file; `serial` is upper-case hex, two digits a byte."""

    capture: str
    frame: int
    kind: str
    host: str | None
    uri: str | None
    serial: str | None
    name_hash: str | None
    key_hash: str | None
    fields: dict[str, object]


def messages() -> list[Message]:
    if not TRUTH.exists():
        return []
    return [
        Message(
            capture,
            row["frame"],
            row["kind"],
            row.get("host"),
            row.get("uri"),
            _even(row.get("serial")),
            row.get("issuer_name_hash"),
            row.get("issuer_key_hash"),
            row,
        )
        for capture, rows in json.loads(TRUTH.read_text()).items()
        for row in rows
    ]


def _even(serial: str | None) -> str | None:
    """The truth file has serials of GETs as the hex of a number, without leading zero."""
    return None if serial is None else "0" * (len(serial) % 2) + serial


GETS = [message for message in messages() if message.kind == "ocsp-get"]
