"""From a CRL or a CA's certificate that was fetched to what that gives away: less than a serial, but not nothing.

A CRL is about many certificates, so what is known of one shard is a bound. The certificates in the look-up cache that
name its address are candidates; every entry beyond them is a certificate that nobody here knows and that names it, too.
So `exact` needs a CRL that was read, one site among the known certificates, and no entry of another.
"""

from __future__ import annotations

from sensor.ct.lookup import CrlUse, CtLookup, Unavailable
from sensor.fetch.model import CertificateFetch, CrlFetch, Fetch
from sensor.pki.crl import CrlEnd
from sensor.pki.names import display_name
from sensor.privacy.attribution import certificate_names
from sensor.privacy.leak import FEW_SITES, Grade, Leak, LeakCounter
from sensor.privacy.sites import SiteIndex
from sensor.privacy.software import software_of_agent
from sensor.settings import PrivacySettings

_NO_USE = CrlUse((), False)


class FetchLeaks:
    """Fetches in, Leaks out: one for each that says something. `unavailable` counts failed look-ups of CRLs."""

    def __init__(self, settings: PrivacySettings, lookup: CtLookup) -> None:
        self._max_names = settings.max_names_logged
        self._lookup = lookup
        self._counter = LeakCounter(settings.max_tracked)
        self._sites = SiteIndex()
        self.unavailable = 0

    def defer(self) -> None:
        """As LeakStage.defer."""
        self._counter.defer()

    @property
    def forgotten(self) -> int:
        return self._counter.forgotten

    def crl(self, fetched: CrlFetch) -> Leak:
        """What asking for this CRL gives away."""
        fetch, crl = fetched.fetch, fetched.crl
        use: CrlUse | Unavailable = self._lookup.with_crl(fetch.url) if fetch.url else _NO_USE
        if isinstance(use, Unavailable):
            self.unavailable += 1
            use = _NO_USE
        known = [each for each in use.certificates if not each.certificate.is_ca]
        issuer = use.certificates[0].issuer.name if use.certificates else None
        ca_name = use.certificates[0].issuer.common_name if use.certificates else ""
        only_ca = bool(use.certificates) and not known and not use.more
        if crl is not None and crl.head is not None:
            issuer = crl.head.issuer
            ca_name = display_name(crl.head.issuer_der) or issuer
            scope = crl.extensions.scope
            only_ca = only_ca or (scope is not None and scope.only_ca_certs)
        if only_ca:
            return self._leak(fetch, "crl", None, issuer, None, (ca_name or issuer or "",), 1, 0, Grade.ca)
        if not known:
            return self._leak(fetch, "crl", None, issuer, None, (), 0, 0, Grade.unlisted)
        names = tuple(dict.fromkeys(name for each in known for name in certificate_names(each.certificate)))
        named = self._sites.sites(names)
        in_file = () if crl is None else (crl, *crl.others)
        others = max(0, sum(each.entries for each in in_file) - len(use.certificates))
        if crl is None or crl.more or any(each.end is not CrlEnd.whole for each in in_file):
            others = max(1, others)  # that no other certificate names it is not known
        sites_total = len(named.sites) + others
        if use.more or named.open_ended or sites_total > FEW_SITES:
            grade = Grade.many
        else:
            grade = Grade.exact if sites_total == 1 else Grade.few
        return self._leak(fetch, "crl", None, issuer, named.sites[0], names, len(names), sites_total, grade)

    def certificates(self, fetched: CertificateFetch) -> Leak | None:
        """What asking for these certificates gives away: with which CA's certificates the client deals. None if there
        is no CA's among them."""
        cas = [each for each in fetched.certificates if each.ca]
        if not cas:
            return None
        above = {each.issuer_der for each in cas if each.issuer_der != each.subject_der}
        ca = next((each for each in cas if each.subject_der not in above), cas[0])  # the lowest of a chain
        name = ca.common_name or ca.subject
        return self._leak(
            fetched.fetch, "ca_issuers", ca.serial_number, ca.issuer, None, (name,), 1, 0, Grade.ca, ca.fingerprint
        )

    def _leak(
        self,
        fetch: Fetch,
        channel: str,
        serial_number: str | None,
        issuer: str | None,
        site: str | None,
        names: tuple[str, ...],
        names_total: int,
        sites_total: int,
        grade: Grade,
        key: str | None = None,
    ) -> Leak:
        return Leak(
            fetch.ts,
            fetch.flow,
            channel,
            serial_number,
            issuer,
            site,
            names[: self._max_names],
            names_total,
            sites_total,
            grade,
            None,
            None,
            None,
            software_of_agent(fetch.user_agent),
            fetch.evidence,
            self._counter.see((fetch.flow.orig_h, channel, key or fetch.url)),
            fetch,
        )
