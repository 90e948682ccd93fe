"""A CtLookup before the store's: what that does not know is asked of crt.sh in a thread, later and in random order.

Who asks here never waits: an answer that needs crt.sh is Unavailable with `pending` set, and had from `take_late`.
Answers depend on crt.sh and on when it is asked, and so do the logs.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from sensor.crtsh.desk import Counts, NotAskedError, may_be_asked
from sensor.crtsh.remembered import Asked, Outcome
from sensor.crtsh.remote import AnyDesk
from sensor.crtsh.rounds import Rounds
from sensor.ct.lookup import Answer, CrlUse, CtLookup, Found, Issuer, KnownIssuer, LateLookup, NotFound, Unavailable
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.online.pacing import Stopped
from sensor.pki.issuers import ALGORITHMS
from sensor.settings import OnlineSettings

_MAX_SETTLED: Final = 8192
_NOT_ASKED_FOR_S: Final = 60.0  # what was not asked because crt.sh is left alone is not tried before this
_TICK_S: Final = 0.2
_CLOSED_WITHIN_S: Final = 1.0

_PENDING: Final = "crt.sh is asked"
_FULL: Final = "too many look-ups wait for crt.sh"
_GIVEN_UP: Final = "not asked of crt.sh before the end"


class OnlineLookup:
    """Obeys CtLookup's and LateLookup's contracts. One thread asks, and calls everything that is public here.

    At most `max_waiting` ids wait; the same one is asked about once, however often it comes meanwhile.
    """

    def __init__(
        self,
        inner: CtLookup,
        desk: AnyDesk,
        look_again: Callable[[CertId], Answer],
        settings: OnlineSettings,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        start: bool = True,
    ) -> None:
        """`desk` and `look_again`, which asks the store anew, are the other thread's; `stop`, when set, ends all
        asking. Without `start` there is no thread, and `step` is called by the caller."""
        self._inner = inner
        self._late_inner = inner if isinstance(inner, LateLookup) else None
        self._desk = desk
        self._look_again = look_again
        self.stop = stop
        self._clock = clock
        self._may_start = start
        self._max_waiting = settings.max_waiting
        self._wait_at_end_s = settings.wait_at_end_s
        self._believed_s = {
            Outcome.found: settings.found_ttl_s,
            Outcome.not_found: settings.negative_ttl_s,
            Outcome.failed: settings.failure_ttl_s,
        }
        self.on_wait: Callable[[int], None] | None = None
        """Told several times a second, while `settle` waits, for how many answers."""
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._done = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        # Of the asking thread, and of the other one only under the lock:
        self._wanted: dict[CertId, Issuer | None] = {}
        self._arrivals: list[CertId] = []
        self._late: list[tuple[CertId, Answer]] = []
        self._settled: dict[CertId, tuple[Answer, float]] = {}
        self._hurried = False
        self._over = False
        # Of the other thread alone, once it runs, as is the desk:
        self._hurry_seen = False
        self._rounds: Rounds[CertId] = Rounds(settings.min_delay_s, settings.max_delay_s, rng)
        self.given_up = 0
        """Certificates not asked about before the end."""
        self.late = 0
        """Answers that came, or were given up, after somebody had been told that they come later."""
        self.unasked = 0
        """Certificates not asked about because too many waited."""

    @property
    def refused(self) -> int:
        """Questions not asked because too many waited, of crt.sh or of the store."""
        return self.unasked + (0 if self._late_inner is None else self._late_inner.refused)

    @property
    def prompt(self) -> CtLookup:
        """The store's, which asks nobody."""
        return self._inner

    @property
    def waiting(self) -> int:
        """Certificates that wait for an answer."""
        return len(self._wanted) + (0 if self._late_inner is None else self._late_inner.waiting)

    @property
    def counts(self) -> Counts:
        """What was asked so far, and what came of it."""
        return self._desk.counts

    @property
    def requests(self) -> int:
        """HTTP requests so far."""
        return self._desk.requests

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        answers = self._inner.lookup(ids)
        for place, cert_id in enumerate(ids):
            answer = answers[place]
            if type(answer) is NotFound:
                answers[place] = self._ask(cert_id, answer)
        return answers

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        return self._inner.issuer_from_traffic(der)

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        return self._inner.issuer_certificate(issuer)

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        return self._inner.with_crl(url)

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        return self._inner.issuers_named(name)

    def limits(self) -> dict[str, int]:
        return self._inner.limits()

    def take_late(self) -> list[tuple[CertId, Answer]]:
        known = [] if self._late_inner is None else self._passed_on(self._late_inner.take_late())
        if not self._late:  # a list's truth needs no lock, and nearly always it is empty
            return known
        with self._lock:
            late, self._late = self._late, []
        return known + late

    def _passed_on(self, late: Sequence[tuple[CertId, Answer]]) -> list[tuple[CertId, Answer]]:
        """What the store said late; what it does not know waits for crt.sh from now on."""
        known: list[tuple[CertId, Answer]] = []
        for cert_id, said in late:
            answer = self._ask(cert_id, said) if type(said) is NotFound else said
            if type(answer) is not Unavailable or not answer.pending:
                self.late += 1
                known.append((cert_id, answer))
        return known

    def settle(self, seconds: float) -> list[tuple[CertId, Answer]]:
        """The end: nothing is delayed any more; waits for what is still out for `wait_at_end_s`: `seconds` are what
        suits a store that hangs."""
        known = [] if self._late_inner is None else self._passed_on(self._late_inner.settle(seconds))
        until = self._clock() + self._wait_at_end_s
        with self._lock:
            self._hurried = True
            self._work.notify()
            while self._wanted and not self._over and not self.stop.is_set() and self._clock() < until:
                self._done.wait(_TICK_S)
                if self.on_wait is not None:
                    self.on_wait(len(self._wanted))
            self.given_up = len(self._wanted)
            for cert_id, issuer in list(self._wanted.items()):
                self._answered(cert_id, Unavailable(_GIVEN_UP, False, issuer), 0.0)
        return known + self.take_late()

    def close(self) -> None:
        """Waits a second at most: a request that is out is left behind."""
        self.stop.set()
        with self._lock:
            self._work.notify()
        if self._thread is not None:
            self._thread.join(_CLOSED_WITHIN_S)
        else:
            self._close_desk()
        self._inner.close()

    def _close_desk(self) -> None:
        with contextlib.suppress(StoreError):  # at the end nothing is left to be lost
            self._desk.close()

    def _ask(self, cert_id: CertId, answer: NotFound) -> Answer:
        settled = self._settled.get(cert_id)
        if settled is not None and self._clock() < settled[1]:
            if type(settled[0]) is NotFound:
                return answer  # the store's says who issued it, and may know that since
            return settled[0]
        if cert_id in self._wanted:
            return Unavailable(_PENDING, True, answer.issuer)
        if cert_id.hash_algorithm not in ALGORITHMS or not may_be_asked(cert_id.serial_number):
            return answer
        with self._lock:
            if self._over or self.stop.is_set():
                return Unavailable(_GIVEN_UP, False, answer.issuer)
            if len(self._wanted) + len(self._late) >= self._max_waiting:
                self.unasked += 1
                return Unavailable(_FULL, False, answer.issuer)
            self._wanted[cert_id] = answer.issuer
            self._arrivals.append(cert_id)
            self._work.notify()
            if self._thread is None and self._may_start:
                self._thread = threading.Thread(target=self._run, name="ocspwatch-online", daemon=True)
                self._thread.start()
        return Unavailable(_PENDING, True, answer.issuer)

    def _answered(self, cert_id: CertId, answer: Answer, believed_s: float) -> None:
        """This is the answer, whoever waits for it. The lock is held."""
        if cert_id not in self._wanted:  # given up
            return
        del self._wanted[cert_id]
        if len(self._settled) >= _MAX_SETTLED:
            self._settled.clear()
        self._settled[cert_id] = (answer, self._clock() + believed_s)
        self._late.append((cert_id, answer))
        self.late += 1
        self._done.notify()

    # What follows runs in the other thread.

    def _run(self) -> None:
        try:
            while not self.stop.is_set():
                left = self.step()
                with self._lock:
                    idle = not self._arrivals and not self.stop.is_set() and self._hurry_seen == self._hurried
                    if left != 0.0 and idle:
                        self._work.wait(left)
        except Stopped:
            pass
        finally:
            with self._lock:
                self._over = True
                self._done.notify()
            self._close_desk()

    def step(self) -> float | None:
        """Takes in what came, and asks about one certificate if it is time to. Seconds until there is more to do; None:
        when something comes. Raises Stopped."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
            if self._hurried:
                self._hurry_seen = True
                self._rounds.hurry()
        try:
            for cert_id in arrivals:
                self._take_in(cert_id)
            ripe = self._rounds.next(self._clock())
            if ripe is None:
                return self._rounds.due_in(self._clock())
            self._settle_one(ripe)
        except StoreError as error:
            self._rounds.take_all()
            with self._lock:
                self._arrivals.clear()
                self._give_up(list(self._wanted), str(error))
        return 0.0

    def _take_in(self, cert_id: CertId) -> None:
        """What is remembered is answered at once."""
        said = self._desk.recall(cert_id.serial_number, cert_id)
        if said is None:
            self._rounds.add(cert_id, self._clock())
        elif said.outcome is Outcome.failed:
            self._tell(cert_id, self._failed(cert_id, said), _NOT_ASKED_FOR_S)
        elif said.outcome is Outcome.found:  # by another process, just now; or it was taken out of the store again
            self._tell(cert_id, self._look_again(cert_id), _NOT_ASKED_FOR_S)
        else:
            self._tell(cert_id, NotFound(self._wanted.get(cert_id)), _NOT_ASKED_FOR_S)

    def _settle_one(self, cert_id: CertId) -> None:
        try:
            self._tell(cert_id, *self._asked(cert_id))
        except NotAskedError as error:
            others = self._rounds.take_all()
            self._desk.counts.not_asked += len(others)
            with self._lock:
                self._give_up([cert_id, *others], str(error))

    def _asked(self, cert_id: CertId) -> tuple[Answer, float]:
        """The answer, and for how many seconds it is believed."""
        answer = self._look_again(cert_id)  # by another hash of its issuer, or elsewhere, it may be known since
        if isinstance(answer, Found):
            return answer, self._believed_s[Outcome.found]
        said = self._desk.ask(cert_id.serial_number, cert_id)
        believed_s = self._believed_s[said.outcome]
        if said.outcome is Outcome.failed:
            return self._failed(cert_id, said), believed_s
        return (self._look_again(cert_id) if said.outcome is Outcome.found else answer), believed_s

    def _failed(self, cert_id: CertId, said: Asked) -> Unavailable:
        return Unavailable(f"crt.sh: {said.reason}", False, self._wanted.get(cert_id))

    def _tell(self, cert_id: CertId, answer: Answer, believed_s: float) -> None:
        with self._lock:
            self._answered(cert_id, answer, believed_s)

    def _give_up(self, ids: Sequence[CertId], reason: str) -> None:
        """The lock is held."""
        for cert_id in ids:
            self._answered(cert_id, Unavailable(reason, False, self._wanted.get(cert_id)), _NOT_ASKED_FOR_S)
