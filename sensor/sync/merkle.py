"""The Merkle tree of RFC 6962 section 2.1: hashes, roots of what was read, and proofs checked against a signed root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
MAX_PROOF: Final = 64  # hashes: a tree has fewer than 2**64 leaves


class ProofError(Exception):
    """The hashes do not lead to the root they should lead to."""


def leaf_hash(leaf: bytes) -> bytes:
    """Of a MerkleTreeLeaf (RFC 6962 3.4)."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of a node with these two below it."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The tree of the first `size` leaves, as the hashes of the perfect subtrees it is made of, largest first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Raises ValueError if these cannot be the subtrees of a tree of this size."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(each) != HASH_BYTES for each in hashes):
            raise ValueError("not the subtrees of a tree of this size")
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """One for each bit of `size`."""
        return tuple(self._hashes)

    def extended(self, leaves: Iterable[bytes]) -> Frontier:
        """The tree with these leaf hashes behind."""
        hashes, size = list(self._hashes), self.size
        for leaf in leaves:
            top, rest = leaf, size
            while rest & 1:
                top = sha256(b"\1" + hashes.pop() + top).digest()
                rest >>= 1
            hashes.append(top)
            size += 1
        return Frontier(size, hashes)

    def root(self) -> bytes:
        """The Merkle Tree Hash of all leaves."""
        if not self._hashes:
            return EMPTY_ROOT
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(left, root)
        return root


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Whether the tree of `first` leaves is the beginning of that of `second` (RFC 9162 2.1.4.2). Raises ProofError."""
    if not 0 <= first <= second or len(proof) > MAX_PROOF:
        raise ProofError("not a proof")
    if first in (0, second):
        if proof or (first == second and first_root != second_root) or (first == 0 and first_root != EMPTY_ROOT):
            raise ProofError("roots that differ")
        return
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        raise ProofError("not a proof")
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for each, is_left in _upwards(node, last, path[1:]):
        if is_left:
            old = node_hash(each, old)
            new = node_hash(each, new)
        else:
            new = node_hash(new, each)
    if old != first_root or new != second_root:
        raise ProofError("not the beginning of the later tree")


def frontier_before(index: int, leaf: bytes, size: int, root: bytes, path: Sequence[bytes]) -> Frontier:
    """The tree of the leaves before `index`, from the proof that the leaf hash `leaf` is there in the tree of `size`
    leaves with this root (RFC 9162 2.1.3.2): what lies to the left of its path. Raises ProofError."""
    if not 0 <= index < size or len(path) > MAX_PROOF:
        raise ProofError("not a proof")
    found = leaf
    lefts: list[bytes] = []
    for each, is_left in _upwards(index, size - 1, path):
        if is_left:
            lefts.append(each)
            found = node_hash(each, found)
        else:
            found = node_hash(found, each)
    if found != root:
        raise ProofError("an entry that is not in the tree")
    try:
        return Frontier(index, lefts[::-1])
    except ValueError:
        raise ProofError("not a proof") from None


def _upwards(node: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each hash on the way from `node` of a row that ends with `last` to the root, and whether it belongs to the left.
    Raises ProofError at the end if these were too many or too few."""
    for each in path:
        if last == 0:
            raise ProofError("not a proof")
        is_left = bool(node & 1) or node == last
        yield each, is_left
        while is_left and node and not node & 1:
            node >>= 1
            last >>= 1
        node >>= 1
        last >>= 1
    if last:
        raise ProofError("not a proof")


RangeHash = Callable[[int, int], bytes]
"""MTH of the leaves from one index up to another, exclusive."""


def consistency_proof(first: int, second: int, hash_of: RangeHash) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 6962 2.1.2, for 0 < first <= second."""
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end - start:
        split = _split(end - start)
        if first <= split:
            proof.append(hash_of(start + split, end))
            end = start + split
        else:
            proof.append(hash_of(start, start + split))
            start += split
            first -= split
            whole = False
    if not whole:
        proof.append(hash_of(start, end))
    return proof[::-1]


def inclusion_proof(index: int, size: int, hash_of: RangeHash) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1."""
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(hash_of(split, end))
            end = split
        else:
            path.append(hash_of(start, split))
            start = split
    return path[::-1]


def range_hash(start: int, end: int, node: Callable[[int, int], bytes]) -> bytes:
    """MTH of D[start:end] as it occurs in proofs, from perfect subtrees: `node(level, index)` has 2**level leaves."""
    hashes: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        hashes.append(node(level, start >> level))
        start += 1 << level
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
