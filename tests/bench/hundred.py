"""A hundred rules of the shapes that rule packs have: for measuring what rules cost, not for finding anything.

What they look for is made up; the load has none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_HEAD = """title: Bench {number}
id: 00000000-0000-4000-8000-{number:012d}
status: experimental
logsource:
    product: zeek
    service: {service}
detection:
{detection}
level: low
"""
_NAMES = """
    apache struts shell webmin phpunit jenkins drupal wordpress solr confluence actuator citrix exchange
"""
_WORDS = _NAMES.split()


def _listed(words: Iterator[str] | list[str], indent: int = 12) -> str:
    return "\n".join(" " * indent + f"- '{word}'" for word in words)


def _http(number: int) -> str:
    word = _WORDS[number % len(_WORDS)]
    shapes = [
        f"    selection:\n        uri|contains:\n{_listed([f'/{word}{n}/{number}' for n in range(8)])}",
        f"    selection:\n        user_agent|contains:\n{_listed([f'{word}bot{n}-{number}' for n in range(6)])}",
        f"    selection:\n        method: POST\n        uri|endswith:\n{_listed([f'.x{word}{n}' for n in range(6)])}",
        f"    selection:\n        client_headers|contains:\n{_listed([f'{word}-{n}:{number}' for n in range(6)])}",
        f"    selection:\n        host|endswith:\n{_listed([f'.{word}{number}{n}.test' for n in range(12)])}",
        f"    selection:\n        uri|re: '(?i){word}[0-9]{{2}}{number}/(?:run|exec)'",
        f"    selection:\n        resp_mime_types: application/x-{word}{number}\n    filter:\n"
        "        host|endswith: .example",
        f"    selection:\n        status_code: {500 + number % 12}\n        uri|contains: /{word}",
        f"    selection:\n        server_headers|contains: 'x-{word}{number}'",
    ]
    return shapes[number % len(shapes)] + (
        "\n    condition: selection and not filter" if number % len(shapes) == 6 else "\n    condition: selection"
    )


def _other(service: str, tests: list[str]) -> Iterator[tuple[str, str]]:
    for test in tests:
        yield service, f"    selection:\n        {test}\n    condition: selection"


def _detections() -> Iterator[tuple[str, str]]:
    for number in range(45):
        yield "http", _http(number)
    yield from _other(
        "ocsp_exchange",
        [
            "cert_status: revoked",
            "cert_status: unknown",
            "response_status: trylater",
            "evidence: mismatch",
            "response_status: internalerror",
            "response_status|contains: malformed",
            "http_status|gte: 400",
            "requestor_name|exists: true",
            "request_signed: true",
            "hash_algorithm: md5",
            "audit: signature_invalid",
            "audit: [this_update_ahead, next_update_over]",
            "software: curl\n        host|endswith: .internal.test",
            "host|endswith: [.lencr.test, .int-x3.test]",
            "nonce|re: '^.{70}'",
            "revocation_reason: keyCompromise",
            "signature_algorithm|contains: md5",
            "responder_id|contains: 'CN=Test'",
            "issuer|contains: 'O=Evil'",
            "user_agent|contains: python",
            "serial_number: ['00', '01', DEADBEEF]",
        ],
    )  # fmt: skip  (a list of tests)
    yield from _other(
        "leak",
        [
            "grade: many",
            "site|endswith: [.clinic.test, .lawyer.test]",
            "software|contains: claims",
            "times_seen|gt: 1000",
            "names|contains: [vpn, sso]",
            "grade: few\n        evidence: request",
            "issuer|contains: 'O=Private'",
        ],
    )  # fmt: skip  (a list of tests)
    yield from _other(
        "conn",
        [
            "conn_state: REJ",
            "conn_state: [S0, SH]",
            "id.resp_p: [2560, 8888]",
            "history|contains: ^",
            "orig_bytes|gt: 10000000",
            "id.resp_h|startswith: 203.0.113.7",
            "missed_bytes|gt: 100000",
            "service: ssl\n        id.resp_p: 80",
        ],
    )  # fmt: skip  (a list of tests)
    yield from _other(
        "files",
        [
            "mime_type: [application/x-dosexec, application/x-elf]",
            "filename|endswith: [.exe, .hta, .ps1]",
            "sha256: [aa, bb, cc]",
            "seen_bytes|gt: 50000000",
            "mime_type|contains: script",
            "missing_bytes|gt: 1000",
            "mime_type: application/pkix-crl",
            "mime_type: text/x-shellscript",
        ],
    )  # fmt: skip  (a list of tests)
    yield from _other(
        "ocsp", ["certStatus: revoked", "certStatus: unknown", "revokereason: keyCompromise", "hashAlgorithm: md5"]
    )
    yield from _other("weird", ["name|startswith: OCSP", "name|contains: overflow", "name: HTTP_compression_bomb"])
    yield from _other("cleartext", ["credentials|contains: basic", "lookups|exists: true", "ocsp_claims|exists: true"])
    yield "http", "    selection:\n        host|startswith: oscp.\n    condition: selection"


def write_rules(path: Path) -> int:
    """Writes them into one file; returns how many there are."""
    found = list(_detections())
    path.write_text(
        "---\n".join(
            _HEAD.format(number=number, service=service, detection=detection)
            for number, (service, detection) in enumerate(found)
        )
    )
    return len(found)
