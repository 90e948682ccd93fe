"""Both APIs of a log behind one contract: heads, entries, proofs and issuers, as the log gives them, to be verified."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from sensor.ct.entries import EntryError
from sensor.online.fetching import NOT_JSON
from sensor.online.pacing import GivenUpError, PacedFetcher, UnreadableError
from sensor.sync.entry import EntryDecoder, check_tile
from sensor.sync.heads import TreeHead, decode_checkpoint, decode_sth
from sensor.sync.log_list import Log
from sensor.sync.merkle import HASH_BYTES, RangeHash, consistency_proof, inclusion_proof, node_hash, range_hash

T = TypeVar("T")

TILE: Final = 256  # entries, or hashes, of a full tile
_MAX_HEAD_BYTES: Final = 1 << 16
_MAX_PROOF_BYTES: Final = 1 << 16
_MAX_TILE_BYTES: Final = TILE * HASH_BYTES
_KEPT_TILES: Final = 64
_MOST_LEAVES: Final = 1024  # asked for at once; logs give 32 to 1,024
_MOST_PATIENCE: Final = 64  # full answers


class LogError(Exception):
    """The log did something that a log must not do; the text says what. It is read no further."""


class Page(Protocol):
    """`count` entries that follow one another, as they came; `size` octets of them."""

    count: int
    size: int

    def into(self, decoder: EntryDecoder) -> None:
        """Decodes all of them."""
        ...


class LogClient(Protocol):
    """What a log is asked. Methods raise LogError or HeadError for what no log should answer, GivenUpError where there
    is no answer, or none that can be read, and Stopped. Threads may share it."""

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
    def __init__(self, body: bytes, width: int, first: int, until: int) -> None:
        self.count = until - first
        self.size = len(body)
        self._body = body
        self._bounds = width, first, until

    def into(self, decoder: EntryDecoder) -> None:
        decoder.add_tile(self._body, *self._bounds)


class Step:
    """How many entries to ask for at once: as many as a log gives, up to `most`. Threads may share it.

    One that gives fewer has a limit, or a bad moment. So twice as many are asked for after some full answers, and, as
    long as that is in vain, after twice as many answers each time.
    """

    def __init__(self, most: int) -> None:
        self.now = most
        self._most = most
        self._shown = most  # what it gave before `now` was doubled
        self._full = 0  # answers since `now` changed
        self._patience = 1
        self._lock = threading.Lock()

    def learn(self, asked: int, got: int) -> None:
        """An answer of `got` entries where `asked` were wanted."""
        with self._lock:
            if asked < self.now:
                return
            if got == asked:
                self._full += 1
                if self._shown < self.now:
                    self._patience = 1
                self._shown = self.now
                if self.now < self._most and self._full >= self._patience:
                    self.now, self._full = min(2 * self.now, self._most), 0
            elif self._shown < self.now:
                self.now, self._full = self._shown, 0
                self._patience = min(2 * self._patience, _MOST_PATIENCE)
            else:
                self.now = self._shown = got  # its own limit, or up to a multiple of it
                self._full = 0


class Rfc6962Client:
    """RFC 6962 section 4."""

    def __init__(self, log: Log, fetcher: PacedFetcher) -> None:
        self._log = log
        self._fetcher = fetcher
        self._step = Step(_MOST_LEAVES)

    def head(self) -> TreeHead:
        return self._ask("get-sth", lambda body: decode_sth(body, self._log.key), _MAX_HEAD_BYTES)

    @property
    def step(self) -> int:
        return self._step.now

    def entries(self, first: int, until: int, head: TreeHead) -> Page:  # noqa: ARG002 (the contract's)
        def decode(body: bytes) -> list[_Entry]:
            found = _as(_decode_entries, body, "get-entries").entries
            if not 0 < len(found) <= until - first:
                raise UnreadableError(f"get-entries: {len(found)} entries where {until - first} were asked for")
            return found

        found = self._ask(f"get-entries?start={first}&end={until - 1}", decode)
        self._step.learn(until - first, len(found))
        return _LeafPage(found)

    def consistency(self, first: int, second: int, head: TreeHead) -> Sequence[bytes]:  # noqa: ARG002 (the contract's)
        return self._ask(
            f"get-sth-consistency?first={first}&second={second}",
            lambda body: _as(_decode_consistency, body, "get-sth-consistency").consistency,
            _MAX_PROOF_BYTES,
        )

    def inclusion(self, index: int, leaf: bytes, head: TreeHead) -> Sequence[bytes]:
        text = quote(base64.b64encode(leaf).decode(), safe="")
        proof = self._ask(
            f"get-proof-by-hash?hash={text}&tree_size={head.size}",
            lambda body: _as(_decode_inclusion, body, "get-proof-by-hash"),
            _MAX_PROOF_BYTES,
        )
        if proof.leaf_index != index:
            raise LogError("an entry that lies elsewhere in the tree")
        return proof.audit_path

    def issuer(self, fingerprint: bytes) -> bytes:  # noqa: ARG002 (the contract's)
        raise LogError("no issuers by fingerprint in RFC 6962")

    def roots(self) -> Sequence[bytes]:
        return get_roots(self._log, self._fetcher)

    def _ask(self, question: str, decode: Callable[[bytes], T], max_bytes: int | None = None) -> T:
        return self._fetcher.ask(f"{self._log.url}ct/v1/{question}", decode, _JSON, max_bytes)


def get_roots(log: Log, fetcher: PacedFetcher) -> Sequence[bytes]:
    """get-roots, which both kinds of log have at their submission prefix (RFC 6962 4.7)."""
    return fetcher.ask(
        f"{log.submission_url.rstrip('/')}/ct/v1/get-roots",
        lambda body: _as(_decode_roots, body, "get-roots").certificates,
        _JSON,
    )


def _as(decode: Callable[[bytes], T], body: bytes, what: str) -> T:
    try:
        return decode(body)
    except NOT_JSON:
        raise UnreadableError(f"{what}: not what RFC 6962 says") from None


class StaticClient:
    """static-ct-api. Proofs are made here, from the log's tiles; a wrong tile makes a proof that leads nowhere."""

    def __init__(self, log: Log, fetcher: PacedFetcher) -> None:
        self._log = log
        self._fetcher = fetcher
        self._tiles: OrderedDict[tuple[int, int, int], list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def head(self) -> TreeHead:
        return self._fetcher.ask(
            f"{self._log.url}checkpoint",
            lambda body: decode_checkpoint(body, self._log.origin, self._log.key),
            max_bytes=_MAX_HEAD_BYTES,
        )

    @property
    def step(self) -> int:
        return TILE

    def entries(self, first: int, until: int, head: TreeHead) -> Page:
        number = first // TILE
        start = number * TILE

        def check(body: bytes, width: int) -> None:
            try:
                check_tile(body, width)
            except EntryError as error:
                raise UnreadableError(f"data tile {number}: {error}") from None

        body, width = self._tile("data", number, min(TILE, head.size - start), check)
        return _TilePage(body, width, first - start, min(until - start, TILE))

    def consistency(self, first: int, second: int, head: TreeHead) -> Sequence[bytes]:
        return consistency_proof(first, second, self._range_hash_of(head.size))

    def inclusion(self, index: int, leaf: bytes, head: TreeHead) -> Sequence[bytes]:  # noqa: ARG002 (the contract's)
        return inclusion_proof(index, head.size, self._range_hash_of(head.size))

    def issuer(self, fingerprint: bytes) -> bytes:
        def check(der: bytes) -> bytes:
            if sha256(der).digest() != fingerprint:
                raise UnreadableError("an issuer that is not the one asked for")
            return der

        return self._fetcher.ask(f"{self._log.url}issuer/{fingerprint.hex()}", check)

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

        def check(body: bytes, width: int) -> None:
            if len(body) != width * HASH_BYTES:
                raise UnreadableError(f"hash tile {level}/{number}: {len(body)} octets for {width} hashes")

        body, _ = self._tile(str(level), number, wanted, check, _MAX_TILE_BYTES)
        hashes = [body[i : i + HASH_BYTES] for i in range(0, wanted * HASH_BYTES, HASH_BYTES)]
        with self._lock:
            self._tiles[key] = hashes
            while len(self._tiles) > _KEPT_TILES:
                self._tiles.popitem(last=False)
        return hashes

    def _tile(
        self, level: str, number: int, width: int, check: Callable[[bytes, int], None], max_bytes: int | None = None
    ) -> tuple[bytes, int]:
        """A tile and its width: a partial one may be gone once it is full. `check` raises UnreadableError."""
        path = self._log.url + tile_path(level, number)

        def ask(path: str, width: int) -> tuple[bytes, int]:
            def checked(body: bytes) -> bytes:
                check(body, width)
                return body

            return self._fetcher.ask(path, checked, max_bytes=max_bytes), width

        if width == TILE:
            return ask(path, TILE)
        try:
            return ask(f"{path}.p/{width}", width)
        except GivenUpError as error:
            if error.status != 404:
                raise
        return ask(path, TILE)


def tile_path(level: str, number: int) -> str:
    """Of a full tile (static-ct-api, "Merkle Tree"): 1234067 is x001/x234/067."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}"
