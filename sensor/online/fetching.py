"""One GET, bounded in time and size whatever the other side does; no redirect is followed, nothing is tried again.

urllib3 (an extra, `online`) has the connections, TLS and proxies; the bounds are ours: its time-outs begin anew with
every octet that comes, and what it decompresses has no limit of its own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sensor import __version__
from sensor.online.connecting import connect

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_CHUNK: Final = 1 << 16
_CONNECT_S: Final = 10.0
_MAX_RETRY_AFTER_S: Final = 86400.0
_MAX_MEDIA_TYPE: Final = 100


NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON of a type: the last for brackets nested a thousand deep."""


class FetchError(Exception):
    """There is no answer that can be used: one line that says why. It may pass."""


class MissingLibraryError(Exception):
    """The extra `online` is not installed."""

    def __init__(self) -> None:
        super().__init__('needs urllib3: pip install "ocspwatch[online]"')


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer, of whatever status. `media_type` is lower-case without parameters, "" if there is none;
    `retry_after_s` as asked for by the server, counted from now, None without a request."""

    status: int
    media_type: str
    body: bytes
    retry_after_s: float | None


class Fetcher:
    """Connections that are kept and used again; for any number of threads, each of which has one while it asks.

    A proxy is taken from the environment (HTTPS_PROXY, NO_PROXY ...), CAs from where the system has them.
    """

    def __init__(self, timeout_s: float, max_bytes: int, connections: int = 64) -> None:
        """Of one host, `connections` are kept for later. An answer must be there as a whole after `timeout_s`, and be
        of at most `max_bytes` when it is decompressed. Raises MissingLibraryError."""
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._connections = connections
        self._managers: dict[str | None, PoolManager] = {}
        self._lock = threading.Lock()
        self._current = threading.local()
        self._manager(None)

    def get(self, url: str, accept: str = "*/*", max_bytes: int | None = None) -> Answer:
        """Raises FetchError."""
        import urllib3

        if not url.startswith(("https://", "http://")):
            raise FetchError("not an address of HTTP")
        limit = self._max_bytes if max_bytes is None else max_bytes
        cut = _Cut(self._current)
        timer = threading.Timer(self._timeout_s, cut.now)
        timer.daemon = True
        timer.start()
        began = time.monotonic()
        try:
            response = self._manager(_proxy_for(url)).request(
                "GET",
                url,
                headers={"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": f"ocspwatch/{__version__}"},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=min(_CONNECT_S, self._timeout_s), read=self._timeout_s),
            )
            with contextlib.ExitStack() as unless_whole:
                unless_whole.callback(response.close)  # what is left unread would be taken for the next answer
                body = _read(response, limit)
                if cut.was_made:  # an end of the connection may be that of the head, or of the body
                    raise TimeoutError
                unless_whole.pop_all()
            response.release_conn()
            return Answer(response.status, _media_type(response), body, _retry_after(response))
        except (urllib3.exceptions.HTTPError, OSError, ValueError, zlib.error) as error:
            if cut.was_made or time.monotonic() - began >= self._timeout_s:
                raise FetchError(f"no whole answer within {self._timeout_s:g} s") from None
            raise FetchError(_reason(error)) from None
        finally:
            timer.cancel()
            cut.done()

    def close(self) -> None:
        """Gives up the connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _manager(self, proxy: str | None) -> PoolManager:
        with self._lock:
            manager = self._managers.get(proxy)
            if manager is None:
                manager = self._managers[proxy] = _new_manager(proxy, self._connections, self._current)
            return manager


class _Cut:
    """Ends the request of this thread by shutting its socket, from another thread."""

    def __init__(self, current: threading.local) -> None:
        current.cut = self
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self._left = False
        self.was_made = False

    def watch(self, sock: socket.socket) -> None:
        """This is the socket in use now."""
        with self._lock:
            self._socket = sock
            if self.was_made:
                _shut(sock)

    def leave(self, sock: socket.socket) -> None:
        """Its connection is closed; an answer whose end is the connection's own may still be read from it."""
        with self._lock:
            if sock is self._socket and not self._over:
                self._left = True
            else:
                sock.close()

    def now(self) -> None:
        with self._lock:
            if not self._over:
                self.was_made = True
                _shut(self._socket)

    def done(self) -> None:
        """The connection is another request's from now on."""
        with self._lock:
            self._over = True
            if self._left and self._socket is not None:
                self._socket.close()


def _shut(sock: socket.socket | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _new_manager(proxy: str | None, connections: int, current: threading.local) -> PoolManager:
    """A pool whose connections tell `current.cut` their socket."""
    try:
        import urllib3
        from urllib3.connection import HTTPConnection, HTTPSConnection
        from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    except ImportError:
        raise MissingLibraryError from None

    class Watched(HTTPConnection):
        """Lets its socket be shut from elsewhere, by a second descriptor: the first becomes the TLS session's."""

        _twin: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            """The library's own would have the time for each address anew."""
            known = urllib3.exceptions
            try:
                until = time.monotonic() + float(self.timeout or 0.0)
                sock = connect(self._dns_host.strip("[]"), self.port or self.default_port, until)
            except socket.gaierror as error:
                raise known.NameResolutionError(self.host, self, error) from error
            except TimeoutError as error:
                raise known.ConnectTimeoutError(self, "timed out") from error
            except OSError as error:
                raise known.NewConnectionError(self, "not connected") from error
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            self._twin = sock.dup()
            current.cut.watch(self._twin)
            return sock

        def request(self, *args: Any, **named: Any) -> None:
            if self._twin is not None:
                current.cut.watch(self._twin)
            super().request(*args, **named)

        def close(self) -> None:
            twin, self._twin = self._twin, None
            super().close()
            if twin is not None:
                cut = getattr(current, "cut", None)  # none in a thread that only gives connections up
                cut.leave(twin) if cut else twin.close()

    class Secured(Watched, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Watched

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    manager = (
        urllib3.PoolManager(num_pools=256, maxsize=connections)
        if proxy is None
        else urllib3.ProxyManager(proxy, num_pools=256, maxsize=connections)
    )
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecuredPool}
    return manager


def _proxy_for(url: str) -> str | None:
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies_environment()
    if not proxies or proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _read(response: BaseHTTPResponse, limit: int) -> bytes:
    """The whole body, decompressed, or FetchError."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise FetchError("a content coding that was not asked for")
    gunzip = zlib.decompressobj(31) if "gzip" in coding else None
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK, decode_content=False):
        while chunk:
            part = gunzip.decompress(chunk, _CHUNK) if gunzip else chunk
            chunk = gunzip.unconsumed_tail if gunzip else b""
            size += len(part)
            if size > limit:
                raise FetchError(f"an answer of more than {limit:,} bytes")
            parts.append(part)
            if gunzip and gunzip.unused_data:
                raise FetchError("something behind the gzip")
    if gunzip and not gunzip.eof:
        raise FetchError("gzip cut short")
    return b"".join(parts)


def _media_type(response: BaseHTTPResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()[:_MAX_MEDIA_TYPE]


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date; a day at most."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_RETRY_AFTER_S)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)


def _reason(error: Exception) -> str:
    """In a few words: the library's texts name its own objects."""
    import ssl

    import urllib3.exceptions as known

    cause: BaseException = error
    for _ in range(8):
        inner = getattr(cause, "reason", None)
        inner = inner if isinstance(inner, BaseException) else (cause.__cause__ or cause.__context__)
        if isinstance(cause, ssl.SSLCertVerificationError) or inner is None:
            break
        cause = inner
    for kind, text in (
        (ssl.SSLCertVerificationError, "the server's certificate is not valid"),
        (ssl.SSLError, "TLS failed"),
        (known.SSLError, "TLS failed"),
        (socket.gaierror, "the host's name is not known"),
        (ConnectionRefusedError, "connection refused"),
        (TimeoutError, "timed out"),
        (known.TimeoutError, "timed out"),
        (known.IncompleteRead, "an answer that is cut short"),
        (zlib.error, "gzip that is damaged"),
        (known.ProtocolError, "the connection was closed, or what came is not HTTP"),
        (ConnectionError, "the connection was closed"),
        (known.LocationValueError, "not an address"),
    ):
        if isinstance(cause, kind) or isinstance(error, kind):
            return text
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return f"no answer ({type(cause).__name__})"
