"""sensor.flow.ledger: what flows may keep is never underrated, and who keeps much for long is ended first."""

from __future__ import annotations

import random

from sensor.flow.ledger import PER_PIECE, PER_READING, Ledger, give_back, take_stock, weigh
from sensor.flow.state import ATTACHED, Flow, begin_flow
from sensor.settings import FlowSettings
from tests.flow.frames import START, Frame, S, batch
from tests.flow.talk import CLOSE, HANDSHAKE, Ends, Recorder, frames_of, listen, parse


class Keeper(Recorder):
    """Says that it keeps so much."""

    keeps = (0, 0)

    def kept(self) -> tuple[int, int]:
        return self.keeps


def flow_that_keeps(number: int, octets: int, last: int, window: int = 0, charged: int = 1) -> Flow:
    flow = begin_flow(number, START)
    flow.last_ts = START + last
    flow.charged = charged
    flow.reading = ATTACHED
    flow.reader = Keeper(flow.flow_id(), False, None, None)
    flow.reader.keeps = (octets, window)
    return flow


def test_stock_is_taken_and_nobody_ended_while_there_is_room() -> None:
    ledger = Ledger()
    ledger.charged = 10**9
    flows = [flow_that_keeps(1, 300, 5), flow_that_keeps(2, 0, 1), flow_that_keeps(3, 200, 3, 4000)]
    assert take_stock(flows, ledger, 8000) == []
    assert [flow.charged for flow in flows] == [300, 0, 200 + PER_PIECE]
    assert ledger.charged == 300 + 200 + PER_PIECE + 4000


def test_those_idle_longest_go_until_a_quarter_is_free() -> None:
    ledger = Ledger()
    flows = [flow_that_keeps(number, 1000, last) for number, last in enumerate((9, 2, 7, 4, 2))]
    assert [flow.number for flow in take_stock(flows, ledger, 4000)] == [1, 4]
    assert ledger.charged == 5000  # until they are ended


def test_who_keeps_little_beside_others_stays_however_long_it_was_idle() -> None:
    flows = [flow_that_keeps(0, 1000, 0), *[flow_that_keeps(number, 60_000, number) for number in range(1, 9)]]
    assert [flow.number for flow in take_stock(flows, Ledger(), 400_000)] == [1, 2, 3, 4]


def test_who_was_not_charged_is_not_asked() -> None:
    assert take_stock([flow_that_keeps(1, 10**6, 1, charged=0)], Ledger(), 1000) == []


def test_what_is_above_holes_and_not_acknowledged_counts() -> None:
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =100\nc> A =50\nc> A =10 lost\nc> A =30")))
    (flow,) = heard.tracker.flows.values()
    assert weigh(flow) == (100 + 50 + 30 + 3 * PER_PIECE, 0)
    assert flow.charged >= 100 + 50 + 30 + 3 * PER_PIECE
    heard.end()


def test_what_waits_for_late_octets_counts() -> None:
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =100\nc> A =10 lost\ns> A\ns> A =40\nc> A =30")))
    (flow,) = heard.tracker.flows.values()
    assert flow.late is not None
    assert weigh(flow)[0] >= 40 + 30 + 3 * PER_PIECE
    assert flow.charged >= weigh(flow)[0]
    heard.end()


def test_older_flows_count() -> None:
    script = HANDSHAKE + "c> A =100\nc> S @700000\nc> A @700001 =70\n"
    heard = listen().feed(frames_of(parse(script)))
    (flow,) = heard.tracker.flows.values()
    assert flow.older is not None
    assert flow.older.charged >= PER_READING
    take_stock([flow], heard.tracker.ledger, 1 << 40)
    assert heard.tracker.ledger.charged >= PER_READING + 170
    heard.end()
    assert heard.tracker.ledger.charged == 0


def test_never_fewer_than_are_kept_and_nothing_at_the_end() -> None:
    """Conversations torn in every way: the sum is at least what they weigh, and is given back."""
    dice = random.Random(5)
    for _ in range(60):
        heard = listen()
        for port in range(6):
            ends = Ends(cport=2000 + port)
            said = "".join(
                f"{dice.choice('cs')}> A {dice.choice('=!')}{dice.randrange(1, 90)}{dice.choice((' lost', '', ''))}\n"
                for _ in range(dice.randrange(12))
            )
            again = dice.choice(("", "c> S @900000\nc> A @900001 =20\n", "s> SA @5000\n"))
            script = HANDSHAKE + said + again + said + dice.choice(("", CLOSE))
            heard.feed(frames_of(parse(script, ends), ends))
            weight = sum(sum(weigh(each)) for flow in heard.tracker.flows.values() for each in flow.chain())
            assert heard.tracker.ledger.charged >= weight
        heard.end()
        assert heard.tracker.ledger.charged == 0


def test_a_flow_goes_when_too_much_is_kept_and_it_is_said() -> None:
    """Ten clients, 1,000 octets each that nobody acknowledges; there is room for six."""
    limits = FlowSettings(max_kept_bytes=8000)
    heard = listen(limits)
    for number in range(10):
        ends = Ends(cport=3000 + number)
        script = parse(HANDSHAKE + "c> A =500\nc> A =500\n", ends)
        heard.feed([Frame(START + number * S, ends.frame(each).data) for each in script])
        assert heard.tracker.ledger.charged <= 8000
    assert heard.tracker.limits()["flow.max_kept_bytes"] == heard.tracker.evicted > 0
    assert [conn.flow.orig_p for conn in heard.conns] == [3000 + number for number in range(heard.tracker.evicted)]
    assert "emergency_mode" in heard.weirds
    heard.end()


def test_shards_keep_no_more_than_they_may_together() -> None:
    """Who must end a flow of his says so, as of anything that reaches a limit (workers/merge.py)."""
    heard = listen(FlowSettings(max_kept_bytes=8000))
    heard.tracker.take_shard(0, 1, 7)
    assert heard.tracker.max_kept == 6000
    heard = listen(FlowSettings(max_kept_bytes=8000))
    heard.tracker.take_shard(0, 2, 7)
    assert heard.tracker.max_kept == 3000
    for number in range(20):
        ends = Ends(cport=3000 + number)
        heard.tracker.feed(batch(frames_of(parse(HANDSHAKE + "c> A =900\n", ends), ends), number * 4))
    assert heard.tracker.evicted > 0
    assert heard.tracker.reassembler.most_held > FlowSettings().max_reassembly_bytes


def test_memory_can_be_given_back_at_any_time() -> None:
    give_back()
    assert give_back() is None


def test_what_is_put_off_and_other_copies_count() -> None:
    flow = flow_that_keeps(1, 0, 1)
    flow.orig.prefix = b"GE"
    flow.resp.recent, flow.resp.recent_bytes = [(1, 4, b"abc")], 3
    flow.resp.others = [(1, b"xyz"), (2, b"y")]
    assert weigh(flow) == (2 + 3 + 3 + 1 + 4 * PER_PIECE, 0)
