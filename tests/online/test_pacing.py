"""How often a server is asked: against one that keeps count, and with a clock that a test can see through."""

from __future__ import annotations

import threading
import time

import pytest

from sensor.online.fetching import Answer, Fetcher, FetchError
from sensor.online.pacing import GivenUpError, PacedFetcher, Stopped, UnreadableError
from tests.online.server import ScriptedServer, answer


class FakeTime(threading.Event):
    """A clock, and the event whose waiting moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.now += timeout or 0.0
        return self.is_set()


class Answers:
    """A Fetcher that has its answers ready."""

    def __init__(self, clock: FakeTime, *answers: Answer | FetchError) -> None:
        self.answers = list(answers)
        self.asked_at: list[float] = []
        self._clock = clock

    def get(self, *_: object) -> Answer:
        self.asked_at.append(self._clock.now)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, FetchError):
            raise given
        return given


FINE = Answer(200, "", b"fine", None)


def busy(retry_after: float | None = None, status: int = 429) -> Answer:
    return Answer(status, "", b"", retry_after)


def paced(*answers: Answer | FetchError, per_s: float = 10, tries: int = 5) -> tuple[PacedFetcher, Answers, FakeTime]:
    clock = FakeTime()
    inner = Answers(clock, *answers)
    return PacedFetcher(inner, per_s, tries, 60, clock, clock), inner, clock  # type: ignore[arg-type]


def gaps(inner: Answers) -> list[float]:
    return [later - earlier for earlier, later in zip(inner.asked_at, inner.asked_at[1:], strict=False)]


def test_requests_keep_their_distance() -> None:
    fetcher, inner, _ = paced(FINE)
    for _ in range(5):
        assert fetcher.get("u") == b"fine"
    assert gaps(inner) == pytest.approx([0.1] * 4)


def readable(body: bytes) -> str:
    if body.startswith(b"<"):
        raise UnreadableError("a page")
    return body.decode()


PAGE = Answer(200, "", b"<html>", None)


def test_what_cannot_be_read_is_asked_for_again() -> None:
    fetcher, inner, _ = paced(PAGE, PAGE, FINE)
    assert fetcher.ask("u", readable) == "fine"
    first, second = gaps(inner)
    assert 0.5 <= first <= 1.1 and 1.0 <= second <= 2.1  # as after any failure
    assert fetcher.rate == 10 and fetcher.refusals == 0


def test_what_can_never_be_read_is_given_up() -> None:
    fetcher, inner, _ = paced(PAGE, tries=3)
    with pytest.raises(GivenUpError, match="a page, 3 times"):
        fetcher.ask("u", readable)
    assert len(inner.asked_at) == 3


def test_what_a_decoder_refuses_is_not_asked_for_again() -> None:
    fetcher, inner, _ = paced(FINE)
    with pytest.raises(ValueError, match="invalid literal"):
        fetcher.ask("u", int)
    assert len(inner.asked_at) == 1


def test_a_pause_is_no_credit() -> None:
    fetcher, inner, clock = paced(FINE)
    fetcher.get("u")
    clock.now += 100
    for _ in range(3):
        fetcher.get("u")
    assert gaps(inner)[1:] == pytest.approx([0.1] * 2)


def test_retry_after_is_obeyed_and_the_rate_halved() -> None:
    fetcher, inner, _ = paced(busy(30), FINE)
    assert fetcher.get("u") == b"fine"
    assert 30 <= gaps(inner)[0] <= 31.1
    assert 5 <= fetcher.rate < 5.2
    assert fetcher.refusals == 1
    for _ in range(100):
        fetcher.get("u")
    assert fetcher.rate == 10


def test_back_off_doubles_with_jitter_up_to_a_limit() -> None:
    fetcher, inner, _ = paced(FetchError("gone"), tries=10)
    with pytest.raises(GivenUpError, match="gone, 10 times"):
        fetcher.get("u")
    for wait, most in zip(gaps(inner), (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert most / 2 <= wait <= most


def test_jitter_differs() -> None:
    waits = set()
    for _ in range(5):
        fetcher, inner, _ = paced(FetchError("gone"), FINE)
        fetcher.get("u")
        waits.add(gaps(inner)[0])
    assert len(waits) == 5


@pytest.mark.parametrize("status", [400, 403, 404, 410, 301, 204])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    fetcher, inner, _ = paced(busy(status=status))
    with pytest.raises(GivenUpError) as caught:
        fetcher.get("u")
    assert (caught.value.status, len(inner.asked_at)) == (status, 1)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is(status: int) -> None:
    fetcher, inner, _ = paced(busy(status=status), FINE)
    assert fetcher.get("u") == b"fine"
    assert len(inner.asked_at) == 2


def test_one_refusal_holds_every_thread(server: ScriptedServer) -> None:
    inner = Fetcher(5, 1000)
    stop = threading.Event()
    fetcher = PacedFetcher(inner, 1000, 3, 1, stop)
    server.scripts = [answer(b"", "Retry-After: 0", status="429 Slow Down"), answer(b"fine")]
    began = time.monotonic()
    with pytest.raises(GivenUpError):
        PacedFetcher(inner, 1000, 1, 1, stop).get(server.url)
    fetcher._hold(answer_is_busy=True, asked=0.3, tries=1)
    ends: list[float] = []
    threads = [
        threading.Thread(target=lambda: (fetcher.get(server.url), ends.append(time.monotonic()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 4 and min(ends) - began >= 0.3
    inner.close()


def test_whoever_waits_can_be_called_off() -> None:
    fetcher, _, clock = paced(busy(3600))
    clock.set()
    with pytest.raises(Stopped):
        fetcher.get("u")
