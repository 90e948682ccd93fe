"""What was fetched beside OCSP to lines of crl.log and x509.log. See `logs.render`, whose ways these are."""

from __future__ import annotations

from collections.abc import Iterable

from sensor.fetch.model import CrlFetch
from sensor.logs.buffer import LineBuffer
from sensor.logs.parts import CRL, X509, Parts
from sensor.logs.repeats import CertificateMemory
from sensor.pki import x509
from sensor.pki.crl import Crl, CrlScope
from sensor.settings import LogSettings

_MAX_NAME_BYTES = 1 << 16  # Zeek does not cut names of certificates


class FetchLines:
    """Renders lines of crl.log and x509.log."""

    def __init__(self, settings: LogSettings, parts: Parts) -> None:
        self._parts = parts
        self.known = CertificateMemory(settings)

    def crl(self, out: LineBuffer, fetched: CrlFetch) -> None:
        """The line of crl.log."""
        parts, fetch, crl = self._parts, fetched.fetch, fetched.crl
        us = fetch.ts // 1000
        end = us if fetch.response_ts is None else max(us, fetch.response_ts // 1000)
        parts.begin(out, CRL, us, end)
        out.raw(parts.use_flow(fetch.flow))
        if fetch.resp_fuid is not None:
            out.string("fuid", fetch.resp_fuid)
        if fetch.method is not None:
            out.string("method", parts.short_str(fetch.method))
        if fetch.url:
            out.string("url", parts.short_str(fetch.url))
        if fetch.user_agent is not None:
            out.string("user_agent", parts.short_text(fetch.user_agent))
        if fetch.http_status is not None:
            out.number("http_status", fetch.http_status)
        if crl is None:
            out.string("decoded", "none")
        else:
            out.string("decoded", crl.end.value)
            out.number("size", crl.octets)
            self._said(out, crl)
        if fetched.asked:
            self._list(out, "asked_serials", (entry.serial_number for entry in fetched.asked))
            out.number("asked_total", fetched.asked_total)
        if fetched.audit is not None:
            self._list(out, "audit", (finding.value for finding in fetched.audit))
        if fetched.verified is not None:
            out.flag("verified", fetched.verified)
        if fetch.response_ts is not None and fetch.method is not None:
            out.seconds("response_delay", end - us)
        out.string("evidence", fetch.evidence.value)
        out.string("community_id", parts.community_id(fetch.flow))
        out.end()

    def _said(self, out: LineBuffer, crl: Crl) -> None:
        """The fields from version to signature_algorithm."""
        parts, head, more = self._parts, crl.head, crl.extensions
        if head is not None:
            out.number("version", head.version)
            out.string("issuer", parts.short_str(head.issuer))
        if more.authority_key_id is not None:
            out.string("authority_key_id", more.authority_key_id.hex().upper())
        if more.number is not None:
            out.string("crl_number", more.number)
        if more.base_number is not None:
            out.string("base_crl_number", more.base_number)
        if head is not None and head.this_update is not None:
            parts.time(out, "this_update", head.this_update)
        if head is not None and head.next_update is not None:
            parts.time(out, "next_update", head.next_update)
        out.number("entries", crl.entries)
        if more.scope is not None:
            self._scope(out, more.scope)
        if crl.issuers:
            out.number("certificate_issuers", crl.issuers)
        if more.delta_urls:
            self._list(out, "freshest_crl", more.delta_urls)
        if crl.signature_algorithm is not None:
            out.string("signature_algorithm", parts.short_str(crl.signature_algorithm))

    def _scope(self, out: LineBuffer, scope: CrlScope) -> None:
        if scope.names:
            self._list(out, "distribution_points", scope.names)
        kinds = ("user_certs", "ca_certs", "attribute_certs")
        flags = (scope.only_user_certs, scope.only_ca_certs, scope.only_attribute_certs)
        only = [kind for kind, is_set in zip(kinds, flags, strict=True) if is_set]
        if only:
            self._list(out, "only_contains", only)
        if scope.reasons:
            self._list(out, "only_some_reasons", scope.reasons)
        out.flag("indirect_crl", scope.indirect)

    def certificate(self, out: LineBuffer, certificate: x509.X509, ts: int) -> None:
        """The line of x509.log."""
        parts = self._parts
        us = ts // 1000
        parts.begin(out, X509, us, us)
        out.string("fingerprint", certificate.fingerprint)
        out.number("certificate.version", certificate.version)
        out.string("certificate.serial", certificate.serial_number)
        out.string("certificate.subject", parts.long_str(certificate.subject, _MAX_NAME_BYTES))
        out.string("certificate.issuer", parts.long_str(certificate.issuer, _MAX_NAME_BYTES))
        if certificate.not_before is not None:
            parts.time(out, "certificate.not_valid_before", certificate.not_before)
        if certificate.not_after is not None:
            parts.time(out, "certificate.not_valid_after", certificate.not_after)
        out.string("certificate.key_alg", certificate.key_algorithm)
        out.string("certificate.sig_alg", certificate.signature_algorithm)
        if certificate.key_type is not None:
            out.string("certificate.key_type", certificate.key_type)
        if certificate.key_length is not None:
            out.number("certificate.key_length", certificate.key_length)
        if certificate.exponent is not None:
            out.string("certificate.exponent", certificate.exponent)
        if certificate.curve is not None:
            out.string("certificate.curve", certificate.curve)
        for name, texts in (
            ("san.dns", certificate.dns_names),
            ("san.uri", certificate.uris),
            ("san.email", certificate.email_addresses),
            ("san.ip", certificate.ip_addresses),
        ):
            if texts:
                self._list(out, name, texts)
        if certificate.ca is not None:
            out.flag("basic_constraints.ca", certificate.ca)
        if certificate.path_length is not None:
            out.number("basic_constraints.path_len", certificate.path_length)
        out.flag("host_cert", False)
        out.flag("client_cert", False)
        out.end()

    def _list(self, out: LineBuffer, name: str, texts: Iterable[str]) -> None:
        out.open_list(name)
        for text in texts:
            out.item(self._parts.short_str(text))
        out.close_list()
