"""What replies said of the same certificate before: bounded, and only what it takes to see that they disagree."""

from __future__ import annotations

from collections import OrderedDict

from sensor.audit.findings import BITS, Finding
from sensor.ocsp.model import CertId, CertStatus, OcspResponse, SingleResponse

_GOOD, _REVOKED = CertStatus.good, CertStatus.revoked
_UNDONE = BITS[Finding.status_undone]
_OUTDATED = BITS[Finding.status_outdated]
_CONFLICTING = BITS[Finding.status_conflicting]

Said = tuple[int, int, CertStatus, bool]
"""thisUpdate, producedAt (nanoseconds), the status, and whether it is a hold, which may end."""


class History:
    """The newest answer about each certificate; of more than `max_certificates`, the longest unseen is forgotten.

    Newer is a later thisUpdate, or with the same one a later producedAt: responders round thisUpdate to the hour.
    """

    def __init__(self, max_certificates: int) -> None:
        self._max = max_certificates
        self._said: OrderedDict[CertId, Said] = OrderedDict()
        self.forgotten = 0

    def check(self, response: OcspResponse, single: SingleResponse, is_credible: bool) -> int:
        """The findings, as bits, about an answer in the light of those before. One that is not credible is compared,
        not remembered."""
        this_update = single.this_update
        if this_update is None:
            return 0
        cert_id, status = single.cert_id, single.cert_status
        produced_at = response.produced_at or 0
        before = self._said.get(cert_id)
        if before is None:
            if is_credible:
                if len(self._said) >= self._max:
                    self._said.popitem(last=False)
                    self.forgotten += 1
                hold = single.revocation_reason == "certificateHold"
                self._said[cert_id] = (this_update, produced_at, status, hold)
            return 0
        self._said.move_to_end(cert_id)
        if before[0] == this_update and before[1] == produced_at:
            return 0 if before[2] is status else _CONFLICTING
        if this_update < before[0] or (this_update == before[0] and produced_at < before[1]):
            return 0 if before[2] is status else _OUTDATED
        if is_credible:
            self._said[cert_id] = (this_update, produced_at, status, single.revocation_reason == "certificateHold")
        return _UNDONE if before[2] is _REVOKED and status is _GOOD and not before[3] else 0

    def __len__(self) -> int:
        return len(self._said)
