"""What each log says: one class per stream, fields in the order and spelling of the log.

This is the definition. The README's log reference and the JSON Schemas are made from it (`logs.reference`), and a test
holds every line that `logs.render` writes against it, field for field. A field that is unset is left out of its line.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType, field

from sensor.logs.disclosure_records import CrlRecord, LeakRecord, X509Record
from sensor.logs.health_records import (
    CaptureLossRecord,
    LimitsRecord,
    OwnStatsRecord,
    StatsRecord,
    WeirdStatsRecord,
)
from sensor.logs.schema import Count, Interval, OfFlow, Port, Record, Time


class ConnRecord(OfFlow, frozen=True, kw_only=True):
    """One TCP connection, when it is over."""

    proto: str
    """Transport protocol: tcp."""
    service: str | UnsetType = UNSET
    """What was spoken, once certain: http, ssl."""
    duration: Interval | UnsetType = UNSET
    """From the first to the last packet; left out if there was only one moment."""
    orig_bytes: Count | UnsetType = UNSET
    """Payload bytes of the originator, by sequence numbers; left out with duration."""
    resp_bytes: Count | UnsetType = UNSET
    """Payload bytes of the responder, by sequence numbers; left out with duration."""
    conn_state: str
    """Zeek's summary: S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH."""
    local_orig: bool
    """Whether the originator's address is in local_nets."""
    local_resp: bool
    """Whether the responder's address is in local_nets."""
    missed_bytes: Count
    """Payload bytes that the capture lacks."""
    history: str | UnsetType = UNSET
    """What happened, in Zeek's letters; upper case for the originator."""
    orig_pkts: Count
    """Packets of the originator."""
    orig_ip_bytes: Count
    """Their IP bytes, by the headers' total lengths."""
    resp_pkts: Count
    """Packets of the responder."""
    resp_ip_bytes: Count
    """Their IP bytes, by the headers' total lengths."""
    tunnel_parents: list[str] | UnsetType = UNSET
    """Names of the tunnels it ran through."""
    ip_proto: Count
    """IP protocol number: 6."""
    community_id: str | UnsetType = UNSET
    """Community ID, version 1; with --community-id."""
    vlan: Count | UnsetType = UNSET
    """Outer VLAN of the first packet."""
    inner_vlan: Count | UnsetType = UNSET
    """Inner VLAN of the first packet."""


class HttpRecord(OfFlow, frozen=True, kw_only=True):
    """One HTTP request and its reply."""

    trans_depth: Count
    """Number of the transaction in its connection, from 1."""
    method: str | UnsetType = UNSET
    """Request method."""
    host: str | UnsetType = UNSET
    """Host header, with its port if it has one."""
    uri: str | UnsetType = UNSET
    """Request target, percent-decoded as Zeek does."""
    referrer: str | UnsetType = UNSET
    """Referer header."""
    version: str | UnsetType = UNSET
    """HTTP version of the reply."""
    user_agent: str | UnsetType = UNSET
    """User-Agent header."""
    origin: str | UnsetType = UNSET
    """Origin header."""
    request_body_len: Count
    """Bytes of the request's body, decoded."""
    response_body_len: Count
    """Bytes of the reply's body, decoded."""
    status_code: Count | UnsetType = UNSET
    """Status code of the reply."""
    status_msg: str | UnsetType = UNSET
    """Its reason phrase."""
    info_code: Count | UnsetType = UNSET
    """Status code of the last 1xx reply before it."""
    info_msg: str | UnsetType = UNSET
    """Its reason phrase."""
    tags: list[str]
    """Always empty here."""
    username: str | UnsetType = UNSET
    """User of Basic authentication. The password is never logged."""
    proxied: list[str] | UnsetType = UNSET
    """Headers that a proxy leaves: NAME -> value."""
    orig_fuids: list[str] | UnsetType = UNSET
    """Files that the request carried, at most 15, as in files.log."""
    orig_filenames: list[str] | UnsetType = UNSET
    """Their names, of those that have one."""
    orig_mime_types: list[str] | UnsetType = UNSET
    """Their types by content, of those whose type is known."""
    resp_fuids: list[str] | UnsetType = UNSET
    """Files that the reply carried, at most 15, as in files.log."""
    resp_filenames: list[str] | UnsetType = UNSET
    """Their names, of those that have one."""
    resp_mime_types: list[str] | UnsetType = UNSET
    """Their types by content, of those whose type is known."""


class FilesRecord(Record, frozen=True, kw_only=True):
    """One HTTP body, or one part of a multipart body."""

    fuid: str
    """The file's name in every log."""
    uid: str
    """The connection's name in every log."""
    orig_h: str = field(name="id.orig_h")
    """Address of the side that opened the connection."""
    orig_p: Port = field(name="id.orig_p")
    """Its port."""
    resp_h: str = field(name="id.resp_h")
    """Address of the other side."""
    resp_p: Port = field(name="id.resp_p")
    """Its port."""
    source: str
    """What carried it: HTTP."""
    depth: Count
    """How deep it was nested."""
    analyzers: list[str]
    """OCSP_REPLY for an OCSP reply, else none."""
    mime_type: str | UnsetType = UNSET
    """Type by content, in Zeek's names."""
    filename: str | UnsetType = UNSET
    """Name given by a header; at most 4096 bytes."""
    duration: Interval
    """From its first to its last byte."""
    local_orig: bool
    """Whether its sender's address is in local_nets."""
    is_orig: bool
    """Whether the originator of the connection sent it."""
    seen_bytes: Count
    """Bytes seen, decoded."""
    total_bytes: Count | UnsetType = UNSET
    """Bytes announced."""
    missing_bytes: Count
    """Bytes that the capture lacks."""
    overflow_bytes: Count
    """Bytes that came but could not be placed."""
    timedout: bool
    """Whether its end was never seen."""
    parent_fuid: str | UnsetType = UNSET
    """The file it was part of."""
    md5: str | UnsetType = UNSET
    """Digest of its bytes, if all were seen; see hash_bodies."""
    sha1: str | UnsetType = UNSET
    """Digest of its bytes, likewise."""
    sha256: str | UnsetType = UNSET
    """Digest of its bytes, likewise."""


class OcspRecord(Record, frozen=True, kw_only=True):
    """One certificate's status in a successful OCSP reply: exactly Zeek's fields."""

    id: str
    """The reply's fuid."""
    hashAlgorithm: str  # noqa: N815  (the name is Zeek's)
    """Under which the two hashes are."""
    issuerNameHash: str  # noqa: N815  (the name is Zeek's)
    """Of the issuer's name: upper-case hex."""
    issuerKeyHash: str  # noqa: N815  (the name is Zeek's)
    """Of the issuer's key: upper-case hex."""
    serialNumber: str  # noqa: N815  (the name is Zeek's)
    """Of the certificate: upper-case hex, two digits a byte, no sign byte."""
    certStatus: str  # noqa: N815  (the name is Zeek's)
    """good, revoked, unknown."""
    revoketime: Time | UnsetType = UNSET
    """When it was revoked."""
    revokereason: str | UnsetType = UNSET
    """Why: keyCompromise, ..."""
    thisUpdate: Time | UnsetType = UNSET  # noqa: N815  (the name is Zeek's)
    """Since when this is known to be so; left out if unreadable (Zeek prints a made-up time)."""
    nextUpdate: Time | UnsetType = UNSET  # noqa: N815  (the name is Zeek's)
    """When there will be newer knowledge."""


class WeirdRecord(Record, frozen=True, kw_only=True):
    """Something odd in the traffic or in the capture."""

    uid: str | UnsetType = UNSET
    """The connection's name, if it is about one."""
    orig_h: str | UnsetType = field(name="id.orig_h", default=UNSET)
    """Address of the side that opened the connection."""
    orig_p: Port | UnsetType = field(name="id.orig_p", default=UNSET)
    """Its port."""
    resp_h: str | UnsetType = field(name="id.resp_h", default=UNSET)
    """Address of the other side."""
    resp_p: Port | UnsetType = field(name="id.resp_p", default=UNSET)
    """Its port."""
    name: str
    """Which oddity; Zeek's name where Zeek has one."""
    addl: str | UnsetType = UNSET
    """More about this one."""
    notice: bool
    """Always false here."""
    peer: str
    """Who saw it: ocspwatch."""
    source: str | UnsetType = UNSET
    """The layer, as Zeek names it: TCP, HTTP, ..."""


class NoticeRecord(Record, frozen=True, kw_only=True):
    """Something an operator wants to know: a leak, what a rule found, or something about the sensor itself."""

    uid: str | UnsetType = UNSET
    """The connection's name, if it is about one."""
    orig_h: str | UnsetType = field(name="id.orig_h", default=UNSET)
    """Address of the side that opened the connection."""
    orig_p: Port | UnsetType = field(name="id.orig_p", default=UNSET)
    """Its port."""
    resp_h: str | UnsetType = field(name="id.resp_h", default=UNSET)
    """Address of the other side."""
    resp_p: Port | UnsetType = field(name="id.resp_p", default=UNSET)
    """Its port."""
    fuid: str | UnsetType = UNSET
    """The body it is about."""
    file_mime_type: str | UnsetType = UNSET
    """That body's type."""
    file_desc: str | UnsetType = UNSET
    """The URL it belongs to."""
    proto: str | UnsetType = UNSET
    """Transport protocol: tcp."""
    note: str
    """Kind: OCSP::, CRL:: or X509::Privacy_Leak, what a rule calls it; of the sensor CaptureLoss::... and others."""
    msg: str
    """The notice in one sentence."""
    sub: str | UnsetType = UNSET
    """Which certificate: serial and issuer; of a rule what it says, or its title."""
    src: str | UnsetType = UNSET
    """The client's address."""
    dst: str | UnsetType = UNSET
    """The responder's address."""
    p: Port | UnsetType = UNSET
    """The responder's port."""
    n: Count | UnsetType = UNSET
    """What a correlation counted."""
    actions: list[str]
    """Notice::ACTION_LOG."""
    email_dest: list[str]
    """Always empty here."""
    suppress_for: Interval
    """For so long the same client and certificate, or the same of the sensor, are not told again."""
    rule_id: str | UnsetType = UNSET
    """Id of the rule that fired; ours, Zeek has no such field."""
    rule_level: str | UnsetType = UNSET
    """The rule's level: informational, low, medium, high, critical; ours, too."""


class OcspExchangeRecord(OfFlow, frozen=True, kw_only=True):
    """One certificate asked about or answered for, request and reply joined."""

    orig_fuid: str | UnsetType = UNSET
    """The request's body in files.log; none for GET."""
    resp_fuid: str | UnsetType = UNSET
    """The reply's body in files.log."""
    method: str | UnsetType = UNSET
    """GET or POST."""
    host: str | UnsetType = UNSET
    """Host header."""
    uri: str | UnsetType = UNSET
    """Request target, as in http.log."""
    user_agent: str | UnsetType = UNSET
    """User-Agent header."""
    software: str | UnsetType = UNSET
    """What made the request, by its user agent and habits; a guess."""
    hash_algorithm: str | UnsetType = UNSET
    """Under which the two hashes are."""
    issuer_name_hash: str | UnsetType = UNSET
    """Of the issuer's name: upper-case hex."""
    issuer_key_hash: str | UnsetType = UNSET
    """Of the issuer's key: upper-case hex."""
    serial_number: str | UnsetType = UNSET
    """Of the certificate, as in ocsp.log."""
    issuer: str | UnsetType = UNSET
    """The issuer's name, if the look-up cache knows it, and said so in time."""
    nonce: str | UnsetType = UNSET
    """The request's nonce, or the reply's if the request was not seen: upper-case hex."""
    requestor_name: str | UnsetType = UNSET
    """Who asks, by its own account."""
    request_signed: bool | UnsetType = UNSET
    """Whether the request is signed."""
    http_status: Count | UnsetType = UNSET
    """HTTP status code of the reply."""
    response_status: str | UnsetType = UNSET
    """successful, malformedrequest, internalerror, trylater, sigrequired, unauthorized, or the number."""
    cert_status: str | UnsetType = UNSET
    """good, revoked, unknown."""
    revocation_time: Time | UnsetType = UNSET
    """When it was revoked."""
    revocation_reason: str | UnsetType = UNSET
    """Why: keyCompromise, ..."""
    this_update: Time | UnsetType = UNSET
    """Since when this is known to be so."""
    next_update: Time | UnsetType = UNSET
    """When there will be newer knowledge."""
    produced_at: Time | UnsetType = UNSET
    """When the reply was signed."""
    responder_id: str | UnsetType = UNSET
    """Who signed it: byName:... or byKey:..."""
    signature_algorithm: str | UnsetType = UNSET
    """How."""
    nonce_echoed: bool | UnsetType = UNSET
    """Whether the reply repeats the request's nonce; left out if there was none to repeat."""
    on_crl: str | UnsetType = UNSET
    """URL of a CRL seen before that this certificate is on: of several a verified one, the latest; see crl.log."""
    on_crl_verified: bool | UnsetType = UNSET
    """Whether a known CA signed that CRL; if not, nobody could check it. A forged one is never told of."""
    on_crl_newer: bool | UnsetType = UNSET
    """Whether that CRL's thisUpdate is after the reply's, which may then be of the time before the revocation."""
    audit: list[str] | UnsetType = UNSET
    """What is not sound about the reply, by the names in docs/audit.md; empty if all is; left out without a reply."""
    verified: bool | UnsetType = UNSET
    """Whether it is the CA's word: its signature was verified, by a key that may sign for the CA; goes with `audit`."""
    response_delay: Interval | UnsetType = UNSET
    """From request to reply."""
    evidence: str
    """What was seen: request, response, both, or mismatch (both, about different certificates)."""
    ambiguous: list[str] | UnsetType = UNSET
    """In what it can be read otherwise: framing, host, tcp; left out where there is but one reading."""
    community_id: str
    """Community ID, version 1."""


class CleartextRecord(OfFlow, frozen=True, kw_only=True):
    """What one HTTP transaction gives away, or tries, in the clear beyond http.log; only where there is something.

    A request's body of more than `http.max_form_bytes` is not looked through; ocspwatch_limits counts those.
    """

    trans_depth: Count
    """Number of the transaction in its connection, from 1: as in http.log."""
    method: str | UnsetType = UNSET
    """Request method."""
    host: str | UnsetType = UNSET
    """Host header."""
    uri: str | UnsetType = UNSET
    """Request target, as in http.log."""
    user_agent: str | UnsetType = UNSET
    """User-Agent header."""
    status_code: Count | UnsetType = UNSET
    """Status code of the reply."""
    content_type: str | UnsetType = UNSET
    """What the request's body is said to be, if it has one."""
    resp_content_type: str | UnsetType = UNSET
    """What the reply's body is said to be, if it has one."""
    credentials: list[str] | UnsetType = UNSET
    """Where a secret stands and its kind: header:basic, query:pwd, form:password, uri:password; never the secret."""
    cookies: list[str] | UnsetType = UNSET
    """Names of the cookies sent; never their values."""
    set_cookies: list[str] | UnsetType = UNSET
    """Names of the cookies set."""
    lookups: list[str] | UnsetType = UNSET
    """Log4j lookups in target, headers and short bodies, their obfuscation undone: jndi:ldap://..., env:USER."""
    suspect: list[str] | UnsetType = UNSET
    """An attack on what reads it: header's name (or uri, body), a colon, the expression alone, up to 256 bytes."""
    ocsp_claims: list[str] | UnsetType = UNSET
    """By what it claims to be OCSP, where no OCSP could be read: host, path, content_type, resp_content_type."""


STREAMS: Final[dict[str, type[Record]]] = {
    "conn": ConnRecord,
    "http": HttpRecord,
    "files": FilesRecord,
    "ocsp": OcspRecord,
    "weird": WeirdRecord,
    "notice": NoticeRecord,
    "ocsp_exchange": OcspExchangeRecord,
    "leak": LeakRecord,
    "stats": StatsRecord,
    "capture_loss": CaptureLossRecord,
    "ocspwatch_stats": OwnStatsRecord,
    "cleartext": CleartextRecord,
    "crl": CrlRecord,
    "x509": X509Record,
    "weird_stats": WeirdStatsRecord,
    "ocspwatch_limits": LimitsRecord,
}
"""Every log by its name; the file is `<name>.log`."""
