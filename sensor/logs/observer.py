"""Who looks on while lines are written, and a notice that such an onlooker may raise.

The one implementation is `sensor.rules.engine`; it stands above this package, so that what a rule is shown is what the
logs say, decided here once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sensor.audit.findings import Audit
from sensor.fetch.model import CertificateFetch, CrlFetch, OnCrl
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.transaction import HttpTransaction
from sensor.ocsp.model import OcspExchange, OcspResponse
from sensor.pki.x509 import X509
from sensor.privacy.leak import Leak
from sensor.weird import FlowId, Weird


class Notice(msgspec.Struct, frozen=True, gc=False):
    """One line of notice.log that a rule raised. `ts` and `end` nanoseconds: of the event, and when it was complete.

    `msg` and `sub` are text as logs have it; `n` what a correlation counted; `rule_level` Sigma's level.
    """

    ts: int
    end: int
    flow: FlowId | None
    note: str
    msg: str
    sub: str | None
    suppress_for_us: int
    rule_id: str
    rule_level: str | None
    n: int | None = None
    fuid: str | None = None
    file_mime_type: str | None = None
    file_desc: str | None = None


class LineObserver(Protocol):
    """Is called behind each line, in the order of the lines. Raises nothing; what it finds it tells elsewhere."""

    def connection(self, connection: Connection) -> None:
        """A line of conn.log."""
        ...

    def transaction(self, transaction: HttpTransaction) -> None:
        """Its lines of files.log, and that of http.log."""
        ...

    def reply(self, exchange: OcspExchange, response: OcspResponse, fuid: str, began: int) -> None:
        """The lines of ocsp.log for `response`, whose body `fuid` began at `began`."""
        ...

    def cleartext(self, cleartext: Cleartext) -> None:
        """A line of cleartext.log."""
        ...

    def exchange(
        self,
        exchange: OcspExchange,
        issuer: str | None,
        software: str | None,
        audit: Audit | None,
        on_crl: OnCrl | None,
    ) -> None:
        """A line of ocsp_exchange.log."""
        ...

    def crl(self, fetched: CrlFetch) -> None:
        """A line of crl.log."""
        ...

    def certificates(self, fetched: CertificateFetch, logged: Sequence[X509]) -> None:
        """Lines of x509.log for those of its certificates that are `logged`."""
        ...

    def leak(self, leak: Leak) -> bool:
        """A line of leak.log. Whether the notice about it that is raised without rules is left out: a rule tells it."""
        ...

    def leak_noticed(self, leak: Leak) -> None:
        """A line of notice.log about a leak, which no rule raised."""
        ...

    def weird(self, weird: Weird) -> None:
        """A line of weird.log."""
        ...

    def limits(self) -> dict[str, int]:
        """How often each of its limits was reached so far, by settings key."""
        ...

    def finish(self) -> None:
        """No more lines come."""
        ...
