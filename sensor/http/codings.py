"""Content codings undone: gzip, deflate, br and zstd, one over the other, a bounded piece at a time.

A layer never yields much more than it is asked for at once and never raises: what it cannot decode it says by
`failed`. The limits on the whole are its caller's. A layer that is fed what is not in its coding passes it on
unchanged, because servers claim codings that they did not apply, and browsers show such pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

PIECE_BYTES: Final = 65536
"""What one step of a layer yields at most; brotli up to twice, zstd what 64 bytes stand for (4 MiB)."""

_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP_TRAILER: Final = 8
"""Octets behind a member's data: checksum and size."""
_MAX_MEMBERS: Final = 64
"""Members of gzip that are joined: an empty one has 20 octets, and each costs as much as a small body."""
_MAX_GZIP_HEADER: Final = 4096
"""Name, comment and extra field of a gzip header (RFC 1952 sets no limit)."""
_ZSTD_WINDOW: Final = 8 << 20
"""RFC 9659: the largest window a zstd content coding may ask for."""
_PROBE_BYTES: Final = 64
"""Output before which it is not sure that data without a magic number is coded at all."""
_ZSTD_STEP: Final = 64
"""Compressed bytes handed over at a time: a block of four bytes can stand for 128 KiB (RFC 8878 section 3.1.1.2)."""


class _BrokenError(Exception):
    """The bytes are not in this coding."""


class _Engine(Protocol):
    """A library's decoder. `rest` is input it did not get to, `more` whether it has output without new input."""

    ended: bool
    rest: bytes
    more: bool

    def step(self, data: bytes, limit: int) -> bytes: ...


class _Inflate:
    """Deflate without a wrapping (RFC 1951)."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-15)
        self.ended = False
        self.rest = b""
        self.more = False

    def step(self, data: bytes, limit: int) -> bytes:
        try:
            out = self._zlib.decompress(data, limit)
        except zlib.error as error:
            raise _BrokenError from error
        self.ended = self._zlib.eof
        self.rest = self._zlib.unconsumed_tail
        self.more = len(out) == limit
        return out


class _Gzip:
    """What members of gzip that stand one behind the other stand for, joined (RFC 1952 section 2.2). The header of the
    first was read before. What follows a member and begins none is dropped."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(-15)
        self._members = 1
        self._over = False  # no further member begins
        self._between: bytes | None = None  # behind a member's data: its checksum, perhaps the next one's header
        self.ended = False
        self.rest = b""
        self.more = False

    def step(self, data: bytes, limit: int) -> bytes:
        self.rest, self.more = b"", False
        if self._between is not None:
            data = self._begin_next(data)
            if self.ended:
                return b""
        try:
            out = self._member.decompress(data, limit)
        except zlib.error as error:
            raise _BrokenError from error
        if self._member.eof:
            self._between, self.ended = b"", True
            self.rest = self._begin_next(self._member.unused_data)
            self.more = not self.ended
        else:
            self.rest = self._member.unconsumed_tail
            self.more = len(out) == limit
        return out

    def _begin_next(self, data: bytes) -> bytes:
        """Looks for the next member's header. Its data, if it is there; then the whole has not `ended` yet."""
        if self._over:
            return b""
        self._between = (self._between or b"") + data
        header = self._between[_GZIP_TRAILER:]
        offset = _gzip_header_length(header)
        if offset < 0:
            begins = _GZIP_MAGIC.startswith(header[: len(_GZIP_MAGIC)])
            self._over = not begins or len(header) > _MAX_GZIP_HEADER
            return b""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise _BrokenError
        self._member, self._between, self.ended = zlib.decompressobj(-15), None, False
        return header[offset:]


class _Brotli:
    """Needs brotli 1.2, the first whose output can be limited."""

    def __init__(self) -> None:
        import brotli  # 6 ms, for who meets one

        self._error = brotli.error
        self._brotli = brotli.Decompressor()
        self.ended = False
        self.rest = b""
        self.more = False

    def step(self, data: bytes, limit: int) -> bytes:
        full = not self._brotli.can_accept_more_data()
        taken = 0 if full else 1 if limit <= _PROBE_BYTES else len(data)
        try:
            out: bytes = self._brotli.process(data[:taken], output_buffer_limit=limit)
        except self._error as error:
            raise _BrokenError from error
        self.rest = data[taken:]
        self.ended = self._brotli.is_finished()
        self.more = len(out) >= limit or not self._brotli.can_accept_more_data()
        return out


class _Zstd:
    def __init__(self) -> None:
        import zstandard  # 18 ms, as above

        self._error = zstandard.ZstdError
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self.ended = False
        self.rest = b""
        self.more = False

    def step(self, data: bytes, limit: int) -> bytes:  # noqa: ARG002  (it cannot be limited: small steps)
        try:
            out = self._zstd.decompress(data[:_ZSTD_STEP])
        except self._error as error:
            raise _BrokenError from error
        self.rest = data[_ZSTD_STEP:]
        self.ended = self._zstd.eof
        return out


def warm_up() -> None:
    """Loads the libraries now: a process that is about to give up its rights cannot do so later."""
    _Brotli()
    _Zstd()


class Layer:
    """One coding. `step` takes input and yields output; while `more`, another step without input yields more.

    `ended`: the coded data told its end; what follows it is dropped, unless it is another member of gzip. `failed`: not
    decodable any further. `passed`: the input was not in this coding and goes through unchanged. That is so if it lacks
    the coding's magic number, or, of a coding without one, if it breaks within its first 64 bytes of output.
    """

    def __init__(self, coding: bytes) -> None:
        self.coding = coding
        self.more = False
        self.ended = False
        self.failed = False
        self.passed = False
        self._engine: _Engine | None = None
        self._marked = False  # whether it began as only this coding begins
        self._probing = True
        self._start = b""  # what was fed
        self._first = b""  # and what came out, as long as it is not sure that it is this coding

    def step(self, data: bytes) -> bytes:
        if self.passed:
            return data
        if self.failed or (self.ended and self.coding != b"gzip"):
            return b""
        engine = self._engine
        if self._probing:
            self._start += data
            if engine is None:
                engine = self._engine = self._open(self._start)
                if engine is None:
                    return self._pass() if self.passed else b""
                data = b""
        assert engine is not None  # noqa: S101  (probing ends with one)
        try:
            out = engine.step(engine.rest + data, _PROBE_BYTES - len(self._first) if self._probing else PIECE_BYTES)
        except _BrokenError:
            self.more = False
            if self._probing and not self._marked:
                return self._pass()
            self.failed = True
            return self._settle() if self._probing else b""
        self.ended = engine.ended
        self.more = not self.ended and (engine.more or bool(engine.rest))
        if not self._probing:
            return out
        self._first += out
        if self.ended or len(self._first) >= _PROBE_BYTES:
            return self._settle()
        if len(self._start) > PIECE_BYTES:
            self.failed = True  # 64 KiB that stand for nothing
            self.more = False
        return b""

    def finish(self) -> bytes:
        """What is left when the input has ended: what came out, or all of the input if that is not sure to be coded."""
        if not self._probing or self.failed or self.passed:
            return b""
        return self._settle() if self._marked else self._pass()

    def close(self) -> None:
        """No `step` comes any more."""
        self._engine = None
        self.more = False

    def _settle(self) -> bytes:
        self._probing = False
        first, self._start, self._first = self._first, b"", b""
        return first

    def _pass(self) -> bytes:
        self.passed = True
        start, self._start = self._start, b""
        return start

    def _open(self, start: bytes) -> _Engine | None:
        """The engine for data that begins so, its input in its `rest`. None: not known yet, or `passed`."""
        engine: _Engine
        offset = 0
        if self.coding == b"gzip":
            offset = _gzip_header_length(start)
            if offset < 0:
                self.passed = not start.startswith(_GZIP_MAGIC[: len(start)]) or len(start) > _MAX_GZIP_HEADER
                return None
            self._marked = True
            engine = _Gzip()
        elif self.coding == b"deflate":
            if len(start) < 2:
                return None
            # RFC 9110 section 8.4.1.2 wants zlib's wrapping (RFC 1950); some send bare deflate, and all accept it.
            self._marked = start[0] & 0x0F == 8 and not (start[0] << 8 | start[1]) % 31
            offset = 2 if self._marked else 0
            engine = _Inflate()
        elif self.coding == b"br":
            engine = _Brotli()
        else:
            if len(start) < 4 or not start.startswith(_ZSTD_MAGIC):
                self.passed = not _ZSTD_MAGIC.startswith(start)
                return None
            self._marked = True
            engine = _Zstd()
        engine.rest = start[offset:]
        return engine


def _gzip_header_length(data: bytes) -> int:
    """Octets before the deflate data (RFC 1952 section 2.3); -1 if there is no header or it is not all there.

    Reserved flags and the header's own checksum are not looked at: browsers do not either.
    """
    if len(data) < 10 or not data.startswith(_GZIP_MAGIC):
        return -1
    flags, offset = data[3], 10
    if flags & 4:  # FEXTRA
        if len(data) < offset + 2:
            return -1
        offset += 2 + int.from_bytes(data[offset : offset + 2], "little")
    for flag in (8, 16):  # FNAME, FCOMMENT: each ends with NUL
        if flags & flag:
            end = data.find(b"\0", offset)
            if end < 0:
                return -1
            offset = end + 1
    if flags & 2:  # FHCRC
        offset += 2
    return offset if offset <= len(data) else -1


_NAMES: Final = {
    b"gzip": b"gzip",
    b"x-gzip": b"gzip",
    b"deflate": b"deflate",
    b"x-deflate": b"deflate",
    b"br": b"br",
    b"zstd": b"zstd",
}


def known_codings(tokens: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], bool]:
    """The codings among `tokens` that we can undo, in the order applied, and whether there were others."""
    known = tuple(_NAMES[token] for token in tokens if token in _NAMES)
    return known, any(token not in _NAMES and token != b"identity" for token in tokens)


def _drop(piece: bytes) -> bool:  # noqa: ARG001  (nobody wants it)
    return False


class Decoder:
    """Undoes `codings` (in the order in which they were applied) and hands the result to `out` piece by piece.

    `out` returns False to stop everything: then, and when a layer fails, `stopped` is True and input is dropped.
    """

    def __init__(self, codings: tuple[bytes, ...], out: Callable[[bytes], bool]) -> None:
        self.layers = [Layer(coding) for coding in reversed(codings)]
        self.stopped = False
        self._out = out

    def feed(self, data: bytes) -> None:
        if data and not self.stopped:
            self._push(0, data)

    def close(self) -> None:
        """Nothing more comes, or is wanted: lets go of what the libraries hold, and of whom it hands things to. That
        one holds this, and only the collector of garbage, which comes late, would find the ring."""
        self.stopped = True
        self._out = _drop
        for layer in self.layers:
            layer.close()

    def finish(self) -> None:
        """The input has ended."""
        for level, layer in enumerate(self.layers):
            rest = b"" if self.stopped else layer.finish()
            if rest:
                self._push(level + 1, rest)

    @property
    def whole(self) -> bool:
        """Whether all that was coded has come out, as far as the layers know: one that was not applied has no end."""
        return not self.stopped and all(layer.ended or layer.passed for layer in self.layers)

    @property
    def ended(self) -> bool:
        """Whether the data told its own end."""
        return self.layers[0].ended

    @property
    def failed(self) -> bool:
        return any(layer.failed for layer in self.layers)

    @property
    def passed(self) -> bool:
        """Whether some layer was claimed but not applied."""
        return any(layer.passed for layer in self.layers)

    def _push(self, level: int, data: bytes) -> None:
        if level == len(self.layers):
            self.stopped = not self._out(data)
            return
        layer = self.layers[level]
        piece = layer.step(data)
        while True:
            if piece:
                self._push(level + 1, piece)
            if layer.failed:
                self.stopped = True
            if self.stopped or not layer.more:
                return
            piece = layer.step(b"")
