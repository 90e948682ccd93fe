"""What leak.log says, and of what clients fetch beside OCSP crl.log and Zeek's x509.log. See `logs.records`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from sensor.logs.schema import Count, Interval, OfFlow, Record, Time


class LeakRecord(OfFlow, frozen=True, kw_only=True):
    """A disclosure: this client told everyone on the path that it deals with this certificate's site."""

    channel: str
    """How: ocsp, crl (a CRL was fetched), ca_issuers (an issuer's certificate was fetched)."""
    url: str | UnsetType = UNSET
    """What was fetched, of crl and ca_issuers."""
    serial_number: str | UnsetType = UNSET
    """Of the certificate, as in ocsp.log; a CRL is about many."""
    issuer: str | UnsetType = UNSET
    """The issuer's name, if the look-up cache knows it."""
    site: str | UnsetType = UNSET
    """The registrable domain, or the first name; of a CRL, that of one certificate that names it."""
    names: list[str] | UnsetType = UNSET
    """Names in the certificate, the first few."""
    names_total: Count
    """How many it has; of a CRL, how many the known certificates have that name it."""
    sites_total: Count
    """How many registrable domains they are; of a CRL, with one for each entry about an unknown certificate."""
    grade: str
    """exact (one site), few (2 to 10), many, ca (an intermediate), unlisted (not in the look-up cache)."""
    found_in: str | UnsetType = UNSET
    """Where the look-up cache had the certificate from."""
    not_before: Time | UnsetType = UNSET
    """Begin of the certificate's validity."""
    not_after: Time | UnsetType = UNSET
    """End of the certificate's validity."""
    software: str
    """What made the request, by its user agent and habits; a guess."""
    evidence: str
    """What was seen: request, response, both, or mismatch (both, about different certificates)."""
    times_seen: Count
    """How often this client disclosed this certificate, this time included."""
    foreign_responder: bool | UnsetType = UNSET
    """True where the certificate names OCSP responders, and the host that was asked is none of them."""
    ambiguous: list[str] | UnsetType = UNSET
    """As in ocsp_exchange.log: in what the octets can be read otherwise, so that this may not have been said."""
    community_id: str
    """Community ID, version 1."""


class CrlRecord(OfFlow, frozen=True, kw_only=True):
    """One CRL fetched, or asked for by its address and not sent: not modified since (304), or no reply was seen."""

    fuid: str | UnsetType = UNSET
    """The reply's body in files.log."""
    method: str | UnsetType = UNSET
    """GET, usually."""
    url: str | UnsetType = UNSET
    """What was asked for: host in lower case, no port 80."""
    user_agent: str | UnsetType = UNSET
    """User-Agent header."""
    http_status: Count | UnsetType = UNSET
    """HTTP status code of the reply."""
    decoded: str
    """whole, cut (its end did not come), hole (lost in capture), broken (see weird.log), none (none came)."""
    size: Count | UnsetType = UNSET
    """Its octets in DER, as far as seen."""
    version: Count | UnsetType = UNSET
    """1 or 2."""
    issuer: str | UnsetType = UNSET
    """The CRL issuer's name."""
    authority_key_id: str | UnsetType = UNSET
    """Which of the issuer's keys signed it: upper-case hex."""
    crl_number: str | UnsetType = UNSET
    """Upper-case hex, as serial numbers are written."""
    base_crl_number: str | UnsetType = UNSET
    """Of a delta CRL: the number of the CRL that it changes."""
    this_update: Time | UnsetType = UNSET
    """When it was issued."""
    next_update: Time | UnsetType = UNSET
    """When there will be a newer one."""
    entries: Count | UnsetType = UNSET
    """Revoked certificates in it; of one that is not whole, as far as seen."""
    distribution_points: list[str] | UnsetType = UNSET
    """Names in its IssuingDistributionPoint, the first few: which shard it is."""
    only_contains: list[str] | UnsetType = UNSET
    """What its IssuingDistributionPoint limits it to: user_certs, ca_certs, attribute_certs."""
    only_some_reasons: list[str] | UnsetType = UNSET
    """... and to which reasons."""
    indirect_crl: bool | UnsetType = UNSET
    """Whether other CAs' certificates may be on it; left out without IssuingDistributionPoint."""
    certificate_issuers: Count | UnsetType = UNSET
    """How often its entries change to another CA."""
    freshest_crl: list[str] | UnsetType = UNSET
    """Where its delta CRLs are, the first few."""
    signature_algorithm: str | UnsetType = UNSET
    """How it is signed."""
    asked_serials: list[str] | UnsetType = UNSET
    """Certificates on it that were asked about by OCSP before, the first few; certain if `verified`."""
    asked_total: Count | UnsetType = UNSET
    """How many there are."""
    audit: list[str] | UnsetType = UNSET
    """What is not sound about it, by the names in docs/crl-audit.md; empty if all is; left out if none came."""
    verified: bool | UnsetType = UNSET
    """Whether it is complete, not from the future, and signed by a known CA: if not, it proves nothing."""
    response_delay: Interval | UnsetType = UNSET
    """From request to reply."""
    evidence: str
    """What was seen: request, response, both."""
    community_id: str
    """Community ID, version 1."""


class X509Record(Record, frozen=True, kw_only=True):
    """A certificate fetched in clear, as Zeek writes it; the same one once a day."""

    ts: Time
    """When it was first seen."""
    fingerprint: str
    """SHA-256 of the certificate: lower-case hex."""
    certificate_version: Count = field(name="certificate.version")
    """1 to 3."""
    certificate_serial: str = field(name="certificate.serial")
    """Serial number: upper-case hex."""
    certificate_subject: str = field(name="certificate.subject")
    """Whose it is, as OpenSSL writes names under RFC 2253."""
    certificate_issuer: str = field(name="certificate.issuer")
    """Who issued it."""
    certificate_not_valid_before: Time | UnsetType = field(name="certificate.not_valid_before", default=UNSET)
    """Begin of its validity; left out if unreadable (Zeek prints 0)."""
    certificate_not_valid_after: Time | UnsetType = field(name="certificate.not_valid_after", default=UNSET)
    """End of its validity; likewise."""
    certificate_key_alg: str = field(name="certificate.key_alg")
    """Algorithm of its key, in OpenSSL's words."""
    certificate_sig_alg: str = field(name="certificate.sig_alg")
    """Algorithm of its signature."""
    certificate_key_type: str | UnsetType = field(name="certificate.key_type", default=UNSET)
    """rsa, dsa, ecdsa."""
    certificate_key_length: Count | UnsetType = field(name="certificate.key_length", default=UNSET)
    """Bits of its key."""
    certificate_exponent: str | UnsetType = field(name="certificate.exponent", default=UNSET)
    """RSA exponent."""
    certificate_curve: str | UnsetType = field(name="certificate.curve", default=UNSET)
    """Elliptic curve, if it has a name."""
    san_dns: list[str] | UnsetType = field(name="san.dns", default=UNSET)
    """Host names in it."""
    san_uri: list[str] | UnsetType = field(name="san.uri", default=UNSET)
    """URIs in it."""
    san_email: list[str] | UnsetType = field(name="san.email", default=UNSET)
    """Mail addresses in it."""
    san_ip: list[str] | UnsetType = field(name="san.ip", default=UNSET)
    """IP addresses in it."""
    basic_constraints_ca: bool | UnsetType = field(name="basic_constraints.ca", default=UNSET)
    """Whether it is a CA's; left out without basicConstraints."""
    basic_constraints_path_len: Count | UnsetType = field(name="basic_constraints.path_len", default=UNSET)
    """How many CAs may be below it."""
    host_cert: bool
    """Whether a TLS server sent it for itself: not here."""
    client_cert: bool
    """Whether a TLS client sent it for itself: not here."""
