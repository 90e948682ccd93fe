"""What `openssl crl -text` prints of a CRL, and the same facts out of our record."""

from __future__ import annotations

import datetime
import re
import subprocess
from typing import Any

from sensor.pki.crl import Crl, CrlEntry

_DATE = r"(\w{3} +\d+ \d\d:\d\d:\d\d \d{4}) GMT|Bad time value"
_FLAGS = {
    "Only User Certificates": "user",
    "Only CA Certificates": "ca",
    "Only Attribute Certificates": "attribute",
    "Indirect CRL": "indirect",
}
_FLAG_REASONS = {"AACompromise": "aACompromise", "CACompromise": "cACompromise", "RemoveFromCRL": "removeFromCRL"}
_OIDS = {
    "dnQualifier": "2.5.4.46",
    "serialNumber": "2.5.4.5",
    "title": "2.5.4.12",
    "generationQualifier": "2.5.4.44",
    "SN": "2.5.4.4",
    "pseudonym": "2.5.4.65",
    "initials": "2.5.4.43",
    "GN": "2.5.4.42",
}
"""RFC 4514 has no names for these; OpenSSL writes its own."""
Facts = dict[str, Any]


def openssl_facts(der: bytes) -> Facts | None:
    """None where OpenSSL does not read it."""
    words = ["openssl", "crl", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb"]
    done = subprocess.run(words, input=der, capture_output=True, check=False)
    if done.returncode:
        return None
    text = done.stdout.decode("utf-8", "surrogateescape")
    head, _, rest = text.partition("Revoked Certificates")
    tail = rest.rfind("\n    Signature Algorithm:")
    blocks = re.split(r"^    Serial Number: ", rest[: tail + 1], flags=re.M)[1:]
    key_id = re.search(r"Authority Key Identifier: *\w*\n\s+(?:keyid:)?((?:[0-9A-F]{2}:)+[0-9A-F]{2})\n", head)
    scope = re.search(r"Issuing Distribution Point:.*\n((?: {16}.*\n|\n)+)", head)
    return {
        "version": int(_one(r"Version (\d+)", head) or 0),
        "algorithm": _one(r"Signature Algorithm: (\S+)", head),
        "issuer": re.sub(r"\w+(?==)", lambda found: _OIDS.get(found[0], found[0]), _one(r"Issuer: (.*)\n", head)),
        "this_update": _seconds(_one(f"Last Update: (?:{_DATE})", head)),
        "next_update": _seconds(_one(f"Next Update: (?:{_DATE})", head)),
        "number": _number(_one(r"CRL Number: *\w*\n\s+(\S+)\n", head)),
        "base": _number(_one(r"Delta CRL Indicator: *\w*\n\s+(\S+)\n", head)),
        "key_id": key_id[1].replace(":", "") if key_id else None,
        "flags": {name for line, name in _FLAGS.items() if scope and line in scope[1]},
        "some_reasons": _reasons(scope[1]) if scope else set(),
        "names": len(re.findall(r"(?:DirName|URI):|Relative Name:", scope[1])) if scope else 0,
        "urls": re.findall(r"URI:(\S+)", scope[1]) if scope else [],
        "entries": [_printed_entry(block) for block in blocks],
    }


def our_facts(crl: Crl, entries: list[CrlEntry]) -> Facts:
    head, more = crl.head, crl.extensions
    assert head is not None
    scope = more.scope
    flags = set()
    if scope is not None:
        given = (scope.only_user_certs, scope.only_ca_certs, scope.only_attribute_certs, scope.indirect)
        flags = {name for name, is_set in zip(_FLAGS.values(), given, strict=True) if is_set}
    return {
        "version": head.version,
        "algorithm": crl.signature_algorithm,
        "issuer": head.issuer,
        "this_update": _whole(head.this_update),
        "next_update": _whole(head.next_update),
        "number": more.number and int(more.number, 16),
        "base": more.base_number and int(more.base_number, 16),
        "key_id": more.authority_key_id.hex().upper() if more.authority_key_id else None,
        "flags": flags,
        "some_reasons": set(scope.reasons) if scope else set(),
        "names": len(scope.names) if scope else 0,
        "urls": [name for name in scope.names if "://" in name] if scope else [],
        "entries": [(e.serial_number, _whole(e.revocation_time), e.reason, _whole(e.invalidity_time)) for e in entries],
    }


def _printed_entry(block: str) -> tuple[str, int | None, str | None, int | None]:
    reason = _one(r"CRL Reason Code: *\w*\n\s+(\S.*)\n", block)
    return (
        block.partition("\n")[0].strip(),
        _seconds(_one(f"Revocation Date: (?:{_DATE})", block)),
        _reason(reason) if reason else None,
        _seconds(_one(rf"Invalidity Date: *\w*\n\s+(?:{_DATE})", block)),
    )


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return (found[1] or "") if found else ""


def _reason(printed: str) -> str:
    """ "Key Compromise" as the standard spells it."""
    word = printed.replace(" ", "")
    return _FLAG_REASONS.get(word, word[:1].lower() + word[1:])


def _reasons(scope: str) -> set[str]:
    printed = _one(r"Only Some Reasons:\n\s+(.*)\n", scope)
    return {_reason(each.strip()) for each in printed.split(",") if each.strip()}


def _seconds(printed: str) -> int | None:
    if not printed:
        return None
    moment = datetime.datetime.strptime(" ".join(printed.split()), "%b %d %H:%M:%S %Y")
    return int(moment.replace(tzinfo=datetime.UTC).timestamp())


def _whole(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else nanoseconds // 10**9


def _number(printed: str) -> int | None:
    return int(printed, 0) if printed else None
