"""Mutations without a fuzzer: the same for the same seed, on any machine, compiled or not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_ODD = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x0D, 0x20, 0x30)


def mutations(inputs: Sequence[bytes], words: Sequence[bytes], count: int, seed: str, max_size: int) -> Iterator[bytes]:
    """`count` inputs, each made of one of `inputs` by one to eight small changes."""
    dice = random.Random(seed)
    for number in range(count):
        data = bytearray(inputs[number % len(inputs)])
        for _ in range(1 << dice.randrange(4)):
            _change(data, inputs, words, dice)
        yield bytes(data[:max_size])


def _change(data: bytearray, inputs: Sequence[bytes], words: Sequence[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    size = min(1 << dice.randrange(8), len(data) - at)
    how = dice.randrange(8)
    if how == 0 and at < len(data):
        data[at] ^= 1 << dice.randrange(8)
    elif how == 1 and at < len(data):
        data[at] = dice.choice(_ODD)
    elif how == 2:
        data[at:at] = dice.randbytes(1 + dice.randrange(4))
    elif how == 3:
        del data[at : at + size]
    elif how == 4:
        data[at:at] = data[at : at + size] * dice.randrange(1, 4)
    elif how == 5 and words:
        data[at : at + dice.randrange(3)] = dice.choice(words)
    elif how == 6:
        other = dice.choice(inputs)
        start = dice.randrange(len(other) + 1)
        data[at : at + size] = other[start : start + size]
    else:
        data[at : at + size] = bytes(size)
