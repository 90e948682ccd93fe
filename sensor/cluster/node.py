"""One node of a cluster, talked to in a thread of its own: commands to it, what it says to them, and for how long.

Whatever may take long (a host's name, a connection, TLS, a password, an answer) takes that thread's time, so that no
node holds up what is asked of another one. What came, and why nothing did, is told to whoever asked; nothing is
raised.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sensor.cluster.replies import BoundedParser, Reply, ReplyError
from sensor.settings import ClusterSettings

_MAX_TEXT: Final = 120

Command = tuple[bytes, ...]
"""Name and arguments; the second one is the key."""
Address = tuple[str, int]


class Told(msgspec.Struct, frozen=True):
    """What a node said: a reply for each command in order, and if there are fewer, why."""

    job: Job
    replies: list[Reply]
    error: OSError | None


class Job:
    """Commands to a node. `is_talking`: it takes them, and what remains takes no longer than until the deadline."""

    def __init__(self, node: Node, commands: Sequence[Command], deadline: float, told: queue.SimpleQueue[Told]) -> None:
        self.node = node
        self.commands = commands
        self.deadline = deadline
        self.told = told
        self.is_talking = False


class Node:
    """A connection to one node, made when it is needed. One thread asks."""

    def __init__(self, address: Address, settings: ClusterSettings, password: str | None) -> None:
        self.address = address
        self._settings = settings
        self._password = password
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # Of that thread:
        self._connection: Any = None  # redis.Connection, whose methods have no types
        self._parser = BoundedParser(settings.max_answer_bytes)
        # Of the one that asks:
        self.resting_until = 0.0
        self.why = ""
        self.standing = 0.0
        """When it last answered, or less than 0 how long ago it did not: nodes are asked in this order, falling."""

    @property
    def is_alive(self) -> bool:
        """Whether its thread is: it may be, after `close`, as long as a host's name or a connection is waited for."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self, commands: Sequence[Command], deadline: float, told: queue.SimpleQueue[Told]) -> Job:
        """Begins to; it is told when it is over."""
        job = Job(self, commands, deadline, told)
        self._jobs.put(job)
        if not self.is_alive:
            self._thread = threading.Thread(target=self._work, name="ocspwatch-node", daemon=True)
            self._thread.start()
        return job

    def rest(self, until: float, why: str) -> None:
        """It failed."""
        self.resting_until = until
        self.why = why

    def close(self) -> None:
        """As soon as it can be; waits for nothing."""
        if self._thread is not None:
            self._jobs.put(None)

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job.told.put(self._done(job))
        finally:
            self._hang_up()

    def _done(self, job: Job) -> Told:
        replies: list[Reply] = []
        try:
            self._send(job)
            for _ in job.commands:
                replies.append(self._parser.read())
        except OSError as error:
            self._hang_up()
            return Told(job, replies, error)
        return Told(job, replies, None)

    def _send(self, job: Job) -> None:
        """Raises OSError."""
        from redis.exceptions import RedisError

        self._parser.begin(job.deadline)
        try:
            if self._connection is None or self._parser.can_read():  # more than was asked for
                self._hang_up()
                self._connection = self._connected(job.deadline)
            job.is_talking = True
            self._connection.send_packed_command(self._connection.pack_commands(job.commands), check_health=False)
        except (RedisError, ValueError) as error:  # ValueError: a host name that cannot be one
            raise _as_os_error(error) from None

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _connected(self, deadline: float) -> Any:
        """Raises OSError, RedisError, ValueError."""
        from redis import Connection, SSLConnection

        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        settings = self._settings
        # Its own: a connection that was given up says so to its parser once more when it is collected.
        self._parser = parser = BoundedParser(settings.max_answer_bytes)
        parser.begin(deadline)
        named: dict[str, Any] = {
            "host": self.address[0],
            "port": self.address[1],
            "username": settings.user or None,
            "password": self._password,
            "socket_timeout": left,
            "socket_connect_timeout": left,
            "protocol": 2,
            "parser_class": lambda **_: parser,
        }
        if settings.tls:
            named |= {
                "ssl_ca_certs": settings.ca_file or None,
                "ssl_certfile": settings.certificate_file or None,
                "ssl_keyfile": settings.key_file or settings.certificate_file or None,
            }
        kind: Any = SSLConnection if settings.tls else Connection
        connection = kind(**named)
        with contextlib.ExitStack() as unless_connected:
            unless_connected.callback(connection.disconnect)
            connection.connect()
            unless_connected.pop_all()
        return connection


def reason_of(error: BaseException) -> str:
    """In a few words."""
    import ssl

    if isinstance(error, ReplyError):
        return str(error)
    for kind, text in (
        (ssl.SSLCertVerificationError, "the node's certificate is not valid"),
        (ssl.SSLError, "TLS failed"),
        (TimeoutError, "no answer in time"),
        (ConnectionRefusedError, "connection refused"),
        (ConnectionError, "the connection was closed"),
    ):
        if isinstance(error, kind):
            return text
    return plain_reason(error.strerror or str(error) if isinstance(error, OSError) else str(error))


def _as_os_error(error: Exception) -> OSError:
    """What the library made of an OSError, or of a node's refusal to let it in."""
    from redis import exceptions as known

    cause: BaseException | None = error.__context__
    if isinstance(error, known.AuthenticationError) or str(error).startswith(("WRONGPASS", "NOAUTH")):
        return ReplyError("the user or password is not accepted")
    if isinstance(error, known.TimeoutError):
        return TimeoutError()
    if isinstance(cause, OSError):
        return cause
    return ReplyError(plain_reason(str(error)))


def plain_reason(text: str) -> str:
    from sensor.pki.names import render_plain

    return render_plain(text[:_MAX_TEXT])
