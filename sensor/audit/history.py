"""What replies said of the same certificate before: bounded, and only what it takes to see that they disagree."""

from __future__ import annotations

from collections import OrderedDict

from sensor.audit.findings import BITS, Finding
from sensor.kept import Kept
from sensor.ocsp.model import CertId, CertStatus, OcspExchange, OcspResponse, SingleResponse

_UNDONE = BITS[Finding.status_undone]
_OUTDATED = BITS[Finding.status_outdated]
_CONFLICTING = BITS[Finding.status_conflicting]

_STATUSES = Kept()  # their numbers; a dict of the members of an Enum costs Python's own hash of each
for _number, _status in enumerate(CertStatus):
    _STATUSES.put(_status, _number)
_GOOD, _REVOKED = _STATUSES.get(CertStatus.good), _STATUSES.get(CertStatus.revoked)
_STATUS, _HOLD, _CREDIBLE = 3, 4, 8  # of what an answer says: the status' number, and flags

Said = tuple[int, int, int]
"""thisUpdate, producedAt (nanoseconds), and the status' number, with a flag if it is a hold, which may end."""

Asked = tuple[SingleResponse, int, int, int, int]
"""The answer, and what `check_number` takes."""


def whose(exchange: OcspExchange) -> tuple[bytes, str]:
    """The responder's name, and the serial number that its reply is about; "" if it is about none."""
    cert_id = exchange.cert_id
    host = exchange.flow.resp_h.encode() if exchange.host is None else exchange.host
    return host, "" if cert_id is None else cert_id.serial_number


class History:
    """The newest answer about each certificate; of more than `max_certificates`, the longest unseen is forgotten.

    Newer is a later thisUpdate, or with the same one a later producedAt: responders round thisUpdate to the hour.
    Certificates are kept by 64-bit hashes of their CertIDs, as in privacy.leak.
    """

    def __init__(self, max_certificates: int) -> None:
        self._max = max_certificates
        self._said: OrderedDict[int, Said] = OrderedDict()
        self._deferred: list[Asked] | None = None
        self.forgotten = 0

    def defer(self, asked: list[Asked]) -> None:
        """From now on nothing is found here: what another history's `check_number` needs is appended to `asked`."""
        self._deferred = asked

    def check(self, response: OcspResponse, single: SingleResponse, cert_id: CertId, is_credible: bool) -> int:
        """The findings, as bits, about an answer in the light of those before about `cert_id` (`Identity.of`). One that
        is not credible is compared, not remembered."""
        this_update = single.this_update
        if this_update is None:
            return 0
        said: int = _STATUSES.get(single.cert_status)
        if single.revocation_reason == "certificateHold":
            said |= _HOLD
        if is_credible:
            said |= _CREDIBLE
        number, produced_at = hash(cert_id), response.produced_at or 0
        if self._deferred is not None:
            self._deferred.append((single, number, this_update, produced_at, said))
            return 0
        return self.check_number(number, this_update, produced_at, said)

    def check_number(self, number: int, this_update: int, produced_at: int, said: int) -> int:
        """As `check`, of the certificate with this number: of this process, or of one that it forked into."""
        before = self._said.get(number)
        status = said & _STATUS
        if before is None:
            if said & _CREDIBLE:
                if len(self._said) >= self._max:
                    self._said.popitem(last=False)
                    self.forgotten += 1
                self._said[number] = (this_update, produced_at, said)
            return 0
        self._said.move_to_end(number)
        was = before[2] & _STATUS
        if before[0] == this_update and before[1] == produced_at:
            return 0 if was == status else _CONFLICTING
        if this_update < before[0] or (this_update == before[0] and produced_at < before[1]):
            return 0 if was == status else _OUTDATED
        if said & _CREDIBLE:
            self._said[number] = (this_update, produced_at, said)
        return _UNDONE if was == _REVOKED and status == _GOOD and not before[2] & _HOLD else 0

    def __len__(self) -> int:
        return len(self._said)
