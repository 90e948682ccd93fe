"""Both APIs of a log behind one contract: heads, entries, proofs and issuers, as the log gives them, to be verified."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from sensor.ct.entries import EntryError
from sensor.online.fetching import NOT_JSON
from sensor.online.pacing import GivenUpError, PacedFetcher
from sensor.sync.entry import EntryDecoder
from sensor.sync.heads import TreeHead, decode_checkpoint, decode_sth
from sensor.sync.log_list import Log
from sensor.sync.merkle import HASH_BYTES, RangeHash, consistency_proof, inclusion_proof, node_hash, range_hash

TILE: Final = 256  # entries, or hashes, of a full tile
_MAX_HEAD_BYTES: Final = 1 << 16
_MAX_PROOF_BYTES: Final = 1 << 16
_MAX_TILE_BYTES: Final = TILE * HASH_BYTES
_KEPT_TILES: Final = 64
_MOST_LEAVES: Final = 1024  # asked for at once; logs give 32 to 1,024


class LogError(Exception):
    """The log did something that a log must not do; the text says what. It is read no further."""


class Page(Protocol):
    """`count` entries that follow one another, as they came; `size` octets of them."""

    count: int
    size: int

    def into(self, decoder: EntryDecoder) -> None:
        """Decodes all of them. Raises LogError."""
        ...


class LogClient(Protocol):
    """What a log is asked. Methods raise LogError or HeadError for what no log should answer, GivenUpError where there
    is no answer, and Stopped. Threads may share it."""

    @property
    def step(self) -> int:
        """How many entries are best asked for at once, from a multiple of it on, as far as is known."""
        ...

    def head(self) -> TreeHead:
        """Its newest head, signed."""
        ...

    def entries(self, first: int, until: int, head: TreeHead) -> Page:
        """Entries from `first` on, before `until`: at least one of them."""
        ...

    def consistency(self, first: int, second: int, head: TreeHead) -> Sequence[bytes]:
        """The proof between two sizes, 0 < first < second <= head.size (RFC 6962 2.1.2)."""
        ...

    def inclusion(self, index: int, leaf: bytes, head: TreeHead) -> Sequence[bytes]:
        """The proof that the entry with this leaf hash is at `index` (RFC 6962 2.1.1)."""
        ...

    def issuer(self, fingerprint: bytes) -> bytes:
        """The certificate (DER) with this SHA-256; only of a log whose entries name issuers so."""
        ...

    def roots(self) -> Sequence[bytes]:
        """The certificates (DER) up to which it accepts chains."""
        ...


class _Entry(msgspec.Struct):
    leaf_input: bytes
    extra_data: bytes


class _Entries(msgspec.Struct):
    entries: list[_Entry]


class _Consistency(msgspec.Struct):
    consistency: list[bytes]


class _Inclusion(msgspec.Struct):
    leaf_index: int
    audit_path: list[bytes]


class _Roots(msgspec.Struct):
    certificates: list[bytes]


_decode_entries = msgspec.json.Decoder(_Entries).decode
_decode_consistency = msgspec.json.Decoder(_Consistency).decode
_decode_inclusion = msgspec.json.Decoder(_Inclusion).decode
_decode_roots = msgspec.json.Decoder(_Roots).decode
_JSON: Final = "application/json"


class _LeafPage:
    def __init__(self, entries: list[_Entry]) -> None:
        self.count = len(entries)
        self.size = sum(len(each.leaf_input) + len(each.extra_data) for each in entries)
        self._entries = entries

    def into(self, decoder: EntryDecoder) -> None:
        for entry in self._entries:
            decoder.add_leaf(entry.leaf_input, entry.extra_data)


class _TilePage:
    def __init__(self, number: int, body: bytes, width: int, first: int, until: int) -> None:
        self.count = until - first
        self.size = len(body)
        self._number = number
        self._body = body
        self._bounds = width, first, until

    def into(self, decoder: EntryDecoder) -> None:
        try:
            decoder.add_tile(self._body, *self._bounds)
        except EntryError as error:
            raise LogError(f"data tile {self._number}: {error}") from None


class Rfc6962Client:
    """RFC 6962 section 4."""

    def __init__(self, log: Log, fetcher: PacedFetcher) -> None:
        self._log = log
        self._fetcher = fetcher
        self._step = _MOST_LEAVES

    def head(self) -> TreeHead:
        return decode_sth(self._get("get-sth", _MAX_HEAD_BYTES), self._log.key)

    @property
    def step(self) -> int:
        return self._step

    def entries(self, first: int, until: int, head: TreeHead) -> Page:  # noqa: ARG002 (the contract's)
        body = self._get(f"get-entries?start={first}&end={until - 1}")
        try:
            found = _decode_entries(body).entries
        except NOT_JSON:
            raise LogError("get-entries: not what RFC 6962 says") from None
        if not 0 < len(found) <= until - first:
            raise LogError(f"get-entries: {len(found)} entries where {until - first} were asked for")
        if len(found) < until - first and until - first >= self._step:
            self._step = len(found)  # its own limit, or up to a multiple of it
        return _LeafPage(found)

    def consistency(self, first: int, second: int, head: TreeHead) -> Sequence[bytes]:  # noqa: ARG002 (the contract's)
        body = self._get(f"get-sth-consistency?first={first}&second={second}", _MAX_PROOF_BYTES)
        try:
            return _decode_consistency(body).consistency
        except NOT_JSON:
            raise LogError("get-sth-consistency: not what RFC 6962 says") from None

    def inclusion(self, index: int, leaf: bytes, head: TreeHead) -> Sequence[bytes]:
        text = quote(base64.b64encode(leaf).decode(), safe="")
        body = self._get(f"get-proof-by-hash?hash={text}&tree_size={head.size}", _MAX_PROOF_BYTES)
        try:
            proof = _decode_inclusion(body)
        except NOT_JSON:
            raise LogError("get-proof-by-hash: not what RFC 6962 says") from None
        if proof.leaf_index != index:
            raise LogError("an entry that lies elsewhere in the tree")
        return proof.audit_path

    def issuer(self, fingerprint: bytes) -> bytes:  # noqa: ARG002 (the contract's)
        raise LogError("no issuers by fingerprint in RFC 6962")

    def roots(self) -> Sequence[bytes]:
        return get_roots(self._log, self._fetcher)

    def _get(self, question: str, max_bytes: int | None = None) -> bytes:
        return self._fetcher.get(f"{self._log.url}ct/v1/{question}", _JSON, max_bytes)


def get_roots(log: Log, fetcher: PacedFetcher) -> Sequence[bytes]:
    """get-roots, which both kinds of log have at their submission prefix (RFC 6962 4.7)."""
    body = fetcher.get(f"{log.submission_url.rstrip('/')}/ct/v1/get-roots", _JSON)
    try:
        return _decode_roots(body).certificates
    except NOT_JSON:
        raise LogError("get-roots: not what RFC 6962 says") from None


class StaticClient:
    """static-ct-api. Proofs are made here, from the log's tiles; a wrong tile makes a proof that leads nowhere."""

    def __init__(self, log: Log, fetcher: PacedFetcher) -> None:
        self._log = log
        self._fetcher = fetcher
        self._tiles: OrderedDict[tuple[int, int, int], list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def head(self) -> TreeHead:
        body = self._fetcher.get(f"{self._log.url}checkpoint", max_bytes=_MAX_HEAD_BYTES)
        return decode_checkpoint(body, self._log.origin, self._log.key)

    @property
    def step(self) -> int:
        return TILE

    def entries(self, first: int, until: int, head: TreeHead) -> Page:
        number = first // TILE
        start = number * TILE
        body, width = self._tile("data", number, min(TILE, head.size - start))
        return _TilePage(number, body, width, first - start, min(until - start, TILE))

    def consistency(self, first: int, second: int, head: TreeHead) -> Sequence[bytes]:
        return consistency_proof(first, second, self._range_hash_of(head.size))

    def inclusion(self, index: int, leaf: bytes, head: TreeHead) -> Sequence[bytes]:  # noqa: ARG002 (the contract's)
        return inclusion_proof(index, head.size, self._range_hash_of(head.size))

    def issuer(self, fingerprint: bytes) -> bytes:
        der = self._fetcher.get(f"{self._log.url}issuer/{fingerprint.hex()}")
        if sha256(der).digest() != fingerprint:
            raise LogError("an issuer that is not the one asked for")
        return der

    def roots(self) -> Sequence[bytes]:
        return get_roots(self._log, self._fetcher)

    def _range_hash_of(self, size: int) -> RangeHash:
        def node(level: int, index: int) -> bytes:
            """From the lowest tile level that has hashes of subtrees so small, or smaller."""
            tile_level, within = divmod(level, 8)
            first = index << within
            number, offset = divmod(first, TILE)
            hashes = self._hashes(tile_level, number, size)[offset : offset + (1 << within)]
            while len(hashes) > 1:
                hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
            return hashes[0]

        return lambda start, end: range_hash(start, end, node)

    def _hashes(self, level: int, number: int, size: int) -> list[bytes]:
        """The hash tile's, as wide as it is in the tree of `size` entries."""
        wanted = min(TILE, (size >> 8 * level) - number * TILE)
        key = (level, number, wanted)
        with self._lock:
            kept = self._tiles.get(key)
            if kept is not None:
                self._tiles.move_to_end(key)
                return kept
        body, width = self._tile(str(level), number, wanted, _MAX_TILE_BYTES)
        if len(body) != width * HASH_BYTES:
            raise LogError(f"hash tile {level}/{number}: {len(body)} octets for {width} hashes")
        hashes = [body[i : i + HASH_BYTES] for i in range(0, wanted * HASH_BYTES, HASH_BYTES)]
        with self._lock:
            self._tiles[key] = hashes
            while len(self._tiles) > _KEPT_TILES:
                self._tiles.popitem(last=False)
        return hashes

    def _tile(self, level: str, number: int, width: int, max_bytes: int | None = None) -> tuple[bytes, int]:
        """A tile and its width: a partial one may be gone once it is full."""
        path = self._log.url + tile_path(level, number)
        if width == TILE:
            return self._fetcher.get(path, max_bytes=max_bytes), TILE
        try:
            return self._fetcher.get(f"{path}.p/{width}", max_bytes=max_bytes), width
        except GivenUpError as error:
            if error.status != 404:
                raise
        return self._fetcher.get(path, max_bytes=max_bytes), TILE


def tile_path(level: str, number: int) -> str:
    """Of a full tile (static-ct-api, "Merkle Tree"): 1234067 is x001/x234/067."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}"
