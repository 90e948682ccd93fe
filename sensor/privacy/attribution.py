"""From a certificate asked about, and what the store knows of it, to who disclosed which site, and how surely.

What is claimed is what the wire shows: a request is unauthenticated text, so `evidence` says on what a leak rests,
and a serial that nobody asked for, in a reply to a question about another, is no leak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeGuard

from sensor.ct.lookup import Answer, CtLookup, Found, Issuer, Unavailable
from sensor.kept import Kept
from sensor.ocsp.carriage import resembles_get
from sensor.ocsp.model import CertId, Evidence, OcspExchange
from sensor.pki.certificates import Certificate
from sensor.privacy.held import HeldExchanges
from sensor.privacy.leak import FEW_SITES, Grade, Leak, LeakCounter, Verdict
from sensor.privacy.sites import SiteIndex, is_host_name
from sensor.privacy.software import SoftwareGuesser
from sensor.settings import OcspSettings, PrivacySettings

_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]+)")
_PORT = re.compile(rb":[0-9]{0,5}\Z")
_MAX_VERDICTS = 8192
_OCSP_LIMITS = OcspSettings()  # only how much of a target is looked at: no matter of configuration here


def certificate_names(certificate: Certificate) -> tuple[str, ...]:
    """Whom a certificate names: hosts, addresses and mailboxes; the common name first if it is a host.

    A common name that is no host stands for the certificate only where there is nothing else (code signing, people);
    then, without one, the subject does.
    """
    names = certificate.dns_names + certificate.ip_addresses + certificate.email_addresses
    common_name = certificate.common_name
    if not names:
        return (common_name or certificate.subject_name,)
    if _is_host(common_name) and common_name not in names:
        return (common_name, *names)
    return names


def _is_host(common_name: str | None) -> TypeGuard[str]:
    """A common name of one label is a person's or a product's as likely as a host's."""
    return common_name is not None and "." in common_name and is_host_name(common_name)


def judge(answer: Answer, sites: SiteIndex, max_names: int) -> Verdict:
    """The verdict on the certificate that `answer` is about.

    `site` is that of the common name if it is a host, else of the first name: with grade `exact` the one site there
    is, with `few` and `many` one of them and no more than a label. A wildcard under a public suffix is `many`, and so
    is a certificate of which more names are unread than `few` stands for: what is not known is not claimed.
    An answer that could not be had is graded like one not found; the stage counts these apart.
    """
    if not isinstance(answer, Found):
        issuer = None if answer.issuer is None else answer.issuer.name
        return Verdict(issuer, None, (), 0, 0, Grade.unlisted, None, None, None)
    certificate = answer.certificate
    if certificate.is_ca:
        names: tuple[str, ...] = (certificate.common_name or certificate.subject_name,)
        site, sites_total, grade = None, 0, Grade.ca
    else:
        names = certificate_names(certificate)
        hosts = tuple(name for name in names if name not in certificate.ip_addresses and "@" not in name)
        named = sites.sites(hosts or names)  # an address or a mailbox beside host names is no further site
        site = sites.site(certificate.common_name) if _is_host(certificate.common_name) else named.sites[0]
        sites_total = len(named.sites)
        if named.open_ended or sites_total > FEW_SITES or certificate.names_left_out > FEW_SITES:
            grade = Grade.many
        else:
            grade = Grade.exact if sites_total == 1 else Grade.few
    return Verdict(
        answer.issuer.name,
        site,
        names[:max_names],
        len(names) + certificate.names_left_out,
        sites_total,
        grade,
        answer.source,
        certificate.not_before,
        certificate.not_after,
        responder_hosts(certificate.ocsp_urls),
    )


def responder_hosts(urls: Sequence[str]) -> frozenset[bytes]:
    """The hosts in OCSP URLs, in lower case; a URL without one says nothing."""
    hosts = (_HOST.match(url) for url in urls)
    return frozenset(found[1].lower().encode() for found in hosts if found is not None)


def _is_foreign(host: bytes | None, responders: frozenset[bytes]) -> bool:
    """Whether a host asked, as in a Host header, is none of `responders`; where either is not known it is not said."""
    if host is None or not responders or host in responders:
        return False
    return _PORT.sub(b"", host).lower() not in responders


def asked_about(exchange: OcspExchange) -> CertId | None:
    """The certificate that this client can be said to have asked about, if any.

    A reply alone counts (the question was not captured, or is not readable), but not where the question is known to
    have been another: about other certificates, or, a GET for something else, about no certificate at all. Otherwise
    any web server could plant a disclosure by a reply that nobody asked for.
    """
    request = exchange.request
    if request is None:
        is_get = exchange.method is not None and exchange.method != "POST"
        claimed = not is_get or resembles_get(exchange.uri or b"", _OCSP_LIMITS, at_responder=True)
    else:
        claimed = exchange.evidence is not Evidence.mismatch or exchange.cert_id in request.cert_ids
    return exchange.cert_id if claimed else None


class LeakStage:
    """OcspExchanges in, Leaks out: one for each client, certificate and HTTP transaction.

    `found`, `not_found` and `unavailable` count what was looked up, `forgotten` the (client, certificate) pairs whose
    count was given up. `waiting` exchanges are held because an answer about one of them is `pending` (LateLookup).
    """

    def __init__(self, settings: PrivacySettings, lookup: CtLookup, prompt: CtLookup | None = None) -> None:
        """`prompt` answers about what is no leak."""
        self._max_names = settings.max_names_logged
        self._lookup = lookup
        self._prompt = prompt or lookup
        self._counter = LeakCounter(settings.max_tracked)
        self._sites = SiteIndex()
        self._software = SoftwareGuesser()
        self._verdicts: dict[tuple[int, str], tuple[Answer, Verdict]] = {}
        self._same = Kept()  # verdicts on answers that come again as they are, which is how look-ups remember them
        self._held = HeldExchanges(settings.max_waiting_bytes)
        self.found = 0
        self.not_found = 0
        self.unavailable = 0

    @property
    def forgotten(self) -> int:
        return self._counter.forgotten

    @property
    def not_held(self) -> int:
        """Groups of exchanges that did not wait for their answers, for want of room."""
        return self._held.refused

    @property
    def waiting(self) -> int:
        return self._held.exchanges

    def prepare(self) -> None:
        """Reads the list of public suffixes now and not when the first name needs it."""
        self._sites.site("www.example.org")

    def defer(self) -> None:
        """From now on `times_seen` is the number of client and certificate, for `LeakCounter.see_number` elsewhere."""
        self._counter.defer()

    def feed(self, exchanges: Sequence[OcspExchange]) -> list[Leak]:
        """The leaks in `exchanges`, in order; exchanges of one transaction stand next to each other.

        None while an answer is pending: then they come out of `settle`, unless too much waits already.
        """
        asked: list[OcspExchange] = []
        ids: list[CertId] = []
        for exchange in exchanges:
            cert_id = asked_about(exchange)
            if cert_id is not None:
                asked.append(exchange)
                ids.append(cert_id)
        if not ids:
            return []
        answers = self._lookup.lookup(ids)
        for answer in answers:
            if type(answer) is Unavailable and answer.pending:
                if self._held.hold(asked, ids, answers):
                    return []
                break
        return self._leaks(asked, ids, answers)

    def settle(self, late: Sequence[tuple[CertId, Answer]]) -> list[Leak]:
        """The leaks that waited for these answers and for no other, with their own times."""
        leaks = []
        for asked, ids, answers in self._held.release(late):
            leaks += self._leaks(asked, ids, answers)
        return leaks

    def _leaks(self, asked: list[OcspExchange], ids: list[CertId], answers: list[Answer]) -> list[Leak]:
        if len(ids) == 1:
            return [self._leak(asked[0], answers[0], _certificate_key(ids[0], answers[0]))]
        leaks = []
        before = None
        told: set[tuple[object, str]] = set()
        for exchange, cert_id, answer in zip(asked, ids, answers, strict=True):
            if before is None or exchange.request is not before.request or exchange.response is not before.response:
                told.clear()
            before = exchange
            certificate = _certificate_key(cert_id, answer)
            if certificate not in told:  # RFC 9919 3.2.1: one certificate, answered under SHA-1 and under SHA-256
                told.add(certificate)
                leaks.append(self._leak(exchange, answer, certificate))
        return leaks

    def describe(self, exchange: OcspExchange) -> tuple[str | None, str]:
        """Issuer (RFC 4514 text, if known) and software of an exchange that is no leak, for its line in the log."""
        issuer: Issuer | None = None
        if exchange.cert_id is not None:
            answer = self._prompt.lookup([exchange.cert_id])[0]
            issuer = answer.issuer
        return None if issuer is None else issuer.name, self._software.guess(exchange)

    def _leak(self, exchange: OcspExchange, answer: Answer, certificate: tuple[object, str]) -> Leak:
        verdict = self._verdict(answer)
        flow = exchange.flow
        return Leak(
            exchange.ts,
            flow,
            "ocsp",
            certificate[1],
            verdict.issuer,
            verdict.site,
            verdict.names,
            verdict.names_total,
            verdict.sites_total,
            verdict.grade,
            verdict.found_in,
            verdict.not_before,
            verdict.not_after,
            self._software.guess(exchange),
            exchange.evidence,
            self._counter.see((flow.orig_h, certificate[0], certificate[1])),
            exchange,
            _is_foreign(exchange.host, verdict.responders),
        )

    def _verdict(self, answer: Answer) -> Verdict:
        if type(answer) is Found:
            self.found += 1
        elif type(answer) is Unavailable:
            self.unavailable += 1
        else:
            self.not_found += 1
        verdict: Verdict | None = self._same.get(answer)
        return self._find_verdict(answer) if verdict is None else verdict

    def _find_verdict(self, answer: Answer) -> Verdict:
        if type(answer) is Found:
            key = (answer.issuer.number, answer.certificate.serial_number)
        else:
            key = (-1 if answer.issuer is None else answer.issuer.number, "")
        known = self._verdicts.get(key)
        if known is None or not (known[0] is answer or known[0] == answer):
            known = (answer, judge(answer, self._sites, self._max_names))
            if len(self._verdicts) >= _MAX_VERDICTS:
                self._verdicts.clear()
            self._verdicts[key] = known
        elif known[0] is answer:
            self._same.put(answer, known[1])
        return known[1]


def _certificate_key(cert_id: CertId, answer: Answer) -> tuple[object, str]:
    """Issuer and serial: the issuer's number where it is known, so that every hash of its name and key is the same."""
    issuer: Issuer | None
    if type(answer) is Found:
        found = answer
        issuer = found.issuer
    else:
        issuer = answer.issuer
    return (cert_id.issuer_key_hash if issuer is None else issuer.number, cert_id.serial_number)
