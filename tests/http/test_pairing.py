"""Who answers whom: in order, across losses, and alone where nobody can know."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.http.pairing import REORDER_NS, Exchange, Pairing
from sensor.http.transaction import HttpRequest, HttpResponse, HttpTransaction
from sensor.weird import Weird
from tests.http.wire import FLOW


class Talk:
    """Requests and replies by number, without bytes."""

    def __init__(self, max_pending: int = 100) -> None:
        self.out: list[object] = []
        self.pairing = Pairing(FLOW, self.out, max_pending)
        self.ts = 0
        self.open: dict[int, Exchange] = {}

    def request(self, number: int, end: bool = True) -> None:
        self.ts += 1
        self.open[number] = self.pairing.begin_request(self.ts)
        if end:
            self.end_request(number)

    def end_request(self, number: int) -> None:
        request = HttpRequest(self.ts, b"GET", b"/%d" % number, "1.1", None, None, (), (), 0, True)
        self.pairing.end_request(self.open[number], request)

    def reply(self, number: int) -> None:
        self.ts += 1
        exchange = self.pairing.begin_reply(self.ts)
        self.pairing.end_reply(exchange, HttpResponse(self.ts, "1.1", number, b"", (), (), 0, True))

    def close(self) -> list[tuple[int | None, int | None]]:
        self.pairing.close(True)
        self.pairing.close(False)
        return self.pairs

    @property
    def pairs(self) -> list[tuple[int | None, int | None]]:
        return [
            (
                int(item.request.target[1:]) if item.request else None,
                item.response.status_code if item.response else None,
            )
            for item in self.out
            if isinstance(item, HttpTransaction)
        ]

    @property
    def weirds(self) -> list[str]:
        return [item.name for item in self.out if isinstance(item, Weird)]


def test_one_after_the_other() -> None:
    talk = Talk()
    for number in range(3):
        talk.request(number)
        talk.reply(number)
    assert talk.pairs == [(0, 0), (1, 1), (2, 2)]
    assert talk.close() == talk.pairs
    assert [item.trans_depth for item in talk.out if isinstance(item, HttpTransaction)] == [1, 2, 3]


def test_pipelined() -> None:
    talk = Talk()
    for number in range(3):
        talk.request(number)
    for number in range(2):
        talk.reply(number)
    assert talk.close() == [(0, 0), (1, 1), (2, None)]


def test_a_reply_that_ends_before_its_request() -> None:
    talk = Talk()
    talk.request(0, end=False)
    talk.reply(0)
    assert talk.pairs == []
    talk.end_request(0)
    assert talk.pairs == [(0, 0)]


def test_replies_first() -> None:
    talk = Talk()
    for number in range(3):
        talk.reply(number)
    for number in range(3):
        talk.request(number)
    assert talk.close() == [(0, 0), (1, 1), (2, 2)]
    assert talk.weirds == ["HTTP_response_before_request"] * 3


def test_a_request_that_begins_while_its_reply_is_under_way() -> None:
    talk = Talk()
    exchange = talk.pairing.begin_reply(1)
    talk.request(0)
    talk.pairing.end_reply(exchange, HttpResponse(1, "1.1", 0, b"", (), (), 0, True))
    assert talk.pairs == [(0, 0)]
    assert talk.weirds == ["HTTP_response_before_request"]


def test_a_reply_that_came_too_early_is_nobodys() -> None:
    talk = Talk()
    talk.reply(9)
    talk.ts += REORDER_NS
    talk.request(0)
    talk.reply(0)
    assert talk.close() == [(None, 9), (0, 0)]


def test_only_a_few_replies_wait_for_requests() -> None:
    talk = Talk()
    for number in range(6):
        talk.reply(number)
    assert talk.pairs == [(None, 0), (None, 1)]
    assert talk.close() == [(None, number) for number in range(6)]


def test_too_many_requests_at_once() -> None:
    talk = Talk(max_pending=2)
    for number in range(5):
        talk.request(number)
    assert talk.weirds == ["HTTP_excessive_pipelining"] * 2
    for number in range(5):
        talk.reply(number)
    pairs = talk.close()
    assert set(pairs) == {
        (0, None),
        (1, None),
        (2, None),
        (3, None),
        (None, 0),
        (None, 1),
        (None, 2),
        (None, 3),
        (4, 4),
    }


def test_lost_replies() -> None:
    talk = Talk()
    talk.request(0)
    talk.pairing.lose(False)  # its reply
    talk.request(1)
    talk.reply(1)
    assert talk.close() == [(0, None), (1, 1)]


def test_lost_replies_of_a_client_that_pipelines_are_not_guessed() -> None:
    talk = Talk()
    talk.request(0)
    talk.request(1)
    talk.pairing.lose(False)
    talk.reply(1)
    assert talk.pairs == [(None, 1)]
    talk.request(2)
    talk.reply(2)
    assert talk.close() == [(None, 1), (0, None), (1, None), (2, 2)]


def test_a_single_request_that_waits_is_answered_even_behind_a_loss() -> None:
    talk = Talk()
    talk.request(0)
    talk.pairing.lose(False)
    talk.reply(0)
    assert talk.close() == [(0, 0)]


def test_lost_requests() -> None:
    talk = Talk()
    talk.pairing.lose(True)
    talk.reply(0)
    assert talk.pairs == [(None, 0)]
    talk.request(1)
    talk.reply(1)
    assert talk.close() == [(None, 0), (1, 1)]


def test_requests_lost_among_pipelined_ones_leave_a_doubt() -> None:
    talk = Talk()
    talk.request(0)
    talk.pairing.lose(True)  # perhaps request 1
    talk.request(2)
    talk.reply(0)
    talk.reply(1)
    talk.request(3)
    talk.reply(3)
    assert talk.close() == [(0, 0), (None, 1), (2, None), (3, 3)]


def test_one_direction_closes_before_the_other() -> None:
    talk = Talk()
    talk.request(0)
    talk.request(1, end=False)
    talk.pairing.close(False)
    assert talk.pairs == [(0, None)]
    talk.end_request(1)
    assert talk.pairs == [(0, None), (1, None)]
    talk.pairing.close(True)
    assert talk.pairs == [(0, None), (1, None)]


def test_flushing() -> None:
    talk = Talk()
    talk.request(0)
    talk.pairing.flush()
    assert talk.pairs == [(0, None)]


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30),
)
def test_everything_comes_out_once(lengths: list[tuple[int, bool]], order: list[tuple[bool, bool]]) -> None:
    """Whatever the order and whatever is lost: each message is in exactly one transaction."""
    talk = Talk(max_pending=3)
    asked = answered = 0
    for is_orig, lost in order:
        if lost:
            talk.pairing.lose(is_orig)
        elif is_orig:
            talk.request(asked)
            asked += 1
        else:
            talk.reply(answered)
            answered += 1
    pairs = talk.close()
    assert sorted(pair[0] for pair in pairs if pair[0] is not None) == list(range(asked))
    assert sorted(pair[1] for pair in pairs if pair[1] is not None) == list(range(answered))
    if not any(lost for _, lost in order) and "HTTP_excessive_pipelining" not in talk.weirds:
        in_time = answered <= asked or not any(is_orig for is_orig, _ in order)
        if in_time:
            assert all(pair[0] == pair[1] for pair in pairs if None not in pair)


def test_all_replies_that_came_too_early_are_nobodys() -> None:
    talk = Talk()
    for number in range(3):
        talk.reply(number)
    talk.ts += REORDER_NS
    talk.reply(3)
    assert talk.pairs == [(None, 0), (None, 1), (None, 2)]
    talk.request(4)  # in time for the last of them
    assert talk.close() == [(None, 0), (None, 1), (None, 2), (4, 3)]


def test_a_client_that_asks_again_while_a_reply_is_under_way_has_pipelined() -> None:
    """The first two requests may be out of order with the reply; a third one is not: then nothing is given up."""
    for pipelined in (False, True):
        talk = Talk()
        talk.request(0)
        talk.pairing.begin_reply(1)
        talk.request(1)
        if pipelined:
            talk.request(2)
        talk.pairing.lose(False)
        talk.request(3)
        assert talk.pairs == ([] if pipelined else [(0, None), (1, None)])


def test_half_a_minute_and_no_more_are_replies_held() -> None:
    talk = Talk()
    talk.reply(0)
    talk.ts += REORDER_NS - 1
    talk.request(1)
    assert talk.pairs == [(1, 0)]
