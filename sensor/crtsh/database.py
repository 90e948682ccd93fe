"""crt.sh's answers out of its public PostgreSQL database: one query has the certificates and their issuers'.

Tables `certificate` (id, issuer_ca_id, certificate), with an index on x509_serialNumber, and `ca_certificate` (ca_id,
certificate_id): sql/create_schema.sql in crtsh/certwatch_db. What is anything else is a failure. TLS is used where the
server offers it, as psql does, and proves nothing: what counts are the signatures, which the resolver checks.
"""

from __future__ import annotations

import random
import socket
import ssl
import struct
import time
from typing import Any, Final

from sensor.crtsh.pace import Pace
from sensor.crtsh.pages import AskError, Row
from sensor.online.connecting import connect
from sensor.online.fetching import MissingLibraryError
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.settings import CtSettings, OnlineSettings

_USER: Final = "guest"
_DATABASE: Final = "certwatch"
_PORT: Final = 5432
_MOST: Final = 64
_FIRST_WAIT_S: Final = 2.0
_CHUNK: Final = 1 << 16
_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol 3.0, SSLRequest

# A serial number as its INTEGER has it (RFC 5280 4.1.2.2): with a zero octet before a first bit that is set.
_QUERY: Final = (
    "WITH found AS (SELECT c.id, c.issuer_ca_id, c.certificate FROM certificate c "
    "WHERE x509_serialNumber(c.certificate) IN (decode('{0}', 'hex'), decode('00{0}', 'hex')) LIMIT {1}) "
    "SELECT id, issuer_ca_id, false, certificate FROM found UNION ALL SELECT * FROM (SELECT c.id, a.ca_id, true, "
    "c.certificate FROM ca_certificate a JOIN certificate c ON c.id = a.certificate_id "
    "WHERE a.ca_id IN (SELECT issuer_ca_id FROM found) LIMIT {1}) issuers"
)


class MissingDriverError(MissingLibraryError):
    """The extra `postgres` is not installed."""

    def __init__(self) -> None:
        Exception.__init__(self, 'needs pg8000: pip install "ocspwatch[postgres]"')


class Database:
    """Stands where `Pages` does. Every query waits for its turn; what may pass is tried again."""

    def __init__(self, pace: Pace, settings: OnlineSettings, ct: CtSettings) -> None:
        """Asks nobody yet. Raises MissingDriverError."""
        try:
            import pg8000.core  # noqa: F401  (whether it is there)
        except ImportError:
            raise MissingDriverError from None
        host, _, port = settings.crtsh_database.partition(":")
        self._address = host, int(port or _PORT)
        self._pace = pace
        self._timeout_s = settings.timeout_s
        self._max_bytes = settings.max_answer_bytes
        self._max_tries = settings.max_tries
        self._max_names = ct.max_names
        self._max_certificate_bytes = ct.max_certificate_bytes
        self._certificates: dict[int, bytes] = {}  # of the last answer
        self._issuers: list[Row] = []

    def with_serial(self, serial: str) -> list[Row]:
        """As Pages'; with it comes what `with_key_id` and `certificate` know."""
        self._certificates, self._issuers = {}, []
        digits = serial if len(serial) % 2 == 0 else f"0{serial}"
        if not digits or set(digits) - set("0123456789ABCDEF"):
            raise AskError("a serial number that is none")
        rows: list[Row] = []
        for row in self._rows(_QUERY.format(digits, _MOST)):
            match row:
                case [int(number), int(issuer), bool(is_issuer), bytes(der)] if (
                    number > 0 and issuer > 0 and len(der) <= self._max_certificate_bytes
                ):
                    self._certificates[number] = der
                    (self._issuers if is_issuer else rows).append(Row(number, issuer, serial))
                case _:
                    raise AskError("rows that are not crt.sh's")
        if len(rows) >= _MOST:
            raise AskError(f"{_MOST} certificates or more with this serial number")
        return rows

    def with_key_id(self, key_id: bytes) -> list[Row]:
        """Of the issuers that came with the last answer, those with this subject key identifier."""
        return [row for row in self._issuers if self.certificate(row.id).subject_key_id == key_id]

    def certificate(self, number: int) -> SignedCertificate:
        """One of the last answer. Raises AskError."""
        try:
            return decode_certificate(self._certificates[number], self._max_names)
        except KeyError:
            raise AskError("a certificate that was not asked for") from None
        except CertificateError:
            raise AskError("a certificate that cannot be read") from None

    def _rows(self, query: str) -> list[list[object]]:
        for tries in range(1, self._max_tries + 1):
            self._pace.wait()
            try:
                return self._asked(query)
            except _Failed as error:
                reason = str(error)
            self._pace.hold(random.uniform(0.5, 1.0) * _FIRST_WAIT_S * 2 ** (tries - 1))  # noqa: S311 (spreads load)
        raise AskError(reason)

    def _asked(self, query: str) -> list[list[object]]:
        """By a connection of its own, in simple queries: there may be a pooler. Raises _Failed."""
        from pg8000.core import CoreConnection
        from pg8000.exceptions import DatabaseError, Error

        until = time.monotonic() + self._timeout_s
        talk: _Bounded | None = None
        try:
            talk = _Bounded(connect(*self._address, until), until, self._max_bytes)
            connection: Any = CoreConnection(_USER, database=_DATABASE, password="", sock=talk, ssl_context=False)
            return connection.execute_simple(query).rows or []
        except DatabaseError as error:
            raise _Failed(_text_of(error)) from None
        except (Error, OSError) as error:
            trouble = talk.trouble if talk is not None else ""
            raise _Failed(trouble or _reason(error, until)) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error, MemoryError):
            # The library believes a server's every octet, and these are what it trips over.
            raise _Failed("what came is not PostgreSQL's protocol") from None
        finally:
            if talk is not None:
                talk.close()


class _Failed(Exception):  # noqa: N818  (never leaves this module)
    """No rows, in a few words; it may pass."""


class _Bounded:
    """What the library takes for a socket and its file: until a moment, and within a number of octets."""

    def __init__(self, sock: socket.socket, until: float, max_bytes: int) -> None:
        self._until = until
        self._left = self._most = max_bytes
        self._out = bytearray()
        self._data = bytearray()
        self.trouble = ""
        self._sock = sock
        try:
            self._sock = self._secured(sock)
        except OSError:
            sock.close()
            raise

    def makefile(self, mode: str) -> _Bounded:  # noqa: ARG002  (the library's)
        """Itself."""
        return self

    def read(self, size: int) -> bytes:
        """Exactly so many octets. Raises OSError."""
        if size < 0 or size > self._left:
            self.trouble = f"an answer of more than {self._most:,} bytes"
            raise OSError(self.trouble)
        self._left -= size
        while len(self._data) < size:
            self._sock.settimeout(self._time_left())
            piece = self._sock.recv(_CHUNK)
            if not piece:
                raise ConnectionResetError
            self._data += piece
        found = bytes(self._data[:size])
        del self._data[:size]
        return found

    def write(self, octets: bytes) -> None:
        self._out += octets

    def flush(self) -> None:
        """Raises OSError."""
        self._sock.settimeout(self._time_left())
        self._sock.sendall(self._out)
        self._out.clear()

    def close(self) -> None:
        """Without a word: nothing of this connection is used again."""
        self._sock.close()

    def _secured(self, sock: socket.socket) -> socket.socket:
        """TLS, if the server offers it; its certificate is not looked at. Raises OSError."""
        sock.settimeout(self._time_left())
        sock.sendall(_SSL_REQUEST)
        if sock.recv(1) != b"S":
            return sock
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        sock.settimeout(self._time_left())
        return context.wrap_socket(sock)

    def _time_left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _text_of(error: Exception) -> str:
    """The server's: "conflict with recovery", "long transactions not allowed" ..."""
    from sensor.pki.names import render_plain

    said = error.args[0] if error.args else ""
    text = said.get("M", "") if isinstance(said, dict) else said
    return f"the database: {render_plain(str(text))[:100]}"


def _reason(error: BaseException, until: float) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError) or time.monotonic() >= until:
        return "no whole answer in time"
    for kind, text in (
        (ssl.SSLError, "TLS failed"),
        (socket.gaierror, "the host's name is not known"),
        (ConnectionRefusedError, "connection refused"),
    ):
        if isinstance(cause, kind):
            return text
    return "the connection was closed, or what came is not PostgreSQL's protocol"
