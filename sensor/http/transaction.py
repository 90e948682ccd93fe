"""What HTTP says passed over a flow: one request, its reply, and the files they carried."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from sensor.weird import FlowId


class NotKept(enum.Enum):
    """Why a body's bytes are not there."""

    EMPTY = "empty"
    UNWANTED = "unwanted"  # nobody asked for a body of this type: counted, not kept
    TOO_LARGE = "too_large"
    HOLE = "hole"  # bytes lost in capture
    CUT = "cut"  # the message ended before its declared length
    UNDECODABLE = "undecodable"  # content coding unknown, broken or over its limit


class Ambiguity(enum.Enum):
    """In what two readers of a message may differ, so that one sees what the other does not."""

    framing = "framing"  # where a body ends, whether it is chunked, or counts at all
    host = "host"  # whom a request is for
    tcp = "tcp"  # octets that came twice, and not as the same


# As bits, while a message is read, and what they stand for together.
FRAMING: Final = 1
HOST: Final = 2
TCP: Final = 4
AMBIGUITIES: Final = tuple(
    tuple(each for place, each in enumerate(Ambiguity) if bits >> place & 1) for bits in range(1 << len(Ambiguity))
)


def with_framing(ambiguous: tuple[Ambiguity, ...]) -> tuple[Ambiguity, ...]:
    """The same and `framing`, in their order."""
    return tuple([each for each in Ambiguity if each is Ambiguity.framing or each in ambiguous])


class Tap(Protocol):
    """Reads a file that is too large to be kept, while it goes by: a CRL. Raises nothing for what the bytes are."""

    def feed(self, data: bytes) -> bool:
        """The next decoded bytes. Returns whether more are wanted."""
        ...

    def finish(self, lost: bool) -> object:
        """No more bytes come; `lost`: some were lost in capture, and nothing behind them was fed."""
        ...


NewTap = Callable[[], Tap]


class Digests(msgspec.Struct, frozen=True, gc=False):
    """Lower-case hex digests of the decoded body."""

    md5: str
    sha1: str
    sha256: str


class BodyFile(msgspec.Struct, frozen=True, gc=False):
    """A body, or one part of a multipart body: one line of files.log.

    Bytes are counted after transfer and content decoding, as Zeek does. `content` is bytes only if every byte of the
    decoded body is there; else it says why not. `mime_type` is sniffed from content (Zeek's names), None if unknown;
    `content_type` is what the header claimed. Times in nanoseconds, of the segments with the first and last body byte.
    """

    fuid: str
    is_orig: bool
    depth: int
    first_ts: int
    last_ts: int
    mime_type: str | None
    content_type: str | None
    filename: str | None
    seen_bytes: int
    total_bytes: int | None
    missing_bytes: int
    overflow_bytes: int
    timedout: bool
    content: bytes | NotKept
    digests: Digests | None = None
    parent_fuid: str | None = None
    reading: object | None = None  # what a Tap made of the bytes while they went by


class Header(msgspec.Struct, frozen=True, gc=False):
    """A header field: name in lower case, value without surrounding blanks, both raw bytes."""

    name: bytes
    value: bytes


class HttpRequest(msgspec.Struct, frozen=True, gc=False):
    """`target` is as on the wire, never percent-decoded. `version` as written after HTTP/, None for 0.9.

    `notable`: some header is one that `http.cleartext` has something to say about.
    """

    ts: int
    method: bytes
    target: bytes
    version: str | None
    host: bytes | None
    user_agent: bytes | None
    headers: tuple[Header, ...]
    files: tuple[BodyFile, ...]
    body_len: int
    complete: bool
    notable: bool = False


class HttpResponse(msgspec.Struct, frozen=True, gc=False):
    """The final reply; `info_code` and `info_msg` are those of the last 1xx before it. `notable`: as in HttpRequest."""

    ts: int
    version: str | None
    status_code: int | None
    status_msg: bytes | None
    headers: tuple[Header, ...]
    files: tuple[BodyFile, ...]
    body_len: int
    complete: bool
    info_code: int | None = None
    info_msg: bytes | None = None
    notable: bool = False


class HttpTransaction(msgspec.Struct, frozen=True, gc=False):
    """One line of http.log. Either half may be None: it was not seen. `trans_depth` counts from 1 within the flow.
    `ambiguous`: in what it can be read otherwise. `repeated`: what there is of it is told as half of a whole one by a
    second reading, too: this is for http.log, and what it carries is told there."""

    flow: FlowId
    ts: int
    trans_depth: int
    request: HttpRequest | None
    response: HttpResponse | None
    ambiguous: tuple[Ambiguity, ...] = ()
    repeated: bool = False
