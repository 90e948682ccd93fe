"""A million serial numbers in eight megabytes: whether one is on a list, without the list.

Serials are kept as their 64-bit hashes (Python's, with a secret of this process, so that nobody can make two collide):
of a million entries a serial that is not among them looks as if it were with a probability of 5e-14.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence

_BUCKETS = 256  # each is sorted alone, so that sorting takes no more memory than the index
_ONE_BUCKET = 8192  # keys up to which there is only one: most CRLs are short


class SerialBudget:
    """How many serials all indexes together may hold. `refused` counts those that found no room.

    `make_room` lets go of an index, if the caller has one that it can spare, and says whether it did.
    """

    def __init__(self, max_serials: int, make_room: Callable[[], bool] | None = None) -> None:
        self.free = max_serials
        self.refused = 0
        self.taken = 0  # ever, or asked for
        self._make_room = make_room

    def take(self, count: int) -> bool:
        self.taken += count
        while count > self.free:
            if self._make_room is None or not self._make_room():
                self.refused += count
                return False
        self.free -= count
        return True


def serial_key(octets: bytes) -> int:
    """The key of a serial by its magnitude, without leading zeros."""
    return hash(octets)


def foreign_key(issuer_digest: bytes, key: int) -> int:
    """The key in an indirect CRL's index of a serial of another issuer than the CRL's: SHA-256 of its name, and key."""
    return hash((issuer_digest, key))


def key_of(serial_number: str) -> int | None:
    """The key of a serial by its text (`pki.serial`); None for one that was cut or is negative."""
    try:
        return serial_key(bytes.fromhex(serial_number))
    except ValueError:
        return None


class SerialIndex:
    """Keys (`serial_key`) of one list. `add` until `seal`, then ask. `is_full`: not all keys found room."""

    def __init__(self, budget: SerialBudget) -> None:
        self._budget = budget
        self._buckets = [array("q")]
        self._mask = 0
        self._size = 0
        self.is_full = False

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        self._budget.free += self._size

    def add(self, keys: Sequence[int]) -> None:
        if self.is_full or not self._budget.take(len(keys)):
            self.is_full = True
            return
        self._size += len(keys)
        if self._mask == 0 and self._size > _ONE_BUCKET:
            (short,) = self._buckets
            self._buckets = [array("q") for _ in range(_BUCKETS)]
            self._mask = _BUCKETS - 1
            self._sort_in(short)
        self._sort_in(keys)

    def _sort_in(self, keys: Sequence[int]) -> None:
        buckets, mask = self._buckets, self._mask
        if mask == 0:
            buckets[0].extend(keys)
            return
        for key in keys:
            buckets[key & mask].append(key)

    def seal(self) -> None:
        """Nothing is added any more."""
        for i, bucket in enumerate(self._buckets):
            self._buckets[i] = array("q", sorted(bucket))

    def __contains__(self, key: int) -> bool:
        bucket = self._buckets[key & self._mask]
        place = bisect_left(bucket, key)
        return place < len(bucket) and bucket[place] == key
