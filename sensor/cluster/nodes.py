"""Commands to the nodes that have their keys: sent to all of them at once, waited for together, and never for long.

Which node has a key is learnt (CLUSTER SLOTS) from any of them, and corrected by what they answer (MOVED, ASK; Redis
Cluster Specification). A node that cannot be asked costs its own keys an answer, and nobody else's; it is left alone
for a while. What the nodes say is believed about where to ask next only within limits.
"""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from sensor.cluster.node import Address, Command, Node, Told, plain_reason, reason_of
from sensor.cluster.replies import Refusal, Reply, ReplyError
from sensor.settings import ClusterSettings

SLOTS: Final = 16384
_MAX_REDIRECTS: Final = 3
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}\Z")
_REDIRECT: Final = re.compile(r"(MOVED|ASK) ([0-9]{1,5}) ([A-Za-z0-9._:-]{0,253}):([0-9]{1,5})\Z")
_PASSING: Final = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY")
_TICK_S: Final = 0.01


class MissingLibraryError(Exception):
    """The extra `cluster` is not installed."""

    def __init__(self) -> None:
        super().__init__('needs redis: pip install "ocspwatch[cluster]"')


class Lost(msgspec.Struct, frozen=True):
    """No reply, and why. Nothing is known of what was asked."""

    reason: str


Answered = bytes | int | list[Any] | None | Lost


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
        self._closed: list[Node] = []  # what is still waited for there
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
            self._close(node)
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
        self._make_room(groups.keys())
        jobs: dict[Node, list[Command]] = {}
        parts: list[tuple[Node, list[tuple[int, bool]]]] = []
        for address, group in groups.items():
            node = self._node(address)
            if node is None:
                _lose(answers, group, _TOO_MANY)
            elif node.resting_until > self._clock():
                _lose(answers, group, f"{_text(address)} is left alone: {node.why}")
            else:
                jobs[node] = _with_asking(commands, group)
                parts.append((node, group))
        told = self._exchange(jobs, deadline)
        elsewhere: list[tuple[int, Address, bool]] = []
        for node, group in parts:
            replies, error = told[node]
            at = 0
            for number, (place, asking) in enumerate(group):
                at += asking  # what it says to ASKING is nothing
                if at >= len(replies):
                    self._failed(node, group[number:], answers, error or TimeoutError())
                    break
                reply = replies[at]
                at += 1
                if isinstance(reply, Refusal):
                    self._refused(reply.text, node.address, place, answers, elsewhere)
                else:
                    answers[place] = reply
            else:
                node.standing = self._clock()
        return elsewhere

    def _exchange(
        self, asked: Mapping[Node, Sequence[Command]], deadline: float
    ) -> dict[Node, tuple[list[Reply], OSError | None]]:
        """What each of them says, and why not more. Nobody is waited for whose turn to speak has not come by then; for
        the others, until they have said what is there."""
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        waited = {node: node.ask(commands, deadline, told) for node, commands in asked.items()}
        said: dict[Node, tuple[list[Reply], OSError | None]] = {}
        while waited:
            left = deadline - time.monotonic()
            if left <= 0 and not any(job.is_talking for job in waited.values()):
                break
            one = _next_of(told, max(left, _TICK_S))
            if one is not None:
                del waited[one.job.node]
                said[one.job.node] = one.replies, one.error
        return said | dict.fromkeys(waited, ([], TimeoutError()))

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
        answers[place] = Lost(f"{_text(address)}: {plain_reason(text)}")

    def _failed(self, node: Node, group: Sequence[tuple[int, bool]], answers: list[Answered], error: OSError) -> None:
        why = reason_of(error)
        self.failures += 1
        self._is_stale = True
        node.standing = -self._clock()
        node.rest(self._clock() + self._settings.retry_s, why)
        _lose(answers, group, f"{_text(node.address)}: {why}")

    def _make_room(self, wanted: Collection[Address]) -> None:
        """For these, where there are too many others: slots moved about, or somebody sends us about."""
        if len(self._nodes.keys() | wanted) > self._settings.max_nodes:
            self._closed = [node for node in self._closed if node.is_alive]
            if len(self._closed) < self._settings.max_nodes:
                self.close()

    def _node(self, address: Address) -> Node | None:
        """None: there is no room."""
        node = self._nodes.get(address)
        if node is None and len(self._nodes) < self._settings.max_nodes:
            node = self._nodes[address] = Node(address, self._settings, self._password)
        return node

    def _learn(self) -> None:
        """Who has what, from the first node that says so: each is asked when those before it have had half of the time
        that was left. What is known stays if nobody does. Nobody is left alone for it: who is well may be far behind
        one that is not."""
        deadline = time.monotonic() + self._settings.timeout_ms / 1000
        self._learn_at = self._clock() + self._settings.retry_s
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        waited: set[Node] = set()
        candidates = self._candidates()
        while (left := deadline - time.monotonic()) > 0 and (candidates or waited):
            if candidates:
                node = candidates.pop(0)
                node.ask([(b"CLUSTER", b"SLOTS")], deadline, told)
                waited.add(node)
            one = _next_of(told, left / 2 if candidates else left)
            if one is None:
                continue
            waited.discard(one.job.node)
            if self._is_learnt(one):
                return
        for node in waited:
            self._not_learnt(node, TimeoutError())

    def _candidates(self) -> list[Node]:
        """Whom to ask who has what, and in which order: who answered last, who was not asked yet, who failed long ago.
        One that is left alone, if all are."""
        known = [self._node(address) for address in dict.fromkeys([*self._nodes, *self._named])]
        nodes = [node for node in known if node is not None]
        well = [node for node in nodes if node.resting_until <= self._clock()]
        return sorted(well or nodes, key=lambda node: -node.standing)

    def _is_learnt(self, told: Told) -> bool:
        node = told.job.node
        try:
            if told.error is not None:
                raise told.error
            self._slots = decode_slots(told.replies[0], node.address[0], self._settings.max_nodes)
        except OSError as error:
            self._not_learnt(node, error)
            return False
        node.standing = self._clock()
        self._is_stale = False
        self._forget_strangers()
        return True

    def _not_learnt(self, node: Node, error: OSError) -> None:
        self.failures += 1
        node.standing = -self._clock()
        self._why = f"{_text(node.address)}: {reason_of(error)}"

    def _forget_strangers(self) -> None:
        known = {*self._slots, *self._named}
        for address in [address for address in self._nodes if address not in known]:
            self._close(self._nodes.pop(address))

    def _close(self, node: Node) -> None:
        node.close()
        if node.is_alive:
            self._closed.append(node)


_NOBODY: Final = ("", 0)
_TOO_MANY: Final = "too many nodes"


def _next_of(told: queue.SimpleQueue[Told], seconds: float) -> Told | None:
    try:
        return told.get(timeout=seconds)
    except queue.Empty:
        return None


def decode_slots(reply: Reply, asked: str, max_nodes: int) -> list[Address]:
    """The master of each slot, out of what CLUSTER SLOTS says. A node without a host's name is where it was asked: at
    `asked`. Raises ReplyError."""
    slots: list[Address] = [_NOBODY] * SLOTS
    masters = set()
    if isinstance(reply, Refusal):
        raise ReplyError(plain_reason(reply.text))
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
