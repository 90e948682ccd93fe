"""Commands to the nodes that have their keys: sent to all of them at once, waited for together, and never for long.

Which node has a key is learnt (CLUSTER SLOTS) from any of them, and corrected by what they answer (MOVED, ASK; Redis
Cluster Specification). A node that cannot be asked costs its own keys an answer, and nobody else's; it is left alone
for a while. What the nodes say is believed about where to ask next only within limits.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from sensor.cluster.replies import BoundedParser, Refusal, Reply, ReplyError
from sensor.settings import ClusterSettings

SLOTS: Final = 16384
_MAX_REDIRECTS: Final = 3
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}\Z")
_REDIRECT: Final = re.compile(r"(MOVED|ASK) ([0-9]{1,5}) ([A-Za-z0-9._:-]{0,253}):([0-9]{1,5})\Z")
_PASSING: Final = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY")
_MAX_TEXT: Final = 120

Command = tuple[bytes, ...]
"""Name and arguments; the second one is the key."""
Address = tuple[str, int]


class MissingLibraryError(Exception):
    """The extra `cluster` is not installed."""

    def __init__(self) -> None:
        super().__init__('needs redis: pip install "ocspwatch[cluster]"')


class Lost(msgspec.Struct, frozen=True):
    """No reply, and why. Nothing is known of what was asked."""

    reason: str


Answered = bytes | int | list[Any] | None | Lost


class Node:
    """A connection to one node, made when it is needed."""

    def __init__(self, address: Address, settings: ClusterSettings, password: str | None) -> None:
        self.address = address
        self._settings = settings
        self._password = password
        self._connection: Any = None  # redis.Connection, whose methods have no types
        self._parser = BoundedParser(settings.max_answer_bytes)
        self.resting_until = 0.0
        self.why = ""

    def send(self, commands: Sequence[Command], deadline: float) -> None:
        """Raises OSError."""
        from redis.exceptions import RedisError

        self._parser.begin(deadline)
        try:
            if self._connection is None or self._parser.can_read():  # what was given up comes late, for nobody
                self.close()
                self._connection = self._connected(deadline)
            self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)
        except (RedisError, ValueError) as error:  # ValueError: a host name that cannot be one
            raise _as_os_error(error) from None

    def receive(self, deadline: float) -> Reply:
        """The reply to the next command that was sent. Raises OSError."""
        self._parser.deadline = deadline
        return self._parser.read()

    def rest(self, until: float, why: str) -> None:
        """It failed."""
        self.resting_until = until
        self.why = why
        self.close()

    def close(self) -> None:
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
        named: dict[str, Any] = {
            "host": self.address[0],
            "port": self.address[1],
            "username": settings.user or None,
            "password": self._password,
            "socket_timeout": left,
            "socket_connect_timeout": left,
            "protocol": 2,
            "parser_class": lambda **_: self._parser,
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


class Nodes:
    """The cluster, asked by one thread."""

    def __init__(
        self, settings: ClusterSettings, password: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Asks nobody yet. `clock` counts seconds, and only says how long a node is left alone. Raises
        MissingLibraryError."""
        try:
            import redis  # noqa: F401  (whether it is there)
        except ImportError:
            raise MissingLibraryError from None
        self._settings = settings
        self._password = password
        self._clock = clock
        self._named = [parse_address(text) for text in settings.nodes]
        self._nodes: dict[Address, Node] = {}
        self._slots: list[Address] = []
        self._is_stale = True
        self._learn_at = clock()
        self._why = "no node says who has what"
        self.failures = 0
        """Batches to a node that it did not answer."""

    def ask(self, commands: Sequence[Command]) -> list[Answered]:
        """One reply for each, in order. Takes `timeout_ms`, and as long again where the cluster must be learnt anew."""
        if self._is_stale and self._clock() >= self._learn_at:
            self._learn()
        answers: list[Answered] = [Lost(self._why)] * len(commands)
        if not self._slots:
            return answers
        deadline = time.monotonic() + self._settings.timeout_ms / 1000
        slots = [key_slot(command[1]) for command in commands]
        left: list[tuple[int, Address, bool]] = [(n, self._slots[slot], False) for n, slot in enumerate(slots)]
        for _ in range(_MAX_REDIRECTS):
            left = self._round(commands, left, answers, deadline)
            if not left:
                break
            for place, address, asking in left:
                answers[place] = Lost("sent from one node to the next")
                if not asking:
                    self._slots[slots[place]] = address
        return answers

    def close(self) -> None:
        for node in self._nodes.values():
            node.close()
        self._nodes.clear()

    def _round(
        self,
        commands: Sequence[Command],
        wanted: Sequence[tuple[int, Address, bool]],
        answers: list[Answered],
        deadline: float,
    ) -> list[tuple[int, Address, bool]]:
        """Asks everybody, then hears everybody. Which commands are to be sent elsewhere."""
        groups: dict[Address, list[tuple[int, bool]]] = {}
        for place, address, asking in wanted:
            if address == _NOBODY:
                answers[place] = Lost("no node has this part of the keys")
                self._is_stale = True
            else:
                groups.setdefault(address, []).append((place, asking))
        sent: list[tuple[Node, list[tuple[int, bool]]]] = []
        for address, group in groups.items():
            node = self._node(address)
            if node.resting_until > self._clock():
                _lose(answers, group, f"{_text(address)} is left alone: {node.why}")
                continue
            try:
                node.send(_with_asking(commands, group), deadline)
            except OSError as error:
                self._failed(node, group, answers, error)
            else:
                sent.append((node, group))
        elsewhere: list[tuple[int, Address, bool]] = []
        for node, group in sent:
            for number, (place, asking) in enumerate(group):
                try:
                    if asking:
                        node.receive(deadline)
                    reply = node.receive(deadline)
                except OSError as error:
                    self._failed(node, group[number:], answers, error)
                    break
                if isinstance(reply, Refusal):
                    self._refused(reply.text, node.address, place, answers, elsewhere)
                else:
                    answers[place] = reply
        return elsewhere

    def _refused(
        self,
        text: str,
        address: Address,
        place: int,
        answers: list[Answered],
        elsewhere: list[tuple[int, Address, bool]],
    ) -> None:
        found = _REDIRECT.match(text)
        if found is not None and 0 < (port := int(found[4])) < 65536:
            elsewhere.append((place, (found[3] or address[0], port), found[1] == "ASK"))
            self._is_stale |= found[1] == "MOVED"
            return
        self._is_stale |= text.startswith(_PASSING)
        answers[place] = Lost(f"{_text(address)}: {_plain(text)}")

    def _failed(self, node: Node, group: Sequence[tuple[int, bool]], answers: list[Answered], error: OSError) -> None:
        why = reason_of(error)
        self.failures += 1
        self._is_stale = True
        node.rest(self._clock() + self._settings.retry_s, why)
        _lose(answers, group, f"{_text(node.address)}: {why}")

    def _node(self, address: Address) -> Node:
        node = self._nodes.get(address)
        if node is None:
            if len(self._nodes) >= self._settings.max_nodes:  # moved about, or sent about
                self.close()
            node = self._nodes[address] = Node(address, self._settings, self._password)
        return node

    def _learn(self) -> None:
        """Who has what, from the first node that says so. What is known stays if nobody does."""
        deadline = time.monotonic() + self._settings.timeout_ms / 1000
        self._learn_at = self._clock() + self._settings.retry_s
        for address in dict.fromkeys([*self._nodes, *self._named]):
            node = self._node(address)
            if node.resting_until > self._clock():
                continue
            try:
                node.send([(b"CLUSTER", b"SLOTS")], deadline)
                slots = decode_slots(node.receive(deadline), address[0], self._settings.max_nodes)
            except OSError as error:
                self.failures += 1
                why = reason_of(error)
                node.rest(self._clock() + self._settings.retry_s, why)
                self._why = f"{_text(address)}: {why}"
                continue
            self._slots = slots
            self._is_stale = False
            self._forget_strangers()
            return

    def _forget_strangers(self) -> None:
        known = {*self._slots, *self._named}
        for address in [address for address in self._nodes if address not in known]:
            self._nodes.pop(address).close()


_NOBODY: Final = ("", 0)


def decode_slots(reply: Reply, asked: str, max_nodes: int) -> list[Address]:
    """The master of each slot, out of what CLUSTER SLOTS says. A node without a host's name is where it was asked: at
    `asked`. Raises ReplyError."""
    slots: list[Address] = [_NOBODY] * SLOTS
    masters = set()
    if isinstance(reply, Refusal):
        raise ReplyError(_plain(reply.text))
    if not isinstance(reply, list) or len(reply) > SLOTS:
        raise ReplyError("a list of slots that is none")
    for part in reply:
        match part:
            case [int(first), int(last), [bytes() | None as host, int(port), *_], *_] if (
                0 <= first <= last < SLOTS and 0 < port < 65536
            ):
                name = (host or b"").decode("ascii", "replace") or asked
                if name == "?":
                    continue
                if _HOST.match(name) is None:
                    raise ReplyError("a list of slots that is none")
                slots[first : last + 1] = [(name, port)] * (last + 1 - first)
                masters.add((name, port))
            case _:
                raise ReplyError("a list of slots that is none")
        if len(masters) > max_nodes:
            raise ReplyError(f"more than {max_nodes} nodes")
    if not masters:
        raise ReplyError("a node that is in no cluster")
    return slots


def key_slot(key: bytes) -> int:
    """Redis Cluster Specification, "Key distribution model" and "Hash tags"."""
    from redis.crc import key_slot as slot_of

    return slot_of(key)


def parse_address(text: str) -> Address:
    """HOST:PORT, as the settings have it."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


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
    return _plain(error.strerror or str(error) if isinstance(error, OSError) else str(error))


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
    return ReplyError(_plain(str(error)))


def _with_asking(commands: Sequence[Command], group: Sequence[tuple[int, bool]]) -> list[Command]:
    found: list[Command] = []
    for place, asking in group:
        if asking:
            found.append((b"ASKING",))
        found.append(commands[place])
    return found


def _lose(answers: list[Answered], group: Sequence[tuple[int, bool]], why: str) -> None:
    lost = Lost(why)
    for place, _ in group:
        answers[place] = lost


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _plain(text: str) -> str:
    from sensor.pki.names import render_plain

    return render_plain(text[:_MAX_TEXT])
