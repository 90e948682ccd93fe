"""sensor.audit.shared: what comes out is what somebody put in, whole, or nothing."""

from __future__ import annotations

import hashlib
import os

import pytest

from sensor.audit.shared import _SIZE, SharedVerdicts
from sensor.audit.signature import ALWAYS


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def test_there_and_back() -> None:
    shared = SharedVerdicts()
    assert shared.get(digest(1)) is None
    assert shared.get(bytes(32)) is None
    for number, numbers in enumerate([(0, *ALWAYS), (1 << 100, -1, 1), (7, 0, 253_402_300_799 * 10**9)]):
        shared.put(digest(number), numbers)
        assert shared.get(digest(number)) == numbers


def test_another_process_sees_it() -> None:
    shared = SharedVerdicts()
    pid = os.fork()
    if not pid:
        shared.put(digest(1), (5, -2, 3))
        os._exit(0)
    os.waitpid(pid, 0)
    assert shared.get(digest(1)) == (5, -2, 3)


def test_memory_is_bounded_and_the_last_one_stays() -> None:
    shared = SharedVerdicts(places=4)
    for number in range(100):
        shared.put(digest(number), (number, 0, 0))
        assert shared.get(digest(number)) == (number, 0, 0)
    kept = [shared.get(digest(number)) for number in range(100)]
    assert 1 <= sum(numbers is not None for numbers in kept) <= 4
    assert all(numbers in (None, (number, 0, 0)) for number, numbers in enumerate(kept))


@pytest.mark.parametrize("cut", range(1, _SIZE))
def test_two_that_wrote_at_once_wrote_nothing(cut: int) -> None:
    """The first octets of one, the others of another."""
    shared = SharedVerdicts(places=1)
    shared.put(digest(1), (1, 2, 3))
    one = bytes(shared._memory)
    shared.put(digest(2), (-4, -5, -6))
    other = bytes(shared._memory[:_SIZE])
    shared._memory[:cut] = one[:cut]
    torn = bytes(shared._memory[:_SIZE])
    for number in (1, 2):
        found = shared.get(digest(number))
        assert found is None or torn in (one[:_SIZE], other)
