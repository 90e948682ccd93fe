"""sensor.crtsh.lookup: nobody waits, nothing is asked twice, nothing is lost; what comes is as sure as the store's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.cli.online import look_again_in
from sensor.crtsh.lookup import OnlineLookup
from sensor.ct.lookup import Answer, Found, LateLookup, NotFound, Unavailable
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings, OnlineSettings
from tests.crtsh.conftest import NewDesk
from tests.crtsh.server import CrtSh, say
from tests.ct.pki import Ca, decoded

NewLookup = Callable[..., OnlineLookup]


@pytest.fixture
def new_lookup(new_desk: NewDesk, ct: CtSettings) -> Iterator[NewLookup]:
    made: list[OnlineLookup] = []

    def make(start: bool = True, **changed: object) -> OnlineLookup:
        own = {"min_delay_s": 0.001, "max_delay_s": 0.002} | changed
        settings = OnlineSettings(**own)  # type: ignore[arg-type]
        desk = new_desk(**changed)
        made.append(
            OnlineLookup(
                StoreLookup(ct), desk, look_again_in(ct), settings, threading.Event(), rng=random.Random(1), start=start
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def one(lookup: OnlineLookup, cert_id: CertId) -> Answer:
    return lookup.lookup([cert_id])[0]


def is_pending(answer: Answer) -> bool:
    return isinstance(answer, Unavailable) and answer.pending


def late(lookup: OnlineLookup, count: int) -> dict[CertId, Answer]:
    """As many late answers, within a minute."""
    came: dict[CertId, Answer] = {}
    until = time.monotonic() + 60
    while len(came) < count and time.monotonic() < until:
        for cert_id, answer in lookup.take_late():
            assert cert_id not in came
            came[cert_id] = answer
        time.sleep(0.002)
    return came


def test_it_obeys_the_contract(new_lookup: NewLookup) -> None:
    assert isinstance(new_lookup(), LateLookup)


def test_the_answer_comes_later_and_is_then_at_hand(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("shop.example", serial=0x1001))
    lookup = new_lookup()
    cert_id, absent = sub.cert_id(0x1001), sub.cert_id(0x1002)
    assert is_pending(one(lookup, cert_id)) and is_pending(one(lookup, absent))
    came = late(lookup, 2)
    found = came[cert_id]
    assert isinstance(found, Found) and found.certificate.dns_names == ("shop.example",)
    assert isinstance(came[absent], NotFound)
    assert one(lookup, cert_id) == found
    assert isinstance(one(lookup, absent), NotFound)
    assert lookup.waiting == 0 and lookup.late == 2


def test_one_that_is_asked_about_is_not_asked_about_again(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    lookup = new_lookup(start=False)
    for _ in range(50):
        assert all(map(is_pending, lookup.lookup([sub.cert_id(0x2001), sub.cert_id(0x2001)])))
    assert lookup.waiting == 1
    time.sleep(0.01)
    while lookup.step() is not None:
        pass
    assert crtsh.asked == ["serial=2001&output=json"]
    assert len(lookup.take_late()) == 1


def test_another_hash_of_the_same_issuer_is_not_asked_about(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("x.example", serial=0x3001))
    lookup = new_lookup()
    ids = [sub.cert_id(0x3001, "sha1"), sub.cert_id(0x3001, "sha256")]
    assert all(map(is_pending, lookup.lookup(ids)))
    assert all(isinstance(answer, Found) for answer in late(lookup, 2).values())
    assert sum(query.startswith("serial") for query in crtsh.asked) == 1


def test_what_was_asked_before_is_answered_without_asking(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    first = new_lookup()
    one(first, sub.cert_id(0x4001))
    late(first, 1)
    crtsh.misbehave = lambda handler: say(handler, 502, "text/html", b"")
    one(first, sub.cert_id(0x4002))
    late(first, 1)
    first.close()
    asked = len(crtsh.asked)
    second = new_lookup()
    assert all(map(is_pending, second.lookup([sub.cert_id(0x4001), sub.cert_id(0x4002)])))
    came = late(second, 2)
    assert isinstance(came[sub.cert_id(0x4001)], NotFound)
    assert came[sub.cert_id(0x4002)] == Unavailable("crt.sh: status 502")
    assert len(crtsh.asked) == asked and second.counts.recalled == 2


def test_a_failure_keeps_the_issuer_that_the_store_knows(
    crtsh: CrtSh, new_lookup: NewLookup, ct: CtSettings, root: Ca
) -> None:
    assert ct.path is not None
    store = Store(Path(ct.path), 10)
    with store.batch():
        store.add(decoded(root.der), "file", 1)
    store.close()
    crtsh.misbehave = lambda handler: say(handler, 502, "text/html", b"")
    lookup = new_lookup()
    first = one(lookup, root.cert_id(0x5001))
    assert isinstance(first, Unavailable) and first.issuer is not None
    (answer,) = late(lookup, 1).values()
    assert answer == Unavailable("crt.sh: status 502", False, first.issuer)
    assert one(lookup, root.cert_id(0x5001)) == answer


def test_no_more_than_so_many_wait(new_lookup: NewLookup, sub: Ca) -> None:
    lookup = new_lookup(start=False, max_waiting=10)
    answers = lookup.lookup([sub.cert_id(number) for number in range(1, 1001)])
    assert sum(map(is_pending, answers)) == 10
    assert lookup.waiting == 10 and lookup.refused == 990
    assert answers[-1] == Unavailable("too many look-ups wait for crt.sh")


def test_what_no_certificate_can_have_is_not_asked(new_lookup: NewLookup, sub: Ca) -> None:
    lookup = new_lookup(start=False)
    for cert_id in (sub.cert_id("-05"), sub.cert_id("AB" * 40), CertId("1.2.3", b"n", b"k", "0A")):
        assert isinstance(one(lookup, cert_id), NotFound)
    assert lookup.waiting == 0


def test_at_the_end_nothing_is_delayed(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("x.example", serial=0x6001))
    lookup = new_lookup(min_delay_s=3000, max_delay_s=3000)
    one(lookup, sub.cert_id(0x6001))
    seen: list[int] = []
    lookup.on_wait = seen.append
    ((_, answer),) = lookup.settle(0.0)
    assert isinstance(answer, Found)
    assert set(seen) <= {0, 1} and lookup.given_up == 0


def test_the_end_does_not_wait_for_ever(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    crtsh.misbehave = lambda _: bool(crtsh.closing.wait(60))
    lookup = new_lookup(wait_at_end_s=0.3)
    one(lookup, sub.cert_id(0x7001))
    assert [answer for _, answer in lookup.settle(0.0)] == [Unavailable("not asked of crt.sh before the end")]
    assert lookup.given_up == 1


def test_the_end_can_be_called_off(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    crtsh.misbehave = lambda _: bool(crtsh.closing.wait(60))
    lookup = new_lookup()
    one(lookup, sub.cert_id(0x7002))
    threading.Timer(0.2, lookup.stop.set).start()
    began = time.monotonic()
    assert len(lookup.settle(0.0)) == 1
    assert time.monotonic() - began < 9


def test_a_server_that_is_left_alone_answers_nobody_later(crtsh: CrtSh, new_lookup: NewLookup, sub: Ca) -> None:
    """Whoever waits is told at once, not after the breaker's minutes."""
    crtsh.misbehave = lambda handler: say(handler, 403, "text/html", b"")
    lookup = new_lookup(breaker_failures=2)
    lookup.lookup([sub.cert_id(number) for number in range(1, 31)])
    came = late(lookup, 30)
    reasons = [answer.reason for answer in came.values() if isinstance(answer, Unavailable) and not answer.pending]
    assert len(reasons) == 30
    assert sum(reason == "crt.sh: status 403" for reason in reasons) == 2 == len(crtsh.asked)
    assert lookup.counts.not_asked == 28


def test_a_store_that_cannot_be_written_loses_nobody(
    crtsh: CrtSh, new_lookup: NewLookup, ct: CtSettings, sub: Ca
) -> None:
    crtsh.add(sub.der, sub.issue("x.example", serial=0x8001))
    lookup = new_lookup()
    assert ct.path is not None
    Path(ct.path).write_bytes(b"in the way")
    one(lookup, sub.cert_id(0x8001))
    ((_, answer),) = late(lookup, 1).items()
    assert isinstance(answer, Unavailable) and not answer.pending


def test_questions_that_nobody_asked_in_traffic_ask_nobody(new_lookup: NewLookup, sub: Ca) -> None:
    lookup = new_lookup(start=False)
    assert isinstance(lookup.prompt.lookup([sub.cert_id(0x9001)])[0], NotFound)
    assert lookup.issuer_from_traffic(sub.der) is None
    assert lookup.issuers_named("CN=x") == []
    assert lookup.waiting == 0


class LateStore:
    """A store behind a thread, as `live` has it: every answer comes late, when `come` has been set."""

    late = 0
    refused = 3

    def __init__(self, inner: StoreLookup) -> None:
        self._inner = inner
        self._owed: list[CertId] = []
        self.prompt = self
        self.settled: list[float] = []

    @property
    def waiting(self) -> int:
        return len(self._owed)

    def lookup(self, ids: list[CertId]) -> list[Answer]:
        self._owed += [cert_id for cert_id in ids if cert_id not in self._owed]
        return [Unavailable("no answer yet", True)] * len(ids)

    def take_late(self) -> list[tuple[CertId, Answer]]:
        owed, self._owed = self._owed, []
        return list(zip(owed, self._inner.lookup(owed), strict=True))

    def settle(self, seconds: float) -> list[tuple[CertId, Answer]]:
        self.settled.append(seconds)
        return self.take_late()

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture
def before_late(new_desk: NewDesk, ct: CtSettings) -> Iterator[tuple[OnlineLookup, LateStore]]:
    store = LateStore(StoreLookup(ct))
    settings = OnlineSettings(min_delay_s=0.001, max_delay_s=0.002, wait_at_end_s=0.0)
    made = OnlineLookup(store, new_desk(), look_again_in(ct), settings, threading.Event())  # type: ignore[arg-type]  # by attributes
    yield made, store
    made.close()


def test_what_the_store_says_late_waits_for_crtsh_where_it_is_not_known(
    crtsh: CrtSh, before_late: tuple[OnlineLookup, LateStore], sub: Ca, ct: CtSettings
) -> None:
    lookup, inner = before_late
    crtsh.add(sub.der, sub.issue("asked.example", serial=0x9001))
    assert ct.path is not None
    store = Store(Path(ct.path), 250)
    store.add(decoded(sub.der), "file", 1)
    store.add(decoded(sub.issue("stored.example", serial=0x9002)), "file", 1)
    store.close()
    inner._inner._check()
    ids = [sub.cert_id(0x9001), sub.cert_id(0x9002)]
    assert all(map(is_pending, lookup.lookup(ids)))
    assert (lookup.waiting, lookup.refused) == (2, 3)
    came = late(lookup, 2)
    names = {i.serial_number: found.certificate.dns_names for i, found in came.items() if isinstance(found, Found)}
    assert names == {"9001": ("asked.example",), "9002": ("stored.example",)}
    assert [query for query in crtsh.asked if "9002" in query] == []
    assert lookup.late == 2


def test_the_end_waits_for_the_store_and_not_for_crtsh(
    crtsh: CrtSh, before_late: tuple[OnlineLookup, LateStore], sub: Ca
) -> None:
    lookup, inner = before_late
    crtsh.misbehave = lambda _: bool(crtsh.closing.wait(60))
    assert is_pending(one(lookup, sub.cert_id(0x9003)))
    began = time.monotonic()
    ((cert_id, answer),) = lookup.settle(0.7)
    assert time.monotonic() - began < 10
    assert (cert_id, type(answer)) == (sub.cert_id(0x9003), Unavailable)
    assert not is_pending(answer)
    assert inner.settled == [0.7]
    assert lookup.waiting == 0
