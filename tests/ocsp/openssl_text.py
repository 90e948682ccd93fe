"""What `openssl ocsp -req_text / -resp_text` prints of a message, and the same facts out of our records."""

from __future__ import annotations

import datetime
import re
import subprocess
from pathlib import Path

from sensor.ocsp.model import CertId, OcspRequest, OcspResponse, SingleResponse

EXTENSION_NAMES = {
    "1.3.6.1.5.5.7.48.1.2": "OCSP Nonce",
    "1.3.6.1.5.5.7.48.1.3": "OCSP CRL ID",
    "1.3.6.1.5.5.7.48.1.4": "Acceptable OCSP Responses",
    "1.3.6.1.5.5.7.48.1.6": "OCSP Archive Cutoff",
    "1.3.6.1.5.5.7.48.1.7": "OCSP Service Locator",
    "1.3.6.1.5.5.7.48.1.9": "valid",  # OpenSSL's table is older than extended-revoke
    "1.3.6.1.4.1.11129.2.4.5": "CT Certificate SCTs",
    "2.5.29.21": "X509v3 CRL Reason Code",
    "2.5.29.24": "Invalidity Date",
}
Facts = dict[str, object]


def openssl(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, errors="replace", check=False)


def print_request(der: bytes, folder: Path) -> Facts | None:
    """None where OpenSSL refuses the message."""
    path = folder / "request.der"
    path.write_bytes(der)
    done = openssl("ocsp", "-reqin", path, "-req_text")
    if done.returncode:
        return None
    text = _unwrap(done.stdout)
    requestor = re.search(r"^ {4}Requestor Name: (.*)$", text, re.M)
    signature = re.search(r"^ {4}Signature Algorithm: ", text, re.M)
    return {
        "version": _version(_field(text, "Version")),
        "requestor": requestor and _distinguished(requestor.group(1)),
        "signed": signature is not None,
        "ids": [_printed_id(block) for block in _blocks(text)],
        "extensions": _printed_extensions(text, "    Request Extensions:")
        + [name for block in _blocks(text) for name in _printed_extensions(block, " +Request Single Extensions:")],
    }


def our_request(found: OcspRequest) -> Facts:
    name = found.requestor_name
    return {
        "version": found.version,
        "requestor": name and name.replace("DirName:", "", 1),
        "signed": found.signed,
        "ids": [our_id(each) for each in found.cert_ids],
        "extensions": [EXTENSION_NAMES.get(each, each) for each in found.extensions],
    }


def print_response(der: bytes, folder: Path) -> Facts | None:
    path = folder / "response.der"
    path.write_bytes(der)
    done = openssl("ocsp", "-respin", path, "-resp_text", "-noverify")
    error = re.search(r"Responder Error: (\w+) \((\d+)\)", done.stdout + done.stderr)
    if error:
        return {"status": int(error.group(2))}
    if "OCSP Response Data:" not in done.stdout:
        return None
    text = _unwrap(done.stdout).split("Certificate:\n")[0]
    head = text.split("    Responses:\n")[0]
    signature = re.search(r"^ {4}Signature Algorithm: (.*)\n {4}Signature Value:\n((?: {8}[0-9a-f:]+\n)+)", text, re.M)
    if signature is None:  # it stops at the first field it cannot print, and at another response type
        return None
    return {
        "status": int(_field(head, "OCSP Response Status").rpartition("(")[2][:-1], 16),
        "version": _version(_field(head, "Version")),
        "responder": _distinguished(_field(head, "Responder Id")),
        "produced": _time(_field(head, "Produced At")),
        "answers": [_printed_answer(block) for block in _blocks(text)],
        "extensions": _printed_extensions(text, "    Response Extensions:"),
        "nonce": (found := re.search(r"^ {8}OCSP Nonce: *\n +([0-9A-F]+)$", text, re.M)) and found.group(1),
        "algorithm": signature.group(1),
        "signature": re.sub(r"[^0-9a-f]", "", signature.group(2)),
        "certs": done.stdout.count("-----BEGIN CERTIFICATE-----"),
    }


def our_response(found: OcspResponse) -> Facts:
    if found.status:
        return {"status": found.status}
    nonce = found.nonce
    return {
        "status": found.status,
        "version": found.version,
        "responder": "0" if found.responder_id == "byKey:" else (found.responder_id or "").partition(":")[2],
        "produced": found.produced_at,
        "answers": [_our_answer(each) for each in found.responses],
        "extensions": [EXTENSION_NAMES.get(each, each) for each in found.extensions],
        "nonce": None if nonce is None else f"04{len(nonce):02X}{nonce.hex().upper()}",
        "algorithm": found.signature_algorithm,
        "signature": found.signature.hex(),
        "certs": len(found.certs),
    }


def our_id(cert_id: CertId) -> Facts:
    return {
        "hash": cert_id.hash_algorithm,
        "name": cert_id.issuer_name_hash.hex().upper() or "0",  # as OpenSSL prints a string without octets
        "key": cert_id.issuer_key_hash.hex().upper() or "0",
        "serial": cert_id.serial_number,
    }


def _our_answer(answer: SingleResponse) -> Facts:
    return {
        **our_id(answer.cert_id),
        "status": answer.cert_status.value,
        "revoked": answer.revocation_time,
        "reason": answer.revocation_reason,
        "this": answer.this_update,
        "next": answer.next_update,
        "extensions": [EXTENSION_NAMES.get(each, each) for each in answer.extensions],
        "cutoff": answer.archive_cutoff,
        "crl": answer.crl_url,
        "scts": answer.sct_count,
    }


def _printed_answer(block: str) -> Facts:
    revoked, following = _field(block, "Revocation Time", ""), _field(block, "Next Update", "")
    reason = _field(block, "Revocation Reason", "").split(" (")[0]
    cutoff = re.search(r"OCSP Archive Cutoff: *\n +(.*)$", block, re.M)
    crl = re.search(r"crlUrl: (.*)$", block, re.M)
    return {
        **_printed_id(block),
        "status": _field(block, "Cert Status"),
        "revoked": _time(revoked) if revoked else None,
        "reason": reason or None,
        "this": _time(_field(block, "This Update")),
        "next": _time(following) if following else None,
        "extensions": _printed_extensions(block, " +Response Single Extensions:"),
        "cutoff": _time(cutoff.group(1)) if cutoff else None,
        "crl": crl and crl.group(1),
        "scts": block.count("Signed Certificate Timestamp:"),
    }


def _printed_id(block: str) -> Facts:
    names = {"hash": "Hash Algorithm", "name": "Issuer Name Hash", "key": "Issuer Key Hash", "serial": "Serial Number"}
    return {key: _field(block, name) for key, name in names.items()}


def _field(text: str, name: str, default: str | None = None) -> str:
    found = re.search(rf"^ *{name}: ?(.*)$", text, re.M)
    if found is None:
        assert default is not None, (name, text)
        return default
    return found.group(1)


def _blocks(text: str) -> list[str]:
    """From each "Certificate ID:" to the next, or to what follows the list."""
    parts = re.split(r"^ +Certificate ID:\n", text, flags=re.M)[1:]
    return [
        re.split(r"^ {4}(?:Response Extensions|Request Extensions|Signature Algorithm):", p, flags=re.M)[0]
        for p in parts
    ]


def _printed_extensions(text: str, head: str) -> list[str]:
    """Names of the extensions under a heading: the lines that are indented four more than it."""
    found = re.search(
        rf"^(?P<indent> *){head.lstrip(' +').lstrip()}\n(?P<body>(?:(?P=indent) {{2,}}.*\n|\n)*)", text, re.M
    )
    if found is None:
        return []
    indent = len(found["indent"]) + 4
    lines = [line for line in found["body"].split("\n") if re.match(rf" {{{indent}}}\S", line)]
    return [line.strip().removesuffix("critical").rstrip().rstrip(":") for line in lines]


def _unwrap(text: str) -> str:
    """OpenSSL breaks hashes after 35 octets by a backslash and a newline."""
    return text.replace("\\\n", "")


def _version(text: str) -> int:
    """`1 (0x0)`; a negative one is printed as an unsigned 64-bit number."""
    number = int(text.rpartition("(")[2][:-1], 16)
    return number - (1 << 64) if number >> 63 else number


def _distinguished(text: str) -> str:
    """`C = CH, O = X`, or `/C=CH/O=X`, as RFC 4514 text; for names without characters that need escapes."""
    text = text.removeprefix("DirName:")
    parts = text.split("/")[1:] if text.startswith("/") else text.replace(" = ", "=").split(", ")
    return ",".join(reversed(parts))


def _time(text: str) -> int | None:
    """`Sep  1 19:48:17 2018 GMT`, with or without fraction."""
    try:
        rest, _, year = text.replace(" GMT", "").rpartition(" ")
        moment = datetime.datetime.strptime(f"{rest} {year:0>4}", "%b %d %H:%M:%S %Y")
    except ValueError:
        return None
    epoch = datetime.datetime(1970, 1, 1)
    return (moment - epoch) // datetime.timedelta(seconds=1) * 10**9
