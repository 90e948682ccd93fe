"""What an OCSP message says (RFC 6960 section 4), in our own records; times are integer nanoseconds since 1970."""

from __future__ import annotations

import enum

import msgspec

from sensor.http.transaction import Ambiguity
from sensor.weird import FlowId


class OcspError(Exception):
    """The bytes are no OCSP message. `reason` is short and stable; `limit`: one of our limits ended the reading."""

    def __init__(self, reason: str, limit: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.limit = limit


class CertId(msgspec.Struct, frozen=True, gc=False):
    """RFC 6960 4.1.1. `hash_algorithm` is OpenSSL's long name ("sha1", "sha256", ...) or the dotted OID;
    the two hashes are raw octets; `serial_number` is `pki.serial.render_serial` text;
    where it is cut, "..." and a digest of the whole stand behind it, so that equal texts are equal numbers."""

    hash_algorithm: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: str


class RequestTraits(msgspec.Struct, frozen=True, gc=False):
    """How the request is spelled."""

    explicit_version: bool  # version [0] v1 although DEFAULT (Apple trustd up to 2.x)
    null_parameters: bool  # AlgorithmIdentifier of the first CertID carries NULL
    trailing_bytes: int = 0
    nonminimal: bool = False  # some length or INTEGER is not in DER's shortest form
    ber: bool = False  # indefinite lengths or constructed strings, which DER forbids
    cut: bool = False  # some list was read only up to a limit


class OcspRequest(msgspec.Struct, frozen=True, gc=False):
    """`cert_ids` in order, at most the limit; `cert_ids_total` counts them all. `nonce` is the extension's inner
    octets, None if absent. `requestor_name` is text of the GeneralName. `extensions` are dotted OIDs."""

    version: int
    cert_ids: tuple[CertId, ...]
    cert_ids_total: int
    nonce: bytes | None
    requestor_name: str | None
    signed: bool
    extensions: tuple[str, ...]
    traits: RequestTraits


class ResponseStatus(enum.IntEnum):
    """RFC 6960 4.2.1; the names are OpenSSL's in lower case, as Zeek logs them."""

    successful = 0
    malformedrequest = 1
    internalerror = 2
    trylater = 3
    sigrequired = 5
    unauthorized = 6


class CertStatus(enum.Enum):
    good = "good"
    revoked = "revoked"
    unknown = "unknown"


class SingleResponse(msgspec.Struct, frozen=True, gc=False):
    """RFC 6960 4.2.1. A time that cannot be read is None, and its raw text is in `bad_times`."""

    cert_id: CertId
    cert_status: CertStatus
    revocation_time: int | None
    revocation_reason: str | None  # OpenSSL's name: keyCompromise, ...; a number not assigned: its decimal text
    this_update: int | None
    next_update: int | None
    extensions: tuple[str, ...] = ()
    archive_cutoff: int | None = None
    crl_url: str | None = None
    sct_count: int = 0
    bad_times: tuple[str, ...] = ()


class OcspResponse(msgspec.Struct, frozen=True, gc=False):
    """`status` is the number on the wire (4 and others are not assigned). All below it is empty for an error reply.

    `responder_id` is "byName:<RFC 4514 text>" or "byKey:<upper hex>"; `certs` are the delegate certificates' DER;
    `tbs_der`, `signature_algorithm_der` and `signature` (without its count of unused bits) are kept for the audit.
    """

    status: int
    response_type: str | None = None
    version: int = 0
    responder_id: str | None = None
    produced_at: int | None = None
    responses: tuple[SingleResponse, ...] = ()
    responses_total: int = 0
    nonce: bytes | None = None
    extended_revoke: bool = False
    extensions: tuple[str, ...] = ()
    signature_algorithm: str | None = None
    tbs_der: bytes = b""
    signature_oid: str | None = None
    signature: bytes = b""
    certs: tuple[bytes, ...] = ()
    trailing_bytes: int = 0
    bad_times: tuple[str, ...] = ()  # the raw text of a producedAt that cannot be read
    nonminimal: bool = False  # these three as in RequestTraits
    ber: bool = False
    cut: bool = False
    signature_algorithm_der: bytes = b""  # the AlgorithmIdentifier


class Evidence(enum.Enum):
    """On what a claim rests."""

    request = "request"
    response = "response"
    both = "both"  # a request and a reply with the same CertID
    mismatch = "mismatch"  # both were seen, and the reply is about other certificates


class Carriage(enum.Enum):
    """How the request came."""

    GET = "GET"
    POST = "POST"


class OcspExchange(msgspec.Struct, frozen=True, gc=False):
    """One certificate asked about, or answered for: one line of ocsp_exchange.log.

    `request` and `response` are shared by all exchanges of one HTTP transaction. `single` is the SingleResponse that
    answers `cert_id`, None where there is none (error status, reply not seen, 304). `ts` is the request's time, or
    the reply's where the request was not seen; `response_ts` the reply's. Text off the wire is raw bytes here.
    """

    flow: FlowId
    ts: int
    cert_id: CertId | None  # None: an error reply whose request was not seen
    evidence: Evidence
    method: str | None
    host: bytes | None
    uri: bytes | None
    user_agent: bytes | None
    http_version: str | None
    http_status: int | None
    request: OcspRequest | None
    response: OcspResponse | None
    single: SingleResponse | None
    orig_fuid: str | None
    resp_fuid: str | None
    response_ts: int | None
    ambiguous: tuple[Ambiguity, ...] = ()  # in what the transaction can be read otherwise
    traits: frozenset[str] = frozenset()  # carriage habits: "double_slash", "base64url", "no_padding", "raw_plus", ...
