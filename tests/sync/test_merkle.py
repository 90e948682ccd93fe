"""The tree of RFC 6962: known roots, every proof of small trees, and that nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.sync.merkle import (
    EMPTY_ROOT,
    MAX_PROOF,
    Frontier,
    ProofError,
    check_consistency,
    consistency_proof,
    frontier_before,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_hash,
)

# The leaves and roots with which implementations of RFC 6962 compare themselves (in many languages).
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
MANY = [leaf_hash(bytes([number])) for number in range(70)]


def naive(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive(leaves[:split]), naive(leaves[split:]))


def hash_of(start: int, end: int) -> bytes:
    return naive(MANY[start:end])


def root(size: int) -> bytes:
    return hash_of(0, size) if size else EMPTY_ROOT


@pytest.mark.parametrize("size", ROOTS)
def test_known_roots(size: int) -> None:
    assert Frontier().extended(map(leaf_hash, LEAVES[:size])).root().hex() == ROOTS[size]


def test_the_empty_tree() -> None:
    assert Frontier().root() == EMPTY_ROOT and Frontier().hashes == ()


@given(st.lists(st.integers(0, 20), max_size=5))
def test_a_tree_grows_the_same_in_any_steps(steps: list[int]) -> None:
    frontier, size = Frontier(), 0
    for step in steps:
        grown = min(size + step, len(MANY))
        frontier = Frontier(size, frontier.hashes).extended(MANY[size:grown])
        size = grown
    assert frontier.size == size and frontier.root() == root(size)


@pytest.mark.parametrize(("size", "count"), [(1, 0), (0, 1), (3, 1), (4, 3), (-1, 1), (7, 4)])
def test_what_cannot_be_a_tree(size: int, count: int) -> None:
    with pytest.raises(ValueError, match="not the subtrees"):
        Frontier(size, [bytes(32)] * count)
    with pytest.raises(ValueError, match="not the subtrees"):
        Frontier(1, [bytes(31)])


def test_every_consistency_proof_of_small_trees() -> None:
    for second in range(1, 40):
        for first in range(1, second + 1):
            proof = consistency_proof(first, second, hash_of) if first < second else []
            check_consistency(first, root(first), second, root(second), proof)
            others = [[*proof, bytes(32)], proof[:-1], [*proof[1:], *proof[:1]]] if len(set(proof)) > 1 else []
            for wrong in (*others, *([*proof[:n], bytes(32), *proof[n + 1 :]] for n in range(len(proof)))):
                with pytest.raises(ProofError):
                    check_consistency(first, root(first), second, root(second), wrong)
            for one, other in ((bytes(32), root(second)), (root(first), bytes(32))):
                with pytest.raises(ProofError):
                    check_consistency(first, one, second, other, proof)


@pytest.mark.parametrize(("first", "second"), [(3, 2), (-1, 5)])
def test_sizes_that_cannot_be(first: int, second: int) -> None:
    with pytest.raises(ProofError):
        check_consistency(first, root(3), second, root(2), [])


def test_the_empty_tree_is_the_beginning_of_every_other() -> None:
    check_consistency(0, EMPTY_ROOT, 5, root(5), [])
    with pytest.raises(ProofError):
        check_consistency(0, root(1), 5, root(5), [])
    with pytest.raises(ProofError):
        check_consistency(0, EMPTY_ROOT, 5, root(5), [bytes(32)])
    with pytest.raises(ProofError):
        check_consistency(5, root(5), 5, root(4), [])


def test_every_place_of_small_trees() -> None:
    for size in range(1, 40):
        for index in range(size):
            path = inclusion_proof(index, size, hash_of)
            before = frontier_before(index, MANY[index], size, root(size), path)
            assert (before.size, before.root()) == (index, root(index))
            assert before.extended(MANY[index:size]).root() == root(size)
            for leaf, at in ((bytes(32), index), (MANY[index], index + 1), (MANY[index], index ^ 1)):
                with pytest.raises(ProofError):
                    frontier_before(at, leaf, size, root(size), path)
            for wrong in ([*path, bytes(32)], path[:-1] if path else [bytes(32)]):
                with pytest.raises(ProofError):
                    frontier_before(index, MANY[index], size, root(size), wrong)


def test_a_proof_is_no_longer_than_it_can_be() -> None:
    with pytest.raises(ProofError, match="not a proof"):
        check_consistency(1, root(1), 5, root(5), [bytes(32)] * (MAX_PROOF + 1))
    with pytest.raises(ProofError, match="not a proof"):
        frontier_before(1, MANY[1], 5, root(5), [bytes(32)] * (MAX_PROOF + 1))


@given(st.integers(0, 69), st.integers(1, 69))
def test_ranges_from_perfect_subtrees(start: int, size: int) -> None:
    """As they occur in proofs: begun at a multiple of the largest power of two in them."""
    start -= start % (1 << (size - 1).bit_length())
    end = min(start + size, 70)
    if start < end:
        assert range_hash(start, end, lambda level, index: naive(MANY[index << level : index + 1 << level])) == hash_of(
            start, end
        )
