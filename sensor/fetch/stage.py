"""HTTP transactions in, the CRLs and certificates that were fetched by them out, and what was odd about them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from sensor.ct.lookup import CtLookup
from sensor.ct.sources import DerItem, Item, Refusal
from sensor.ct.sources.der import read_blob
from sensor.ct.sources.pem import read_pem
from sensor.fetch.audit import CrlAuditor, weigh
from sensor.fetch.findings import Weight
from sensor.fetch.model import CertificateFetch, CrlFetch, Fetch
from sensor.fetch.revocations import Revocations
from sensor.http.content import PEM_CERTIFICATES
from sensor.http.transaction import BodyFile, HttpTransaction
from sensor.ocsp.model import Evidence
from sensor.pki.crl import Crl, CrlEnd
from sensor.pki.crl_reader import CrlReader
from sensor.pki.crl_tap import CrlTap
from sensor.pki.names import url_key
from sensor.pki.serial_index import SerialIndex
from sensor.pki.x509 import X509, X509Error, decode_x509
from sensor.settings import AuditSettings, CrlSettings
from sensor.weird import FlowId, Weird

FetchEvent = CrlFetch | CertificateFetch | Weird

CERTIFICATE_TYPES: Final = frozenset({"application/pkix-cert", "application/pkcs7-mime", "application/x-pem"})
"""What a body is that holds certificates, by its content."""

CRL_SUFFIXES: Final = frozenset({b".crl", b".CRL", b".Crl"})
"""How a request's target ends that asks for a CRL, whatever comes."""

_CERTIFICATE_LABELS: Final = frozenset(
    {"application/pkix-cert", "application/x-x509-ca-cert", "application/x-pkcs7-certificates"}
)
_PEM: Final = b"-----BEGIN"
_METHODS: Final = {b"GET": "GET", b"POST": "POST", b"HEAD": "HEAD"}
_MAX_URL: Final = 2048
_REMOVED: Final = "removeFromCRL"


class FetchStage:
    """Reads what was fetched. `new_tap` is what a body that may be a CRL is given to while it goes by."""

    def __init__(self, settings: CrlSettings, audit: AuditSettings, lookup: CtLookup) -> None:
        """CAs' certificates that come are offered to `lookup`."""
        self._settings = settings
        self._skew = int(audit.skew_s * 1e9)
        self._auditor = CrlAuditor(audit, settings.max_crls, lookup) if audit.enabled else None
        self._lookup = lookup
        self.revocations = Revocations(settings)
        self._answer = self.revocations.answer

    def new_tap(self) -> CrlTap:
        """A reader for one body (sensor.http.transaction.NewTap)."""
        return CrlTap(self._new_reader, self._settings.max_part_bytes, self._settings.max_in_file)

    def _new_reader(self) -> CrlReader:
        return CrlReader(self._settings, SerialIndex(self.revocations.budget), self.revocations.watch)

    def feed(self, transaction: HttpTransaction) -> list[FetchEvent]:
        """What one transaction fetched. Never raises for what the bytes are."""
        response = transaction.response
        events: list[FetchEvent] = []
        found = False
        for file in response.files if response is not None else ():
            if isinstance(file.reading, Crl):
                found = True
                self._crls(events, transaction, file, file.reading)
            elif isinstance(file.content, bytes) and _holds_certificates(file, file.content):
                found = True
                self._certificates(events, transaction, file, file.content)
            elif isinstance(file.content, bytes) and _label(file) in _CERTIFICATE_LABELS:
                events.append(_weird(transaction, file, "x509_parse_error", "not a certificate"))
        if not found and _is_unanswered(transaction):
            events.append(CrlFetch(_fetch(transaction, None), None))
        elif _is_crl_wanted(transaction) and not any(isinstance(event, CrlFetch) for event in events):
            self._another(events, transaction)
        return events

    def _another(self, events: list[FetchEvent], transaction: HttpTransaction) -> None:
        """A CRL was asked for, and came in a form that is not read, or not at all: PKCS#7, several parts, a page."""
        response = transaction.response
        if response is None or response.status_code != 200 or any(type(each) is Weird for each in events):
            return
        for file in response.files[:1]:
            events.append(_weird(transaction, file, "crl_in_other_form", file.mime_type or _label(file)))

    def _crls(self, events: list[FetchEvent], transaction: HttpTransaction, file: BodyFile, crl: Crl) -> None:
        """All of a file."""
        self._crl(events, transaction, file, crl)
        for other in crl.others:
            self._crl(events, transaction, file, other, further=True)
        if crl.more:
            events.append(_weird(transaction, file, "crl_more_follow", f"{crl.more} in the same file are not read"))

    def _crl(
        self,
        events: list[FetchEvent],
        transaction: HttpTransaction,
        file: BodyFile,
        crl: Crl,
        further: bool = False,
    ) -> None:
        if crl.end is CrlEnd.broken:
            name = "asn1_limit" if crl.limit else "crl_parse_error"
            events.append(_weird(transaction, file, name, crl.problem))
        if crl.head is None:
            return  # labelled as one, and none
        if crl.serials is not None and crl.serials.is_full:
            told = f"{len(crl.serials)} of {crl.entries} entries are remembered"
            events.append(_weird(transaction, file, "crl_not_remembered", told))
        fetch = _fetch(transaction, file)
        asked = tuple(entry for entry in crl.hits if entry.reason != _REMOVED)
        audit = None
        if self._auditor is not None:
            issuer = crl.head.issuer_der
            answers = [(each, self._answer(each.issuer_der or issuer, each.serial_number)) for each in asked]
            audit = self._auditor.audit(fetch, crl, answers)
        moment = fetch.ts if fetch.response_ts is None else fetch.response_ts
        weight = weigh(crl, audit, moment, self._skew)
        total = crl.hits_total - len(crl.hits) + len(asked)
        events.append(CrlFetch(fetch, crl, asked, total, audit, weight is Weight.verified, further))
        self.revocations.remember(fetch.url, crl, weight)
        if weight is Weight.verified:
            for entry in crl.hits:
                if entry.reason == _REMOVED:
                    self.revocations.remove(entry.issuer_der or crl.head.issuer_der, entry.serial_number, crl)

    def _certificates(
        self, events: list[FetchEvent], transaction: HttpTransaction, file: BodyFile, content: bytes
    ) -> None:
        found: list[X509] = []
        left_out = more = 0
        is_text = content.startswith(_PEM)
        if not is_text:
            self._lookup.issuer_from_traffic(content)
        for item in _items(content):
            if not isinstance(item, DerItem):
                left_out += 1
                reason = item.reason if isinstance(item, Refusal) else None
                events.append(_weird(transaction, file, "x509_parse_error", reason))
            elif len(found) >= self._settings.max_certificates:
                left_out += 1
                more += 1
            else:
                if is_text:
                    self._lookup.issuer_from_traffic(item.der)
                try:
                    found.append(decode_x509(item.der, self._settings.max_san_names))
                except X509Error as error:
                    left_out += 1
                    events.append(_weird(transaction, file, "x509_parse_error", error.reason))
        if more:
            events.append(_weird(transaction, file, "x509_more_follow", f"{more} in the same file are not logged"))
        if found:
            events.append(CertificateFetch(_fetch(transaction, file), file.first_ts, tuple(found), left_out))
        elif not left_out and not _is_crl_wanted(transaction):
            events.append(_weird(transaction, file, "x509_parse_error", "no certificate in it"))


def _items(content: bytes) -> Iterator[Item]:
    """The certificates in a body, in whatever form."""
    if content.startswith(_PEM):  # as `http.mime` finds it
        return read_pem(io.BytesIO(content), len(content))
    return read_blob(content)


def _holds_certificates(file: BodyFile, content: bytes) -> bool:
    return file.mime_type in CERTIFICATE_TYPES or content.startswith(PEM_CERTIFICATES)


def _is_unanswered(transaction: HttpTransaction) -> bool:
    """Whether a CRL was asked for, by its address, and not sent: not modified since, or the reply was not seen."""
    response = transaction.response
    if response is not None and response.status_code not in (None, 206, 304):
        return False
    return _is_crl_wanted(transaction)


def _is_crl_wanted(transaction: HttpTransaction) -> bool:
    """Whether a CRL was asked for, by its address."""
    request = transaction.request
    return request is not None and request.method == b"GET" and request.target[-4:] in CRL_SUFFIXES


def _fetch(transaction: HttpTransaction, file: BodyFile | None) -> Fetch:
    request, response = transaction.request, transaction.response
    evidence = Evidence.both
    if request is None:
        evidence = Evidence.response
    elif response is None:
        evidence = Evidence.request
    return Fetch(
        transaction.flow,
        transaction.ts,
        None if request is None else _METHODS.get(request.method) or request.method[:16].decode("latin-1"),
        None if request is None else request.host,
        None if request is None else request.target,
        None if request is None else request.user_agent,
        None if response is None else response.status_code,
        url_of(transaction),
        None if file is None else file.fuid,
        None if file is None else file.mime_type,
        None if response is None else response.ts,
        evidence,
    )


def url_of(transaction: HttpTransaction) -> str:
    """What was asked for, as an absolute URL in the form of `pki.names.url_key`.

    Octets that are not ASCII as \\xNN; cut at 2,048 of them. "" where the request was not seen.
    """
    request = transaction.request
    if request is None:
        return ""
    target = request.target[:_MAX_URL]
    if b"://" not in target[:8]:
        target = b"http://" + (request.host or _address(transaction.flow)) + target
    return url_key(target[:_MAX_URL].decode("ascii", "backslashreplace"))


def _address(flow: FlowId) -> bytes:
    host = f"[{flow.resp_h}]" if ":" in flow.resp_h else flow.resp_h
    return f"{host}:{flow.resp_p}".encode()


def _label(file: BodyFile) -> str | None:
    """The media type that the header claims, without parameters, in lower case (RFC 9110 8.3.1)."""
    return None if file.content_type is None else file.content_type.partition(";")[0].strip().lower()


def _weird(transaction: HttpTransaction, file: BodyFile, name: str, addl: str | None) -> Weird:
    return Weird(file.last_ts, name, transaction.flow, addl, "X509")
