"""Look-ups that never hold up whoever asks: another thread asks the store, and what takes too long comes later.

While the store is well, an answer is waited for, which takes some dozen microseconds: results are as without this. A
store that is locked, slow or hangs costs `answer_within_ms` once; as long as it is busy nobody waits for it. Such ids
are answered Unavailable with `pending` set, and their answers, when they come, are had from `take_late`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from sensor.ct.lookup import Answer, CrlUse, CtLookup, Issuer, KnownIssuer, NotFound, Unavailable
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings

_FRESH_S: Final = 1.0  # an answer is believed for so long: as long as a store takes to notice that it was changed
_RETRY_S: Final = 0.25
_PROMPT_S: Final = 0.001  # what takes no longer is no waiting: somebody has to do the work
_WAITING_SHARE: Final = 0.1  # of the time, at most, goes into longer waits ...
_WAITING_SAVED_S: Final = 0.25  # ... and so much at once
_MAX_FRESH: Final = 8192
_MAX_BATCH: Final = 64
_MAX_OFFERED_BYTES: Final = 4 << 20  # of certificates that wait to be judged, and of those that were
_MAX_JUDGED: Final = 4096

_SLOW: Final = Unavailable("no answer yet", True)
_FULL: Final = Unavailable("too many look-ups wait")
_CLOSED: Final = Unavailable("closed")
_GIVEN_UP: Final = Unavailable("no answer came")
_NOT_OPEN: Final = Unavailable("cannot be opened")

T = TypeVar("T")


class _Offer:
    """A certificate from the traffic. `issuer` is the verdict once `done`."""

    __slots__ = ("der", "done", "issuer")

    def __init__(self, der: bytes) -> None:
        self.der = der
        self.issuer: Issuer | None = None
        self.done = False

    def serve(self, inner: CtLookup) -> None:
        self.issuer = inner.issuer_from_traffic(self.der)


class _Certificate:
    """A question for the certificate of `issuer`. `der` is the answer once `done`."""

    __slots__ = ("der", "done", "issuer")

    def __init__(self, issuer: Issuer) -> None:
        self.der: bytes | None = None
        self.issuer = issuer
        self.done = False

    def serve(self, inner: CtLookup) -> None:
        self.der = inner.issuer_certificate(self.issuer)


class _Question(Generic[T]):
    """Any other question. `answer` is what came once `done`."""

    __slots__ = ("answer", "ask", "done")

    def __init__(self, ask: Callable[[CtLookup], T | Unavailable]) -> None:
        self.answer: T | Unavailable = _NOT_OPEN
        self.ask = ask
        self.done = False

    def serve(self, inner: CtLookup) -> None:
        self.answer = self.ask(inner)


class _Wanted:
    """An id that was asked about: when first, and whether somebody was told that the answer comes later."""

    __slots__ = ("owed", "queued", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.owed = False
        self.queued = False


class DeferredLookup:
    """A CtLookup in front of the one that `make` makes, in the thread that uses it from then on.

    The thread is started by the first question, so that it has the limits that the process has put upon itself by
    then. What `make` raises (StoreError) makes answers Unavailable, and is tried again. One thread asks; `take_late`,
    `settle` and `close` are its, too.
    """

    CLOSED_WITHIN_S: Final = 1.0

    def __init__(
        self, make: Callable[[], CtLookup], settings: CtSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` counts seconds, and only says how old an answer is: waiting is by the real one."""
        self._make = make
        self._clock = clock
        self._within_s = settings.answer_within_ms / 1000
        self._max_waiting = settings.max_waiting
        self._retry_for_s = settings.retry_for_s
        self.patience: Callable[[float], float] = float
        """How long `settle` really waits if asked to wait for so many seconds."""
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # there is something to do
        self._done = threading.Condition(self._lock)  # something was done
        self._thread: threading.Thread | None = None
        self._inner: CtLookup | None = None  # made by the other thread, which alone asks it
        self._closing = False
        # Of the asking thread alone:
        self._fresh: dict[CertId, tuple[Answer, float]] = {}
        self._judged: dict[bytes, tuple[Issuer | None, float]] = {}  # by their octets: a digest takes longer
        self._judged_bytes = 0
        self._certificates: dict[int, tuple[bytes | None, float]] = {}
        self._issuers: dict[tuple[str, bytes, bytes], Issuer] = {}
        # Under the lock:
        self._wanted: OrderedDict[CertId, _Wanted] = OrderedDict()  # a dict's first key is slow to find: recent.py
        self._jobs: deque[CertId | _Offer | _Certificate | _Question[Any]] = deque()
        self._offered_bytes = 0
        self._retry: dict[CertId, None] = {}
        self._retry_at = 0.0
        self._saved_s = self._most_saved_s = max(_WAITING_SAVED_S, 4 * self._within_s)
        self._saved_at = time.monotonic()
        self._in_trouble = False  # the store cannot answer: nobody asks it before `_retry_at`, nobody waits for it
        self._results: dict[CertId, Answer] = {}
        self._late: list[tuple[CertId, Answer]] = []
        self._busy_since: float | None = None
        self._accepted = False
        self.late = 0
        """Answers that came, or were given up, after somebody had been told that they come later."""
        self.spent_ns = 0
        """Time that who asked spent here."""
        self.refused = 0
        """Questions not asked because too many waited."""

    @property
    def prompt(self) -> CtLookup:
        """Itself: it asks no one but the store."""
        return self

    @property
    def waiting(self) -> int:
        """Ids that wait for an answer."""
        return len(self._wanted)

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        now = self._clock()
        if self._accepted:
            self._forget_absent()
        fresh = self._fresh
        if len(ids) == 1:  # nearly always, and nearly always known
            known = fresh.get(ids[0])
            if known is not None and 0 <= now - known[1] < _FRESH_S:
                return [known[0]]
        answers: list[Answer] = []
        missing: list[CertId] = []
        for cert_id in ids:
            known = fresh.get(cert_id)
            if known is not None and 0 <= now - known[1] < _FRESH_S:
                answers.append(known[0])
            else:
                answers.append(_SLOW)
                missing.append(cert_id)
        if not missing:
            return answers
        began = time.perf_counter_ns()
        came = self._ask(missing)
        self.spent_ns += time.perf_counter_ns() - began
        for place, cert_id in enumerate(ids):
            if answers[place] is _SLOW:
                answer = came[cert_id]
                if type(answer) is Unavailable:
                    answer = self._with_issuer(cert_id, answer)
                else:
                    self._keep(cert_id, answer, now)
                answers[place] = answer
        return answers

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        """As the contract has it; None also while the store is in trouble: what comes of it is known later then."""
        now = self._clock()
        known = self._judged.get(der)
        if known is not None and 0 <= now - known[1] < _FRESH_S:
            return known[0]
        offer = _Offer(der)
        with self._lock:
            if self._closing or len(self._jobs) >= self._max_waiting:
                return None
            if self._offered_bytes + len(der) > _MAX_OFFERED_BYTES:
                return None
            self._offered_bytes += len(der)
            self._jobs.append(offer)
            self._start()
            self._wait(lambda: offer.done)
            issuer, done = offer.issuer, offer.done
        if done:
            self._judged_bytes += 0 if der in self._judged else len(der)
            if self._judged_bytes > _MAX_OFFERED_BYTES or len(self._judged) >= _MAX_JUDGED:
                self._judged.clear()
                self._judged_bytes = len(der)
            self._judged[der] = (issuer, now)
        if self._accepted:
            self._forget_absent()
        return issuer

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        """As the contract has it; None also while the store is in trouble."""
        now = self._clock()
        known = self._certificates.get(issuer.number)
        if known is not None and 0 <= now - known[1] < _FRESH_S:
            return known[0]
        question = _Certificate(issuer)
        with self._lock:
            if self._closing or len(self._jobs) >= self._max_waiting:
                return None
            self._jobs.append(question)
            self._start()
            self._wait(lambda: question.done)
            der = question.der
        if der is not None:
            if len(self._certificates) >= _MAX_JUDGED:
                self._certificates.clear()
            self._certificates[issuer.number] = (der, now)
        return der

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        """As the contract has it; Unavailable while the store is in trouble: it is not asked again."""
        return self._one(_Question(lambda inner: inner.with_crl(url)))

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        """Likewise."""
        return self._one(_Question(lambda inner: inner.issuers_named(name)))

    def _one(self, question: _Question[T]) -> T | Unavailable:
        with self._lock:
            if self._closing:
                return _CLOSED
            if len(self._jobs) >= self._max_waiting:
                self.refused += 1
                return _FULL
            self._jobs.append(question)
            self._start()
            self._wait(lambda: question.done)
            return question.answer if question.done else Unavailable(_SLOW.reason)

    def limits(self) -> dict[str, int]:
        """The store's: only numbers are read, which the other thread counts."""
        inner = self._inner
        return {} if inner is None else inner.limits()

    def take_late(self) -> list[tuple[CertId, Answer]]:
        """Answers to what was `pending`, each once, in the order in which they came; Unavailable if none will come."""
        with self._lock:
            oldest = time.monotonic() - self._retry_for_s
            while self._wanted:
                cert_id, wanted = next(iter(self._wanted.items()))
                if wanted.since >= oldest:
                    break
                self._answered(cert_id, _GIVEN_UP)
            late, self._late = self._late, []
        now = self._clock()
        for cert_id, answer in late:
            if type(answer) is not Unavailable:
                self._keep(cert_id, answer, now)
        return [
            (cert_id, self._with_issuer(cert_id, answer) if type(answer) is Unavailable else answer)
            for cert_id, answer in late
        ]

    def settle(self, seconds: float) -> list[tuple[CertId, Answer]]:
        """The end: as `take_late`, after waiting at most so long for what is still out, which is then given up."""
        with self._lock:
            self._done.wait_for(lambda: not self._wanted, self.patience(seconds))
            for cert_id in list(self._wanted):
                self._answered(cert_id, _GIVEN_UP)
        return self.take_late()

    def close(self, within_s: float = CLOSED_WITHIN_S) -> None:
        """Waits so long at most: a thread that hangs in the store is left behind."""
        with self._lock:
            self._closing = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join(within_s)

    def _ask(self, ids: list[CertId]) -> dict[CertId, Answer]:
        """An answer for each of them, `pending` where there is none in time."""
        came: dict[CertId, Answer] = {}
        asked: list[CertId] = []
        with self._lock:
            self._results.clear()  # of earlier questions
            for cert_id in ids:
                if self._closing:
                    came[cert_id] = _CLOSED
                elif cert_id not in self._wanted and len(self._wanted) >= self._max_waiting:
                    self.refused += 1
                    came[cert_id] = _FULL
                else:
                    self._want(cert_id)
                    asked.append(cert_id)
            if asked:
                self._start()
                self._wait(lambda: all(cert_id in self._results for cert_id in asked))
            for cert_id in asked:
                answer = self._results.get(cert_id)
                wanted = self._wanted.get(cert_id)
                if wanted is not None:  # not answered, or only that the store is in trouble
                    wanted.owed = True
                    answer = _SLOW if answer is None else answer
                came[cert_id] = _SLOW if answer is None else answer
        return came

    def _want(self, cert_id: CertId) -> None:
        wanted = self._wanted.get(cert_id)
        if wanted is None:
            wanted = self._wanted[cert_id] = _Wanted(time.monotonic())
        if self._in_trouble:
            self._retry[cert_id] = None
        elif not wanted.queued:
            wanted.queued = True
            self._jobs.append(cert_id)

    def _wait(self, is_done: Callable[[], bool]) -> None:
        """Unless the store is in trouble, the thread has been busy for too long already, or too much time went into
        waiting of late: a store that always takes a little less than the bound holds nobody up, either."""
        if self._in_trouble:
            return
        self._work.notify()
        now = time.monotonic()
        self._saved_s = min(self._most_saved_s, self._saved_s + (now - self._saved_at) * _WAITING_SHARE)
        self._saved_at = now
        since = self._busy_since
        if self._saved_s > 0 and (since is None or now - since < self._within_s):
            self._done.wait_for(is_done, self._within_s)
            took = time.monotonic() - now
            if took > _PROMPT_S:
                self._saved_s -= took

    def _keep(self, cert_id: CertId, answer: Answer, now: float) -> None:
        if len(self._fresh) >= _MAX_FRESH:
            self._fresh.clear()
        self._fresh[cert_id] = (answer, now)
        if answer.issuer is not None:
            if len(self._issuers) >= _MAX_JUDGED:
                self._issuers.clear()
            self._issuers[_issuer_of(cert_id)] = answer.issuer

    def _with_issuer(self, cert_id: CertId, answer: Unavailable) -> Unavailable:
        """With the issuer that an earlier answer had for the same hashes: what is logged at once can name it."""
        issuer = self._issuers.get(_issuer_of(cert_id))
        return answer if issuer is None else Unavailable(answer.reason, answer.pending, issuer)

    def _forget_absent(self) -> None:
        """An issuer was accepted from the traffic: "unknown issuer" may be wrong from now on."""
        self._accepted = False
        self._fresh = {i: known for i, known in self._fresh.items() if type(known[0]) is not NotFound}

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ocspwatch-lookup", daemon=True)
            self._thread.start()

    # What follows runs in the other thread.

    def _run(self) -> None:
        inner: CtLookup | None = None
        try:
            while True:
                with self._lock:
                    job = self._take()
                    if self._closing:
                        return
                    self._busy_since = time.monotonic()
                if inner is None:
                    inner = self._inner = self._opened()
                self._serve(inner, job)
        finally:
            if inner is not None:
                inner.close()

    def _opened(self) -> CtLookup | None:
        try:
            return self._make()
        except StoreError:
            return None

    def _take(self) -> list[CertId] | _Offer | _Certificate | _Question[Any]:
        """What is to be done next: one thing, or ids; waits until there is something. The lock is held."""
        self._busy_since = None
        while True:
            left = self._retry_at - time.monotonic()
            if self._retry and left <= 0:
                again, self._retry = self._retry, {}
                self._in_trouble = False
                for cert_id in again:
                    if cert_id in self._wanted:
                        self._want(cert_id)
            if self._jobs or self._closing:
                break
            self._work.wait(left if self._retry else None)
        batch: list[CertId] = []
        while self._jobs and len(batch) < _MAX_BATCH:
            job = self._jobs[0]
            if not isinstance(job, CertId):
                if batch:
                    break
                self._jobs.popleft()
                if isinstance(job, _Offer):
                    self._offered_bytes -= len(job.der)
                return job
            batch.append(job)
            self._jobs.popleft()
        return batch

    def _serve(self, inner: CtLookup | None, job: list[CertId] | _Offer | _Certificate | _Question[Any]) -> None:
        if isinstance(job, list):
            self._look_up(inner, job)
            return
        if inner is not None:
            job.serve(inner)
        with self._lock:
            job.done = True
            if isinstance(job, _Offer) and job.issuer is not None:
                self._accepted = True
            self._done.notify()

    def _look_up(self, inner: CtLookup | None, ids: list[CertId]) -> None:
        answers: list[Answer] = [Unavailable("cannot be opened")] * len(ids) if inner is None else inner.lookup(ids)
        with self._lock:
            for cert_id, answer in zip(ids, answers, strict=True):
                wanted = self._wanted.get(cert_id)
                if wanted is not None:
                    wanted.queued = False
                if type(answer) is not Unavailable:
                    self._answered(cert_id, answer)
                elif wanted is not None:
                    self._results[cert_id] = Unavailable(answer.reason, True)
                    self._retry[cert_id] = None
                    self._in_trouble = True
            if self._in_trouble:
                self._stand_back()
            self._done.notify()

    def _stand_back(self) -> None:
        """What else was to be looked up is tried again with the rest, a little later. The lock is held."""
        self._retry_at = time.monotonic() + _RETRY_S
        others = [job for job in self._jobs if not isinstance(job, CertId)]
        for job in self._jobs:
            if isinstance(job, CertId):
                self._retry[job] = None
                if (wanted := self._wanted.get(job)) is not None:
                    wanted.queued = False
        self._jobs.clear()
        self._jobs.extend(others)

    def _answered(self, cert_id: CertId, answer: Answer) -> None:
        """This is the answer, whoever waits for it. The lock is held."""
        wanted = self._wanted.pop(cert_id, None)
        self._results[cert_id] = answer
        if wanted is not None and wanted.owed:
            self.late += 1
            self._late.append((cert_id, answer))


def _issuer_of(cert_id: CertId) -> tuple[str, bytes, bytes]:
    return cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash
