"""What can be imported: files in several forms to items, each a certificate, a search's row, or a refusal."""

from __future__ import annotations

import msgspec

from sensor.pki.certificates import Certificate


class DerItem(msgspec.Struct, frozen=True, gc=False):
    """Bytes that should be one DER certificate. `place` says where in its file: "certificate 17", or nothing."""

    der: bytes
    place: str = ""


class WordsItem(msgspec.Struct, frozen=True):
    """What a search of crt.sh says: `facts` has the names that matched, `ca_id` is crt.sh's number of the issuer,
    "" if not given; `display` what a person calls the issuer."""

    facts: Certificate
    display: str
    ca_id: str
    place: str = ""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Something that should have been a certificate. Reasons are few: they are counted by their text."""

    reason: str
    place: str = ""


Item = DerItem | WordsItem | Refusal
