"""What is said once and then held back: notices about the same thing, and weirds that keep happening.

Time is packet time; every table has a limit, and beyond it the oldest entry is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from sensor.ocsp.model import OcspExchange
from sensor.privacy.leak import Leak
from sensor.recent import Recent
from sensor.settings import LogSettings
from sensor.weird import Weird

_SECOND = 10**9
_CLOCK_SET = 3600 * _SECOND  # what is so much earlier than the newest is no latecomer: the clock was set back
_DAY = 86400 * _SECOND
EXCESSIVE = "excessive_weirds"
"""There are more lines than `logs.weirds_per_s`."""

# Zeek's Weird::actions (base/frameworks/notice/weird.zeek): not logged at all, and once a day for each originator.
_IGNORED = frozenset({"unsolicited_SYN_response", "FIN_after_reset", "spontaneous_FIN", "spontaneous_RST"})
_PER_ORIG = frozenset(
    {
        "bad_TCP_checksum",
        "connection_originator_SYN_ack",
        "excessively_small_fragment",
        "fragment_inconsistency",
        "fragment_overlap",
        "fragment_size_inconsistency",
        "SYN_with_data",
    }
)


class NoticeMemory:
    """Which client was told of with which certificate (Zeek's Notice identifier and suppress_for)."""

    def __init__(self, settings: LogSettings) -> None:
        self._window = int(settings.suppress_for_s * 1e9)
        self._told = Recent(settings.max_suppressed)  # by 64-bit hashes, as in LeakCounter
        self._deferred = False
        self.forgotten = 0
        self.asked = 0
        """The number of the client and certificate last asked about."""

    def defer(self) -> None:
        """From now on nothing is remembered here, all is new: `asked` is for another memory's `is_new_number`."""
        self._deferred = True

    def is_new(self, leak: Leak) -> bool:
        """Whether nothing was told of a leak's client and certificate within the window before; then it is told now.

        The certificate is its issuer, by name or, if that is unknown, by the hash of its key, and its serial number.
        """
        fetch, flow = leak.exchange, leak.flow
        issuer: str | bytes | None = leak.issuer
        what = leak.serial_number
        if isinstance(fetch, OcspExchange):
            asked = fetch
            cert_id = asked.cert_id
            if issuer is None and cert_id is not None:
                issuer = cert_id.issuer_key_hash
        elif what is None:
            what = fetch.url
        self.asked = hash((flow.orig_h, issuer, what))
        return True if self._deferred else self.is_new_number(self.asked, leak.ts)

    def is_new_number(self, number: int, ts: int) -> bool:
        """As `is_new`, of the client and certificate with this number: of this process, or of one that it forked."""
        place = self._told.find(number)
        if place < 0:
            self.forgotten += self._told.add(number, ts)
            return True
        told = self._told.value(place)
        if 0 <= ts - told < self._window:
            return False
        self._told.put(place, ts)
        return True


class CertificateMemory:
    """Which certificates were logged (Zeek's X509::relog_known_certificates_after): the same one once a day."""

    def __init__(self, settings: LogSettings) -> None:
        self._window = int(settings.relog_certificates_s * 1e9)
        self._logged = Recent(settings.max_known_certificates)  # by 64-bit hashes
        self.forgotten = 0

    def is_new(self, fingerprint: str, ts: int) -> bool:
        """Whether it was not logged within the window before `ts`; then it is logged now."""
        return self.is_new_number(hash(fingerprint), ts)

    def is_new_number(self, number: int, ts: int) -> bool:
        """As `is_new`, of the fingerprint with this hash: of this process, or of one that it forked."""
        place = self._logged.find(number)
        if place < 0:
            self.forgotten += self._logged.add(number, ts)
            return True
        logged = self._logged.value(place)
        is_due = not 0 <= ts - logged < self._window
        self._logged.put(place, ts if is_due else logged)
        return is_due


class _Seen(msgspec.Struct, gc=False):
    since: int
    times: int


class WeirdSampler:
    """Zeek's two ways to hold weirds back: a repeat within one flow, and the sampling of what is left of a flood.

    `totals` counts every one. Zeek drops all repeats of a name within a flow for ten minutes (Weird::weird_ignore); so
    do we, unless `weird_repeats` is set. Weirds of no flow, and repeats then, are sampled: the first `weird_burst` of
    a window are logged, and after that one in `weird_rate`. A flood of flows with one weird each passes both: of all
    together `weirds_per_s` are logged in a second, and the first that is not makes `is_excessive` true.
    """

    def __init__(self, settings: LogSettings) -> None:
        self.totals: dict[str, int] = {}
        self._repeats = settings.weird_repeats
        self._burst = settings.weird_burst
        self._rate = settings.weird_rate
        self._window = int(settings.weird_window_s * 1e9)
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()  # a dict's first key is slow to find: recent.py
        self._most = settings.max_weirds
        self._per_second = settings.weirds_per_s
        self._second = 0  # when the second began that is counted, and the newest time so far
        self._newest = 0
        self._admitted = 0  # in it
        self.forgotten = 0
        """Pairs of a flow and a name of which it is not known any more how often they came."""
        self.beyond = 0
        """Weirds that were not logged for `weirds_per_s` alone."""
        self.is_excessive = False

    def admit(self, weird: Weird) -> bool:
        """Whether this one is logged."""
        return self._is_sampled(weird) and (weird.name == EXCESSIVE or self._has_room(weird.ts))

    def _has_room(self, ts: int) -> bool:
        """Weirds come in the order in which they are found, not that of their times: the newest time is the clock."""
        if ts > self._newest or ts < self._newest - _CLOCK_SET:
            self._newest = ts
        if not 0 <= self._newest - self._second < _SECOND:
            self._second, self._admitted = self._newest, 0
        self._admitted += 1
        if self._admitted <= self._per_second:
            return True
        self.beyond += 1
        self.is_excessive = self._admitted == self._per_second + 1
        return False

    def _is_sampled(self, weird: Weird) -> bool:
        """Whether this one is logged, as far as its name and flow go."""
        name, flow = weird.name, weird.flow
        self.totals[name] = self.totals.get(name, 0) + 1
        if name in _IGNORED:
            return False
        once = flow is not None and not self._repeats
        window, scope = self._window, "" if flow is None else flow.uid
        if flow is not None and name in _PER_ORIG:
            once, window, scope = True, _DAY, flow.orig_h
        seen = self._seen.get((scope, name))
        if seen is None:
            if len(self._seen) >= self._most:
                self._seen.popitem(last=False)
                self.forgotten += 1
            self._seen[scope, name] = _Seen(weird.ts, 1)
            return self._burst > 0
        if not 0 <= weird.ts - seen.since < window:
            seen.since, seen.times = weird.ts, 1
            return self._burst > 0
        seen.times += 1
        if seen.times <= self._burst:
            return not once
        return not once and (seen.times - self._burst) % self._rate == 0
