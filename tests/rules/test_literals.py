"""Many literals in one pass, beside looking for each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.literals import ANYWHERE, AT_END, AT_START, Literals

WORDS = st.binary(min_size=1, max_size=5).map(lambda raw: bytes(97 + octet % 3 for octet in raw))


@given(st.lists(st.tuples(WORDS, st.sampled_from([ANYWHERE, AT_START, AT_END])), max_size=12), st.lists(WORDS))
def test_what_is_found(literals: list[tuple[bytes, int]], words: list[bytes]) -> None:
    text = b"".join(words)
    tests = {ANYWHERE: lambda word: word in text, AT_START: text.startswith, AT_END: text.endswith}
    looking = Literals([(word, place, number) for number, (word, place) in enumerate(literals)])
    expected = {number for number, (word, place) in enumerate(literals) if tests[place](word)}
    assert set(looking.find(text)) == expected


def test_long_literals_are_found_by_a_part() -> None:
    long = bytes(range(97, 123)) * 3
    looking = Literals([(long, ANYWHERE, 1), (long, AT_END, 2), (long, AT_START, 3)])
    assert set(looking.find(long)) == {1, 2, 3}
    assert set(looking.find(b"x" + long)) == {1, 2}
    assert 3 in looking.find(long[:40])  # its part is there: whoever asks looks again


def test_octets_of_all_values() -> None:
    looking = Literals([(bytes([octet]), ANYWHERE, octet) for octet in range(0xF5)])
    assert sorted(looking.find(bytes(range(256)))) == list(range(0xF5))
    assert Literals([]).find(b"abc") == []
