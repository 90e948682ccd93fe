"""sensor.ct.deferred: a slow, locked or hanging store holds nobody up, and what it says late is not lost.

The store is a stand-in here, so that it can be as slow as a test needs; the contract, with the real one, locked, is in
tests/contract, and a running sensor with a locked store in tests/cli.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from sensor.ct.deferred import DeferredLookup
from sensor.ct.lookup import Answer, CrlUse, Issuer, KnownIssuer, NotFound, Unavailable
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings

ISSUER = Issuer(-1, "CN=CA", "CA")


def cert(number: int) -> CertId:
    return CertId("sha1", b"n", b"k", f"{number:04X}")


class Store:
    """Answers NotFound with an issuer that tells the serial; hangs while `gate` is shut, is in trouble if told so."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[list[str]] = []
        self.offered: list[bytes] = []
        self.threads: set[int] = set()
        self.trouble: str | None = None
        self.closed = 0
        self.certificates = 0

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        self.threads.add(threading.get_ident())
        self.gate.wait()
        self.asked.append([each.serial_number for each in ids])
        if self.trouble is not None:
            return [Unavailable(self.trouble) for _ in ids]
        return [answer_to(each) for each in ids]

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        self.threads.add(threading.get_ident())
        self.gate.wait()
        self.offered.append(der)
        return ISSUER if der == b"CA" else None

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        self.gate.wait()
        self.certificates += 1
        return issuer.name.encode() if issuer.number > 0 else None

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        self.gate.wait()
        return CrlUse((), url == "more")

    def issuers_named(self, name: str) -> list[KnownIssuer]:
        self.gate.wait()
        return [KnownIssuer(ISSUER, name.encode())]

    def close(self) -> None:
        self.closed += 1


def answer_to(cert_id: CertId) -> NotFound:
    return NotFound(Issuer(1, cert_id.serial_number, ""))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.gate.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(store: Store, clock: Clock) -> Iterator[Callable[..., DeferredLookup]]:
    made: list[DeferredLookup] = []

    def maker(**settings: float) -> DeferredLookup:
        made.append(DeferredLookup(lambda: store, CtSettings(**{"answer_within_ms": 2000, **settings}), clock))
        return made[-1]

    yield maker
    store.gate.set()
    for lookup in made:
        lookup.close()


Make = Callable[..., DeferredLookup]


def late(lookup: DeferredLookup, number: int) -> list[tuple[CertId, Answer]]:
    """What comes late, until so many have come; at most 10 s."""
    came: list[tuple[CertId, Answer]] = []
    until = time.monotonic() + 10
    while len(came) < number and time.monotonic() < until:
        came += lookup.take_late()
        time.sleep(0.002)
    return came


class TestWell:
    def test_answers_are_those_of_the_store_in_order(self, make: Make, store: Store) -> None:
        ids = [cert(3), cert(1), cert(3), cert(2)]
        assert make().lookup(ids) == [answer_to(each) for each in ids]
        assert store.asked == [["0003", "0001", "0002"]], "each once, together"

    def test_another_thread_asks(self, make: Make, store: Store) -> None:
        lookup = make()
        lookup.lookup([cert(1)])
        lookup.issuer_from_traffic(b"CA")
        assert len(store.threads) == 1
        assert threading.get_ident() not in store.threads

    def test_no_thread_before_the_first_question(self, make: Make) -> None:
        before = threading.active_count()
        lookup = make()
        assert lookup.lookup([]) == []
        assert lookup.take_late() == []
        assert threading.active_count() == before

    def test_an_answer_is_believed_for_a_second(self, make: Make, store: Store, clock: Clock) -> None:
        lookup = make()
        for now, asked in ((100.0, 1), (100.9, 1), (101.0, 2), (50.0, 3)):  # the last: the clock was set back
            clock.now = now
            lookup.lookup([cert(1)])
            assert len(store.asked) == asked

    def test_what_was_accepted_from_the_traffic_counts_at_once(self, make: Make, store: Store) -> None:
        lookup = make()
        lookup.lookup([cert(1)])
        assert lookup.issuer_from_traffic(b"no CA") is None
        lookup.lookup([cert(1)])
        assert len(store.asked) == 1
        assert lookup.issuer_from_traffic(b"CA") == ISSUER
        lookup.lookup([cert(1)])
        assert len(store.asked) == 2

    def test_a_repeated_offer_is_not_judged_again(self, make: Make, store: Store, clock: Clock) -> None:
        lookup = make()
        assert [lookup.issuer_from_traffic(b"CA") for _ in range(5)] == [ISSUER] * 5
        assert store.offered == [b"CA"]
        clock.now += 1
        lookup.issuer_from_traffic(b"CA")
        assert store.offered == [b"CA", b"CA"]

    def test_a_certificate_is_remembered_for_a_second(self, make: Make, store: Store, clock: Clock) -> None:
        lookup, issuer = make(), Issuer(7, "CN=CA", "CA")
        assert [lookup.issuer_certificate(issuer) for _ in range(5)] == [b"CN=CA"] * 5
        assert store.certificates == 1
        clock.now += 1
        assert lookup.issuer_certificate(issuer) == b"CN=CA"
        assert store.certificates == 2
        assert lookup.issuer_certificate(ISSUER) is None

    def test_other_questions(self, make: Make) -> None:
        lookup = make()
        assert [lookup.with_crl(url) for url in ("more", "x")] == [CrlUse((), True), CrlUse((), False)]
        assert list(lookup.issuers_named("CN=CA")) == [KnownIssuer(ISSUER, b"CN=CA")]  # type: ignore[arg-type]  # well

    def test_closing(self, make: Make, store: Store) -> None:
        lookup = make()
        lookup.lookup([cert(1)])
        lookup.close()
        lookup.close()
        assert store.closed == 1
        assert lookup.lookup([cert(1), cert(2)]) == [
            answer_to(cert(1)),
            Unavailable("closed", False, answer_to(cert(1)).issuer),
        ]
        assert lookup.issuer_from_traffic(b"CA") is None


class TestHanging:
    """An NFS server that is away: the thread is stuck in the kernel."""

    def test_nobody_waits_longer_than_the_bound_and_only_once(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=50)
        store.gate.clear()
        began = time.monotonic()
        answers = [lookup.lookup([cert(number)])[0] for number in range(200)]
        took = time.monotonic() - began
        assert all(type(answer) is Unavailable and answer.pending and answer.reason for answer in answers)
        assert took < 1.0, "200 times the bound would be 10 s"
        assert lookup.waiting == 200
        began = time.monotonic()
        assert lookup.issuer_from_traffic(b"CA") is None
        assert lookup.issuer_certificate(Issuer(1, "CN=CA", "CA")) is None
        lookup.close()
        assert time.monotonic() - began < 2.5, "closing leaves a hanging thread behind"

    def test_other_questions_are_not_waited_for_either(self, make: Make, store: Store) -> None:
        store.gate.clear()
        lookup = make(answer_within_ms=20, max_waiting=2)
        assert isinstance(lookup.with_crl("x"), Unavailable)
        assert [isinstance(lookup.issuers_named("x"), Unavailable) for _ in range(5)] == [True] * 5
        assert lookup.refused > 0
        lookup.close()
        assert isinstance(lookup.with_crl("x"), Unavailable)

    def test_late_answers_come_once_in_order_and_each_is_asked_once(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=5)
        store.gate.clear()
        for _ in range(3):
            lookup.lookup([cert(1), cert(2)])
            lookup.lookup([cert(3)])
        assert lookup.take_late() == []
        store.gate.set()
        assert late(lookup, 3) == [(cert(number), answer_to(cert(number))) for number in (1, 2, 3)]
        assert sorted(serial for batch in store.asked for serial in batch) == ["0001", "0002", "0003"]
        assert (lookup.late, lookup.waiting, lookup.take_late()) == (3, 0, [])
        assert lookup.lookup([cert(2)]) == [answer_to(cert(2))]

    def test_more_than_may_wait_are_refused_and_counted(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=5, max_waiting=10)
        store.gate.clear()
        answers = [lookup.lookup([cert(number)])[0] for number in range(15)]
        assert [answer.pending for answer in answers if type(answer) is Unavailable] == [True] * 10 + [False] * 5
        assert (lookup.waiting, lookup.refused) == (10, 5)
        known = lookup.lookup([cert(3)])[0]
        assert isinstance(known, Unavailable)
        assert known.pending, "what waits already is not refused"

    def test_offers_are_bounded(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=1)
        store.gate.clear()
        lookup.lookup([cert(1)])
        for number in range(40):
            assert lookup.issuer_from_traffic(bytes([number]) * (1 << 20)) is None
        store.gate.set()
        late(lookup, 1)
        lookup.settle(5)
        lookup.close()
        assert 1 <= len(store.offered) <= 5

    def test_what_takes_too_long_is_given_up(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=5, retry_for_s=0.5)
        store.gate.clear()
        lookup.lookup([cert(1)])
        ((gone, answer),) = late(lookup, 1)
        assert gone == cert(1)
        assert isinstance(answer, Unavailable)
        assert not answer.pending
        lookup.lookup([cert(2)])
        store.gate.set()
        assert lookup.settle(10) == [(cert(2), answer_to(cert(2)))], "what was given up does not come, too"

    def test_the_end_waits_a_little_and_gives_up(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=5)
        store.gate.clear()
        lookup.lookup([cert(1)])
        began = time.monotonic()
        ((gone, answer),) = lookup.settle(0.2)
        assert 0.15 < time.monotonic() - began < 2
        assert gone == cert(1)
        assert isinstance(answer, Unavailable)
        assert not answer.pending

    def test_the_end_takes_what_comes_meanwhile(self, make: Make, store: Store) -> None:
        lookup = make(answer_within_ms=5)
        store.gate.clear()
        lookup.lookup([cert(1)])
        threading.Timer(0.1, store.gate.set).start()
        assert lookup.settle(10) == [(cert(1), answer_to(cert(1)))]


class TestSlow:
    """Every answer takes a little less than the bound, or a little more: a cold disk, a busy server."""

    @pytest.mark.parametrize("takes_s", [0.015, 0.03])
    def test_waiting_takes_a_tenth_of_the_time_at_most(self, make: Make, store: Store, takes_s: float) -> None:
        lookup = make(answer_within_ms=20)
        answers = store.lookup

        def slowly(ids: Sequence[CertId]) -> list[Answer]:
            time.sleep(takes_s)
            return answers(ids)

        store.lookup = slowly  # type: ignore[method-assign]
        began, asked = time.monotonic(), 0
        came: list[tuple[CertId, Answer]] = []
        prompt = 0
        while time.monotonic() - began < 2:
            prompt += type(lookup.lookup([cert(asked)])[0]) is not Unavailable
            asked += 1
            came += lookup.take_late()
            time.sleep(0.001)
        assert lookup.spent_ns / 1e9 < 0.25 + 0.1 * (time.monotonic() - began) + 0.3
        came += lookup.settle(30)
        assert prompt + len(came) == asked
        assert all(type(answer) is NotFound for _, answer in came)


class TestInTrouble:
    """Locked, or damaged: the store answers at once that it cannot answer."""

    def test_it_is_asked_again_until_it_can(self, make: Make, store: Store) -> None:
        lookup = make()
        store.trouble = "locked"
        answers = lookup.lookup([cert(1), cert(2)])
        assert answers == [Unavailable("locked", True)] * 2
        store.trouble = None
        assert late(lookup, 2) == [(cert(number), answer_to(cert(number))) for number in (1, 2)]

    def test_nobody_asks_or_waits_in_between(self, make: Make, store: Store) -> None:
        """Ten thousand questions, and the store is asked a few times a second, for some of them."""
        lookup = make()
        store.trouble = "locked"
        began = time.monotonic()
        for number in range(10_000):
            (answer,) = lookup.lookup([cert(number)])
            assert isinstance(answer, Unavailable)
            assert answer.pending
        took = time.monotonic() - began
        assert len(store.asked) <= 2 + 8 * took
        assert took < 5, "each of them within its bound would be hours"
        store.trouble = None
        assert len(late(lookup, 10_000)) == 10_000
        assert lookup.waiting == 0

    def test_who_was_told_that_it_comes_later_is_told_even_if_he_asks_again(self, make: Make, store: Store) -> None:
        lookup = make()
        store.trouble = "locked"
        lookup.lookup([cert(1)])
        store.trouble = None
        until = time.monotonic() + 10
        while lookup.lookup([cert(1)]) != [answer_to(cert(1))]:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert lookup.take_late() == [(cert(1), answer_to(cert(1)))]

    def test_retries_happen_also_when_it_is_never_idle(self, make: Make, store: Store) -> None:
        lookup = make()
        store.trouble = "locked"
        lookup.lookup([cert(1)])
        store.trouble = None
        until = time.monotonic() + 10
        number = 2
        while not lookup.take_late() and time.monotonic() < until:
            lookup.lookup([cert(number)])
            number += 1
        assert time.monotonic() < until
        lookup.settle(10)
        assert lookup.waiting == 0

    def test_a_store_that_cannot_be_opened(self, store: Store, clock: Clock) -> None:
        failures = [StoreError("x", "damaged"), StoreError("x", "damaged")]

        def open_it() -> Store:
            if failures:
                raise failures.pop()
            return store

        lookup = DeferredLookup(open_it, CtSettings(answer_within_ms=2000), clock)
        (answer,) = lookup.lookup([cert(1)])
        assert answer == Unavailable("cannot be opened", True)
        assert late(lookup, 1) == [(cert(1), answer_to(cert(1)))]
        lookup.close()


def test_it_costs_little_while_the_store_is_well(make: Make) -> None:
    """Not a benchmark: that no answer is waited for longer than it takes (a lost wake-up would cost the bound)."""
    lookup = make(answer_within_ms=1000)
    began = time.monotonic()
    for number in range(2000):
        lookup.lookup([cert(number)])
    assert time.monotonic() - began < 20


def test_what_comes_later_has_the_issuer_of_what_came_before(make: Make, store: Store) -> None:
    lookup = make(answer_within_ms=50)
    (first,) = lookup.lookup([cert(1)])
    assert isinstance(first, NotFound) and first.issuer is not None
    store.gate.clear()
    other = CertId("sha1", b"n", b"another key", "0002")
    late, of_another = lookup.lookup([cert(2), other])
    assert isinstance(late, Unavailable) and (late.pending, late.issuer) == (True, first.issuer)
    assert isinstance(of_another, Unavailable) and (of_another.pending, of_another.issuer) == (True, None)
    assert [answer.issuer for _, answer in lookup.settle(0.0)] == [first.issuer, None]  # given up
