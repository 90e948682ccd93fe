"""Rows C5, C10 and C11: a crt.sh that is hostile, and what whoever reads our questions learns from them."""

from __future__ import annotations

import contextlib
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from sensor.crtsh.desk import Desk, open_desk
from sensor.crtsh.lookup import OnlineLookup
from sensor.crtsh.pace import Breaker, Pace
from sensor.crtsh.pages import Pages
from sensor.crtsh.remembered import Outcome, Remembered
from sensor.crtsh.resolver import Resolver
from sensor.ct.lookup import NotFound
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.online.fetching import Answer as Fetched
from sensor.settings import CtSettings, OnlineSettings
from tests.crtsh.faults import FAULTS, answer
from tests.crtsh.server import CrtSh, Tls, make_tls
from tests.ct.pki import Ca, make_root
from tests.flow.frames import START, Frame, S
from tests.flow.talk import Ends
from tests.hostile.rows import Guard, NotHere, Row
from tests.hostile.witness import TYPE, conversation, watch
from tests.http.wire import post, reply
from tests.ocsp import wire as ocsp

ROWS: dict[str, Row | NotHere] = {
    "C5": Row(
        "a crt.sh that is down, slow, huge, lies, or leads elsewhere",
        (
            "online.max_answer_bytes",
            "online.max_rows",
            "online.timeout_s",
            "online.failure_ttl_s",
            "online.breaker_failures",
        ),
        ("lookups_unavailable",),
        (
            Guard("sensor/crtsh/pages.py", "if answer.media_type != _JSON:", "if False:"),
            Guard(
                "sensor/crtsh/resolver.py",
                "_digest(wanted, learnt.issuer.key_octets) != wanted.issuer_key_hash",
                "False",
            ),
            Guard("sensor/online/fetching.py", "if size > limit:", "if False:"),
            Guard("sensor/crtsh/remembered.py", "Outcome.failed: settings.failure_ttl_s,", "Outcome.failed: 0,"),
            Guard("sensor/crtsh/pages.py", 'if answer.body.count(b"{") > self._max_rows:', "if False:"),
            Guard(
                "sensor/online/fetching.py", "Timer(self._timeout_s, cut.now)", "Timer(20 * self._timeout_s, cut.now)"
            ),
            Guard("sensor/crtsh/pace.py", "if self._failures >= self._most:", "if False:"),
        ),
        tests=(
            "crtsh/test_pages.py::test_no_more_rows_are_read_than_the_settings_allow",
            "crtsh/test_desk.py::test_a_server_that_fails_is_left_alone",
        ),
        note="Ten to fifteen minutes, at random, so that failures do not come back all at once",
    ),
    "C10": NotHere(
        "look-ups by a prefix that many certificates share (k-anonymity)",
        "no public index answers by a prefix of issuer and serial; `ct sync` makes an own one, which is asked nothing "
        "outside. crt.sh is told whole serial numbers, which is said before, and asked only with --online",
    ),
    "C11": Row(
        "look-ups that mirror the traffic in time",
        ("online.min_delay_s", "online.max_delay_s"),
        guards=(
            Guard("sensor/crtsh/rounds.py", "self._rng.shuffle(ripe)", "ripe.reverse()"),
            Guard("sensor/crtsh/rounds.py", "(self._hurry or now >= self._due)", "True"),
        ),
        note="Random delay, batches, random order; no dummy queries: that somebody asks, and how much, is not hidden",
    ),
}
MEBIBYTE = 1 << 20
SETTINGS = OnlineSettings(
    requests_per_minute=6000, burst=1000, timeout_s=0.7, max_tries=1, max_answer_bytes=MEBIBYTE, min_delay_s=0.001
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ca() -> Ca:
    return make_root("Online Root")


@pytest.fixture(autouse=True)
def trusting(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))


class Elsewhere:
    """Where a redirect leads: counts who comes, by HTTP or anything."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                sock.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.close()


def asking(ca: Ca, serial: int) -> list[Frame]:
    """One exchange."""
    wanted = ca.cert_id(serial)
    cert_id = ocsp.cert_id(serial, name_hash=wanted.issuer_name_hash, key_hash=wanted.issuer_key_hash)
    answered = reply(ocsp.response(ocsp.basic(ocsp.single(cert_id))), TYPE + b"response")
    request = post(b"/", ocsp.request(cert_id), TYPE + b"request")
    return conversation(("c", request), ("s", answered), ends=Ends(), start=START + S)


class Told:
    """What a run over one exchange came to."""

    def __init__(self, url: str, folder: Path, ca: Ca, serial: int = 5, settings: OnlineSettings = SETTINGS) -> None:
        ct = CtSettings(path=str(folder / "ct.sqlite"))
        settings = msgspec.structs.replace(settings, crtsh_url=url)
        began = time.time()
        desk = open_desk(folder / "ct.sqlite", ct, settings, threading.Event())

        def again(cert_id: CertId) -> object:
            lookup = StoreLookup(ct)
            try:
                return lookup.lookup([cert_id])[0]
            finally:
                lookup.close()

        lookup = OnlineLookup(StoreLookup(ct), desk, again, settings, threading.Event())  # type: ignore[arg-type]
        seen = watch(asking(ca, serial), lookup=lookup, witness=False)
        lookup.close()
        self.took_s = time.time() - began
        self.names = [(row.get("grade"), row.get("names")) for row in seen.of("leak")]
        self.counts = lookup.counts
        self.asked = self._remembered(folder, settings, ca.cert_id(serial))
        self.again_after = self._again_after(folder, settings, ca.cert_id(serial), began)
        self.not_found = isinstance(again(ca.cert_id(serial)), NotFound)

    @staticmethod
    def _remembered(folder: Path, settings: OnlineSettings, cert_id: CertId) -> Outcome | None:
        desk = open_desk(folder / "ct.sqlite", CtSettings(), settings, threading.Event())
        said = desk.recall(cert_id.serial_number, cert_id)
        desk.close()
        return None if said is None else said.outcome

    @staticmethod
    def _again_after(folder: Path, settings: OnlineSettings, cert_id: CertId, began: float) -> bool:
        """Whether it is still remembered after 9 minutes, and no more after 16."""
        known = []
        for seconds in (540, 960):
            desk = open_desk(
                folder / "ct.sqlite",
                CtSettings(),
                settings,
                threading.Event(),
                clock=lambda s=seconds: began + s,  # type: ignore[misc]
            )
            known.append(desk.recall(cert_id.serial_number, cert_id) is not None)
            desk.close()
        return known == [True, False]


def test_c5_the_truth_is_found(tls: Tls, ca: Ca, tmp_path: Path) -> None:
    """Else the others would show nothing."""
    server = CrtSh(tls.good).add(ca.der, ca.issue("a.example", serial=5))
    told = Told(server.url, tmp_path, ca)
    server.close()
    assert told.names == [("exact", ["a.example"])] and told.asked is Outcome.found


@pytest.mark.parametrize("fault", FAULTS)
def test_c5_a_failure_is_no_answer(fault: str, tls: Tls, ca: Ca, tmp_path: Path) -> None:
    """No name, no "not found", no exception, a bounded time, and the line in leak.log."""
    server = CrtSh(tls.good).add(ca.der, ca.issue("a.example", serial=5))
    server.misbehave = FAULTS[fault]
    told = Told(server.url, tmp_path, ca)
    server.close()
    assert told.names == [("unlisted", None)]
    assert (told.counts.failed, told.counts.not_found, told.counts.found) == (1, 0, 0), told.counts
    assert told.asked is Outcome.failed and told.again_after and told.not_found
    assert told.took_s < 10
    if fault in ("a_gigabyte", "a_gigabyte_announced", "a_bomb"):
        assert told.counts.reasons == {"an answer of more than 1,048,576 bytes": 1}


@pytest.mark.parametrize(
    ("status", "to"),
    [
        (301, "http://127.0.0.1:{}/"),
        (302, "https://127.0.0.1:{}/"),
        (303, "http://localhost:{}/x"),
        (307, "//127.0.0.1:{}/"),
        (308, "https://localhost:{}/?serial=05&output=json"),
    ],
)
def test_c5_redirects_lead_nowhere(
    status: int, to: str, tls: Tls, ca: Ca, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    server = CrtSh(tls.good)
    server.misbehave = answer(b"[]", status=status, Location=to.format(elsewhere.port))
    told = Told(server.url, tmp_path, ca)
    server.close()
    assert told.asked is Outcome.failed and told.counts.reasons == {f"status {status}": 1}
    assert elsewhere.connections == 0 and len(server.asked) == 1


@pytest.mark.parametrize("kind", ["elsewhere", "expired", "unknown", "none"])
def test_c5_bad_tls_is_told_nothing(kind: str, tls: Tls, ca: Ca, tmp_path: Path) -> None:
    """Nor is the serial number sent: the question comes after the handshake."""
    server = CrtSh(getattr(tls, kind, None)).add(ca.der, ca.issue("a.example", serial=5))
    told = Told(server.url.replace("http:", "https:"), tmp_path, ca)
    server.close()
    assert told.asked is Outcome.failed and told.names == [("unlisted", None)]
    assert server.asked == []


def test_c5_nobody_there(ca: Ca, tmp_path: Path) -> None:
    told = Told("https://127.0.0.1:1/", tmp_path, ca)
    assert told.asked is Outcome.failed and told.counts.reasons == {"connection refused": 1}


def test_c5_a_forged_certificate_names_nobody(tls: Tls, ca: Ca, tmp_path: Path) -> None:
    """crt.sh, or who speaks for it, lists what somebody else signed under the CA's name and key identifier."""
    from tests.ct.pki import decoded

    forger = make_root("Online Root", ski=decoded(ca.der).subject_key_id)
    server = CrtSh(tls.good).add(ca.der, forger.issue("forged.example", serial=5))
    told = Told(server.url, tmp_path, ca)
    assert told.names == [("unlisted", None)] and told.asked is Outcome.failed
    server.add(forger.der)
    other = tmp_path / "other"
    other.mkdir()
    told = Told(server.url, other, ca)
    assert told.names == [("unlisted", None)] and told.asked is not Outcome.found
    server.close()


class Watching:
    """Instead of crt.sh and of the network: notes what is asked, and when, by the simulated clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.asked: list[tuple[str, float]] = []

    def get(self, url: str, accept: str = "*/*", max_bytes: int | None = None) -> Fetched:
        del accept, max_bytes
        self.asked.append((url.partition("serial=")[2].partition("&")[0], self._clock()))
        return Fetched(200, "application/json", b"[]", None)


class Simulated:
    """Hours of look-ups within a second: the real lookup, desk and pace, with a clock that is set."""

    def __init__(self, folder: Path, ca: Ca, seed: int) -> None:
        self.now = 1_795_000_000.0
        self.settings = OnlineSettings(max_waiting=100_000)
        ct = CtSettings(path=str(folder / "ct.sqlite"))
        rng = random.Random(seed)

        def clock() -> float:
            return self.now

        def sleep(seconds: float) -> bool:
            self.now += seconds
            return False

        self.crtsh = Watching(clock)
        pace = Pace(self.settings.requests_per_minute, self.settings.burst, clock=clock, sleep=sleep)
        desk = Desk(
            Resolver(Pages(self.crtsh, pace, self.settings, ct), folder / "ct.sqlite", ct, self.settings, clock),
            Remembered(folder / "asked", self.settings, clock, rng),
            Breaker(5, 300, clock, rng),
            pace,
        )
        store = StoreLookup(ct)
        self._lookup = OnlineLookup(
            store, desk, lambda _: NotFound(), self.settings, threading.Event(), clock, rng, start=False
        )
        self._ca = ca

    def run(self, arrivals: list[float]) -> tuple[list[tuple[int, float]], list[float]]:
        """(number, seconds since the start) of each question as asked; and when each came up."""
        start = self.now
        came: list[float] = []
        todo = list(enumerate(arrivals))
        while todo or self._lookup.waiting:
            while todo and start + todo[0][1] <= self.now:
                number, _ = todo.pop(0)
                self._lookup.lookup([self._ca.cert_id(1000 + number)])
                came.append(self.now - start)
            if self._lookup.step() != 0.0:
                self.now += 0.1
        self._lookup.close()
        return [(int(serial, 16) - 1000, at - start) for serial, at in self.crtsh.asked], came


def arrivals(seed: int) -> list[float]:
    """Two hours of a small office: page views, each of a few certificates within a second, after minutes or seconds."""
    dice = random.Random(seed)
    made: list[float] = []
    at = 0.0
    while at < 7200:
        at += dice.expovariate(1 / 25)
        made += [at + dice.random() for _ in range(dice.randrange(1, 5))]
    return sorted(made)


def test_c11_questions_do_not_follow_the_traffic(ca: Ca, tmp_path: Path) -> None:
    """Statistics on our own traffic: what whoever reads it can tell of when, and in which order, sites were visited."""
    simulated = Simulated(tmp_path, ca, seed=11)
    asked, came = simulated.run(arrivals(11))
    assert sorted(number for number, _ in asked) == list(range(len(came))) and len(came) > 500
    delays = [at - came[number] for number, at in asked]
    settings = simulated.settings
    assert min(delays) >= settings.min_delay_s
    assert statistics.median(delays) > 2 * settings.min_delay_s
    assert statistics.stdev(delays) > 10

    rounds: list[list[tuple[int, float]]] = [[]]
    for number, at in asked:
        if rounds[-1] and at - rounds[-1][-1][1] > 1.5:
            rounds.append([])
        rounds[-1].append((number, at))
    assert len(rounds) < len(asked) / 3, "questions come in batches"

    falling = rising = 0
    for batch in rounds:
        for place, (number, _) in enumerate(batch):
            for later, _ in batch[place + 1 :]:
                rising += later > number
                falling += later < number
    order = (rising - falling) / (rising + falling)
    assert abs(order) < 0.1, f"within a batch the order says something (Kendall's tau {order:.2f})"

    rank = {number: place for place, (number, _) in enumerate(asked)}
    near = [number for number, (earlier, later) in enumerate(pairwise(came)) if later - earlier < 1]
    turned = sum(rank[number + 1] < rank[number] for number in near)
    assert 0.35 < turned / len(near) < 0.6, "of one page's certificates any may be first"


def test_c11_the_same_traffic_is_asked_about_at_other_times(ca: Ca, tmp_path: Path) -> None:
    runs = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        runs.append(Simulated(folder, ca, seed).run(arrivals(3)[:200])[0])
    assert [number for number, _ in runs[0]] != [number for number, _ in runs[1]]
    first, second = dict(runs[0]), dict(runs[1])
    assert statistics.median(abs(first[number] - second[number]) for number in first) > 5
