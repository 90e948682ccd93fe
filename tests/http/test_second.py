"""sensor.http.second: two readings of a flow; what the second finds is told once, and its octets are bounded."""

from __future__ import annotations

import pytest

from sensor.flow.stream import FIN
from sensor.http.reader import HttpReader
from sensor.http.second import ForkedReader, SecondReading
from sensor.http.transaction import Ambiguity, HttpTransaction
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.wire import FLOW, SECOND, conflict, get, reply


def forked(said: bytes, other: bytes, settings: HttpSettings | None = None) -> tuple[ForkedReader, list[object]]:
    """The client said `said`, and in its place `other` came, too."""
    out: list[object] = []
    main = HttpReader(FLOW, out, settings or HttpSettings(), probation=False)
    want = main.data(True, said, SECOND)
    assert want == 0
    both = main.second(True, conflict(1 + len(other), [other], (1, other)), {True: want, False: 0}, SECOND)
    assert isinstance(both, ForkedReader)
    return both, out


def end(reader: ForkedReader) -> None:
    reader.closed(True, FIN, 9 * SECOND, SECOND, 0)
    reader.closed(False, FIN, 9 * SECOND, SECOND, 0)


def test_both_requests_are_told_with_the_reply() -> None:
    reader, out = forked(get(b"/a"), get(b"/b"))
    reader.data(False, reply(b"x"), 2 * SECOND)
    end(reader)
    first, second = out
    assert isinstance(first, HttpTransaction) and isinstance(second, SecondReading)
    assert first.request is not None and second.transaction.request is not None
    assert (first.request.target, second.transaction.request.target) == (b"/a", b"/b")
    assert first.ambiguous == second.transaction.ambiguous == (Ambiguity.tcp,)
    assert (second.known_request, second.known_reply) == (False, True)


def test_what_both_tell_is_told_once() -> None:
    reader, out = forked(get(b"/a"), get(b"/a"))
    reader.data(False, reply(b"x"), 2 * SECOND)
    reader.data(True, get(b"/c"), 3 * SECOND)
    reader.data(False, reply(b"y"), 4 * SECOND)
    end(reader)
    assert [type(item) for item in out] == [HttpTransaction, HttpTransaction]


def test_of_what_comes_later_the_other_copy_is_put_in() -> None:
    said = b"GET /a"
    reader, out = forked(said, said)
    rest = b"/one HTTP/1.1\r\n\r\n"
    reader.second(True, conflict(1 + len(said), [said], (1 + len(said) + 1, b"two")), {}, SECOND)
    assert reader.data(True, rest, 2 * SECOND) == 0
    end(reader)
    found = [item.transaction if isinstance(item, SecondReading) else item for item in out]
    assert [item.request.target for item in found if isinstance(item, HttpTransaction) and item.request] == [
        b"/a/one",
        b"/a/two",
    ]


def test_what_the_main_reading_skips_is_counted_here_and_then_handed_back() -> None:
    settings = HttpSettings(max_second_reading_bytes=5000)
    reader, out = forked(get(b"/a"), get(b"/b"), settings)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 4000
    assert reader.data(False, head, 2 * SECOND) == 0
    left = reader.data(False, b"x" * 2000, 3 * SECOND)
    assert left == 1_000_000 - 6000
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]
    assert reader.data(False, b"", 4 * SECOND) == 0
    reader.data(True, get(b"/c"), 5 * SECOND)
    assert reader.data(False, reply(b"z"), 6 * SECOND) == 0
    end(reader)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    assert [(item.response.body_len, item.response.complete) for item in told if item.response] == [
        (1_000_000, True),
        (1, True),
    ]


def test_a_gap_is_told_to_both() -> None:
    reader, out = forked(get(b"/a"), get(b"/b"))
    assert reader.data(False, b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5000, 2 * SECOND) == 0
    assert reader.gap(False, 100, 3 * SECOND, 0) == 0
    end(reader)
    both = [item.transaction if isinstance(item, SecondReading) else item for item in out]
    assert [item.response.body_len for item in both if isinstance(item, HttpTransaction) and item.response] == [
        5100,
        5100,
    ]


def targets(out: list[object]) -> list[bytes | None]:
    both = [item.transaction if isinstance(item, SecondReading) else item for item in out]
    return [item.request and item.request.target for item in both if isinstance(item, HttpTransaction)]


def test_where_both_have_ended_nothing_more_is_read() -> None:
    upgrade = get(b"/a", b"Connection: upgrade", b"Upgrade: x")
    reader, out = forked(upgrade, upgrade.replace(b"/a", b"/b"))
    reader.data(False, b"HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 2 * SECOND)
    assert targets(out) == [b"/a", b"/b"]
    said = list(out)
    reader.data(True, get(b"/c"), 3 * SECOND)
    reader.gap(True, 7, 4 * SECOND, 0)
    reader.gap(False, 7, 4 * SECOND, 0)
    reader.data(False, reply(b"x"), 5 * SECOND)
    end(reader)
    assert out == said


def test_the_other_copy_stands_where_it_stood_behind_a_gap() -> None:
    first, second = get(b"/a"), get(b"/c")
    reader, out = forked(first, get(b"/b"))
    position = 1 + len(first)
    at = position + 7 + second.index(b"/c")
    for copies in ([(at, b"/d")], [(at, b"/d"), (at + 500, b"far behind")]):
        assert reader.second(True, conflict(position, [], *copies), {}, SECOND) is reader
    assert reader.second(False, conflict(1, [], (500, b"the other direction")), {}, SECOND) is reader
    assert reader.second(True, conflict(position, [], (1, b"long past")), {}, SECOND) is reader
    reader.data(False, reply(b"x"), 2 * SECOND)
    reader.gap(True, 7, 3 * SECOND, 0)
    reader.data(True, second, 4 * SECOND)
    reader.data(False, reply(b"y"), 5 * SECOND)
    end(reader)
    assert targets(out) == [b"/a", b"/b", b"/c", b"/d"]


def test_only_transactions_are_told_of_the_second_reading() -> None:
    """Its weirds are left out; those of the main reading stay; a reply alone is told, too."""
    reader, out = forked(get(b"/a"), get(b"/b"))
    odd = b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 1\r\n\r\n"
    reader.data(False, odd + b"x", 2 * SECOND)
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_obsolete_line_folding"]
    reader.gap(True, 100, 3 * SECOND, 0)
    reader.second(False, conflict(100, [], (1, b"long past")), {}, SECOND)
    reader.data(False, reply(b"y"), 4 * SECOND)
    end(reader)
    assert targets(out) == [b"/a", b"/b", None]


def test_a_second_reading_of_very_many_transactions_ends() -> None:
    also = get(b"/b") + get(b"/c")  # so that they never come into step
    said = get(b"/a", b"X: " + b"x" * (len(also) - len(get(b"/a", b"X: "))))
    reader, out = forked(said, also, HttpSettings(max_second_reading_bytes=1_000_000))
    for number in range(300):
        reader.data(True, get(b"/%d" % number), 2 * SECOND)
        reader.data(False, reply(b"%d" % number), 2 * SECOND)
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]
    end(reader)
    assert targets(out).count(b"/299") == 1


def test_what_is_under_way_when_the_other_copy_comes_is_in_doubt() -> None:
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    said = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfirst"
    main.data(True, said, SECOND)
    both = main.second(True, conflict(1 + len(said), [], (1 + len(said), b"more")), {True: 0, False: 0}, SECOND)
    both.data(True, b"text", 2 * SECOND)
    both.data(False, reply(b"x"), 3 * SECOND)
    both.data(True, get(b"/c"), 4 * SECOND)
    both.data(False, reply(b"y"), 5 * SECOND)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    assert [(item.request and item.request.target, item.ambiguous) for item in told] == [
        (b"/a", (Ambiguity.tcp,)),
        (b"/c", ()),
    ]


@pytest.mark.parametrize("behind", [0, 1])
@pytest.mark.parametrize("first", [b"/a", b"/aa"])
def test_what_begins_with_the_other_copy_is_in_doubt(behind: int, first: bytes) -> None:
    """Between two messages: the next one, if the copy reaches into it."""
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    said = get(first)
    main.data(True, said, SECOND)
    main.data(False, reply(b"x"), SECOND)
    other = get(first, b"A: b")[: len(said) + behind]
    both = main.second(True, conflict(1 + len(said), [], (1, other)), {True: 0, False: 0}, 2 * SECOND)
    for target in (b"/b", b"/c"):
        both.data(True, get(target), 3 * SECOND)
        both.data(False, reply(b"y"), 4 * SECOND)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    assert [item.ambiguous for item in told] == [(), (Ambiguity.tcp,) if behind else (), ()]


@pytest.mark.parametrize("is_orig", [True, False])
@pytest.mark.parametrize("copied", [0, 20])
def test_what_has_begun_in_two_copies_and_is_not_whole_yet_is_in_doubt(is_orig: bool, copied: int) -> None:
    """Its head waits for its end, and what came in the other copy, before that or in it, is no HTTP."""
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    before = get(b"/a") if is_orig else reply(b"x")
    first, rest = before + before[:20], before[20:]
    if not is_orig:
        main.data(True, get(b"/a"), SECOND)
        main.data(True, get(b"/b"), SECOND)
    main.data(is_orig, first, SECOND)
    copy = (1 + len(first) - 20 - copied, b"X" * 20)
    both = main.second(is_orig, conflict(1 + len(first), [first], copy), {True: 0, False: 0}, 2 * SECOND)
    both.data(is_orig, rest, 3 * SECOND)
    if is_orig:
        both.data(False, reply(b"x") + reply(b"y"), 3 * SECOND)
    both.data(True, get(b"/c"), 4 * SECOND)
    both.data(False, reply(b"y"), 5 * SECOND)
    told = [item for item in out if isinstance(item, HttpTransaction) and item.request and item.response]
    in_doubt = [is_orig and copied > 0, not is_orig or not copied, False]  # of a reply always the next that is told
    assert [item.ambiguous for item in told] == [(Ambiguity.tcp,) if each else () for each in in_doubt]


def test_a_reply_that_comes_before_what_is_in_doubt_is_in_none() -> None:
    """The client's next message began in two copies; the server's has nothing to do with it."""
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    said = get(b"/a")
    main.data(True, said, SECOND)
    both = main.second(True, conflict(1 + len(said), [], (1 + len(said), b"?")), {True: 0, False: 0}, 2 * SECOND)
    both.data(False, reply(b"x"), 3 * SECOND)
    both.data(True, get(b"/b"), 4 * SECOND)
    both.data(False, reply(b"y"), 5 * SECOND)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    assert [item.ambiguous for item in told] == [(), (Ambiguity.tcp,)]


@pytest.mark.parametrize("is_orig", [True, False])
@pytest.mark.parametrize("over", [True, False])
def test_a_direction_that_was_over_is_read_on_in_both(is_orig: bool, over: bool) -> None:
    reader, out = forked(get(b"/a"), get(b"/b"))
    reader.data(False, reply(b"x"), 2 * SECOND)
    if over:
        reader.closed(is_orig, FIN, 3 * SECOND, 2 * SECOND, 0)
    reader.reopened(is_orig, 4 * SECOND)
    reader.data(True, get(b"/c"), 5 * SECOND)
    reader.data(False, reply(b"y"), 6 * SECOND)
    end(reader)
    assert targets(out) == [b"/a", b"/b", b"/c"]
    assert isinstance(out[-1], HttpTransaction) and out[-1].ambiguous == (Ambiguity.tcp,)


def test_where_one_reading_is_left_it_is_read_on() -> None:
    """Behind the limit on the second reading, in the middle of what the first one skips."""
    reader, out = forked(get(b"/a"), get(b"/b"), HttpSettings(max_second_reading_bytes=5000))
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 6000
    assert reader.data(False, large, 2 * SECOND) == 1_000_000 - 6000
    reader.closed(False, FIN, 3 * SECOND, 2 * SECOND, 1_000_000 - 6000)
    reader.reopened(False, 4 * SECOND)
    reader.data(True, get(b"/c"), 5 * SECOND)
    assert reader.data(False, reply(b"y"), 6 * SECOND) == 0
    end(reader)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    assert [(item.request.target, item.response.complete) for item in told if item.request and item.response] == [
        (b"/a", False),
        (b"/c", True),
    ]


def test_what_both_skip_is_counted_piece_by_piece() -> None:
    reader, out = forked(get(b"/a"), get(b"/b"), HttpSettings(max_second_reading_bytes=9_000))
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 8000
    assert reader.data(False, large, 2 * SECOND) == 0
    for piece in (3000, 5000, 1_000_000 - 16_000):  # what is only counted is not charged for
        assert reader.data(False, b"x" * piece, 3 * SECOND) == 0
    both = [item.transaction if isinstance(item, SecondReading) else item for item in out]
    replies = [item.response for item in both if isinstance(item, HttpTransaction)]
    assert [(each.body_len, each.complete) for each in replies if each] == [(1_000_000, True)] * 2


def test_what_is_in_doubt_in_the_second_reading_is_told_beside() -> None:
    fields = b"Content-Length: 5\r\nTransfer-Encoding: chunked"
    reader, out = forked(get(b"/a"), get(b"/b", fields) + b"0\r\n\r\n")
    reader.data(False, reply(b"x"), 2 * SECOND)
    end(reader)
    (second,) = [item for item in out if isinstance(item, SecondReading)]
    assert second.transaction.ambiguous == (Ambiguity.framing, Ambiguity.tcp)


def test_where_the_main_reading_finds_nothing_the_second_one_goes_on() -> None:
    """A forged 101 ended HTTP for the main one; of more exchanges than are told apart none is lost."""
    upgrade = get(b"/a", b"Connection: upgrade", b"Upgrade: x")
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    main.data(True, upgrade, SECOND)
    forged = b"HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    true = reply(b"x" * len(forged))[: len(forged)]
    want = main.data(False, forged, SECOND)
    wants = {True: 0, False: want}
    both = main.second(False, conflict(1 + len(forged), [true], (1, true)), wants, SECOND)
    both.data(False, reply(b"x" * len(forged))[len(forged) :], SECOND)
    for number in range(300):
        both.data(True, get(b"/%d" % number), 2 * SECOND)
        both.data(False, reply(b"%d" % number), 2 * SECOND)
    end(both)  # type: ignore[arg-type]
    assert [target for target in targets(out) if target not in (b"/a", None)] == [
        b"/%d" % number for number in range(300)
    ]
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]
