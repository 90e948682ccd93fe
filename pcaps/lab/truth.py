"""What a capture holds, by tools that share no code with the sensor: tshark joins HTTP messages, openssl reads OCSP.

Meant for well-behaved captures. What neither tool can read (base64url, lost segments, ...) is stated by the script
that crafted it, in the same form: `Exchange`.
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote_to_bytes

FIELDS = (
    "frame.time_epoch", "tcp.stream", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "tcp.reassembled.data", "tcp.payload", "http.request.method", "http.response.code",
)  # fmt: skip
HTTP_PORTS = (2560, 2561, 8888)


@dataclass(frozen=True)
class Exchange:
    """One certificate asked about or answered for. Absent values are None and left out of expected.json."""

    client: str
    server: str
    port: int
    ts: str | None = None  # of the request, seconds since 1970 as the capture has it; of the reply if alone
    method: str | None = None
    host: str | None = None
    uri: str | None = None
    http_version: str | None = None
    user_agent: str | None = None
    hash_algorithm: str | None = None
    issuer_name_hash: str | None = None
    issuer_key_hash: str | None = None
    serial: str | None = None
    nonce: bool | None = None  # in the request
    http_status: int | None = None
    response_status: str | None = None
    cert_status: str | None = None
    revocation_reason: str | None = None
    other_status: str | None = None  # what the reply says about the same CertID further down, if it contradicts itself
    evidence: str | None = None  # request, response, both, mismatch; None: a reply without CertIDs came;
    # "unasked": the reply to a request for something else says this too

    def as_json(self) -> dict[str, object]:
        """Without what is absent."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class CertId:
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial: str


@dataclass(frozen=True)
class Single:
    cert_id: CertId
    cert_status: str
    revocation_reason: str | None


@dataclass(frozen=True)
class Request:
    cert_ids: tuple[CertId, ...]
    nonce: bool


@dataclass(frozen=True)
class Response:
    status: str
    singles: tuple[Single, ...]


@dataclass(frozen=True)
class Message:
    """One HTTP message as tshark put it together."""

    ts: str
    stream: int
    src: str
    dst: str
    src_port: int
    dst_port: int
    start: str
    headers: dict[str, str]
    body: bytes


def openssl_text(der: bytes, option: str) -> str | None:
    """`openssl ocsp -reqin` or `-respin` in text; None if OpenSSL refuses the bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(der)
        file.flush()
        command = [
            "openssl",
            "ocsp",
            option,
            file.name,
            "-req_text" if option == "-reqin" else "-resp_text",
            "-noverify",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = (done.stdout + done.stderr).replace("\\\n", "")  # OpenSSL breaks long hex with a backslash
    return text if "OCSP Re" in text or "Responder Error" in text else None


def cert_ids(text: str) -> Iterator[tuple[CertId, str]]:
    """Each CertID of OpenSSL's text, with the text up to the next one."""
    for part in re.split(r"Certificate ID:\n", text)[1:]:
        found = re.match(
            r"\s*Hash Algorithm: (\S+)\s+Issuer Name Hash: (\w*)\s+Issuer Key Hash: (\w*)\s+Serial Number: (-?\w+)",
            part,
        )
        if found:
            yield CertId(*found.groups()), part


def read_request(der: bytes) -> Request | None:
    """An OCSPRequest by OpenSSL, or None."""
    text = openssl_text(der, "-reqin")
    if text is None:
        return None
    return Request(tuple(cert_id for cert_id, _ in cert_ids(text)), "OCSP Nonce" in text)


def read_response(der: bytes) -> Response | None:
    """An OCSPResponse by OpenSSL, or None."""
    text = openssl_text(der, "-respin")
    if text is None:
        return None
    status = re.search(r"(?:OCSP Response Status|Responder Error): (\w+)", text)
    singles = []
    for cert_id, part in cert_ids(text):
        state = re.search(r"Cert Status: (\w+)", part)
        reason = re.search(r"Revocation Reason: (\w+)", part)
        singles.append(Single(cert_id, state.group(1) if state else "", reason.group(1) if reason else None))
    return Response(status.group(1) if status else "", tuple(singles))


def read_get(target: str) -> Request | None:
    """The request in a GET target: percent-decode, try what follows each slash as base64."""
    raw = unquote_to_bytes(target)
    for slash in [index for index, octet in enumerate(raw) if octet == 0x2F]:
        try:
            der = base64.b64decode(raw[slash + 1 :], validate=True)
        except binascii.Error:
            continue
        if der[:1] == b"\x30" and (request := read_request(der)) is not None:
            return request
    return None


def read_question(message: Message) -> Request | None:
    """The OCSP request in an HTTP request, whichever way it is carried."""
    method, target, *_ = message.start.split(" ")
    return read_get(target) if method == "GET" else read_request(message.body)


def messages(capture: Path) -> list[Message]:
    """All HTTP messages, in the order of their last frames."""
    command = ["tshark", "-r", str(capture), "-Y", "http", "-T", "fields", "-E", "occurrence=l"]
    for setting in ("tcp.check_checksum:FALSE", "tcp.reassemble_out_of_order:TRUE", "ip.tso_support:TRUE"):
        command += ["-o", setting]
    for port in HTTP_PORTS:
        command += ["-d", f"tcp.port=={port},http"]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = []
    for line in lines:
        row = dict(zip(FIELDS, line.split("\t"), strict=True))
        data = bytes.fromhex(row["tcp.reassembled.data"] or row["tcp.payload"])
        if not row["http.request.method"] and not row["http.response.code"]:
            continue  # the rest of a body
        head, _, body = data.partition(b"\r\n\r\n")
        start, *header_lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in header_lines)
        }
        found.append(
            Message(
                row["frame.time_epoch"],
                int(row["tcp.stream"]),
                row["ip.src"] or row["ipv6.src"],
                row["ip.dst"] or row["ipv6.dst"],
                int(row["tcp.srcport"]),
                int(row["tcp.dstport"]),
                start,
                headers,
                body,
            )
        )
    return found


def exchanges(capture: Path) -> list[Exchange]:
    """Every certificate asked about or answered for in `capture`, in the order of the requests."""
    asked: dict[int, list[Message]] = {}
    answers: dict[int, list[Message]] = {}
    for message in messages(capture):
        if not message.start.startswith("HTTP/"):
            asked.setdefault(message.stream, []).append(message)
        elif not message.start.split(" ")[1].startswith("1"):
            answers.setdefault(message.stream, []).append(message)
    found: list[Exchange] = []
    for stream in {**asked, **answers}:  # the nth reply answers the nth request, even if it came before its end
        for question, answer in zip_longest(asked.get(stream, []), answers.get(stream, [])):
            request = read_question(question) if question else None
            found += _join(question, request, answer, read_response(answer.body) if answer else None)
    return sorted(found, key=lambda each: each.ts or "")


def _join(
    asked: Message | None, request: Request | None, answer: Message | None, response: Response | None
) -> list[Exchange]:  # fmt: skip
    if request is None and response is None:
        return []
    base = _base(asked, answer)
    if answer is not None:
        base = replace(base, http_status=int(answer.start.split(" ")[1]))
    if response is not None:
        base = replace(base, response_status=response.status)
    if request is None:
        alone = response.singles if response else ()
        return [replace(_answered(base, single), evidence="response") for single in alone] or [base]
    if not request.cert_ids:
        return [base] if response is not None else []
    rows = []
    for cert_id in request.cert_ids:
        row = replace(base, **asdict(cert_id), nonce=request.nonce)
        singles = [each for each in response.singles if each.cert_id == cert_id] if response else []
        if singles:
            row = _answered(row, singles[0])
            others = [each.cert_status for each in singles if each.cert_status != singles[0].cert_status]
            row = replace(row, other_status=others[0] if others else None)
        elif answer is None:
            row = replace(row, evidence="request")
        elif response is not None and response.singles:
            row = replace(row, evidence="mismatch")
        rows.append(row)
    extra = [each for each in response.singles if each.cert_id not in request.cert_ids] if response else []
    return rows + [replace(_answered(base, each), nonce=request.nonce, evidence="unasked") for each in extra]


def _answered(row: Exchange, single: Single) -> Exchange:
    status, reason = single.cert_status, single.revocation_reason
    return replace(row, **asdict(single.cert_id), cert_status=status, revocation_reason=reason, evidence="both")


def _base(asked: Message | None, answer: Message | None) -> Exchange:
    if asked is None:
        assert answer is not None  # one of the two exists: _join's callers see to it
        return Exchange(answer.dst, answer.src, answer.src_port, answer.ts)
    method, target, version = asked.start.split(" ")
    return Exchange(
        asked.src, asked.dst, asked.dst_port, asked.ts, method, asked.headers.get("host"), target,
        version.removeprefix("HTTP/"), asked.headers.get("user-agent"),
    )  # fmt: skip
