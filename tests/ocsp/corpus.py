"""The public captures' OCSP messages, where that folder is beside the repository: `GETS` is empty without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from sensor.pki.serial import render_serial

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
            _serial(row.get("serial")),
            row.get("issuer_name_hash"),
            row.get("issuer_key_hash"),
            row,
        )
        for capture, rows in json.loads(TRUTH.read_text()).items()
        for row in rows
    ]


def _serial(hexadecimal: str | None) -> str | None:
    """The truth file has those of GETs as the hex of a number, without leading zero, those of bodies as in the DER."""
    if hexadecimal is None:
        return None
    return render_serial(bytes.fromhex("00" + "0" * (len(hexadecimal) % 2) + hexadecimal))


GETS = [message for message in messages() if message.kind == "ocsp-get"]
