"""What `--pseudonymize` does to the verbs that watch traffic: every place where something is told goes through here."""

from __future__ import annotations

import resource
import sys
import threading
import traceback  # not where it is needed: there may be no memory left, or no right to read it
from types import TracebackType
from typing import TYPE_CHECKING

from sensor.settings import Settings
from sensor.weird import FlowId

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.logs.sinks.pseudonymous import Parts
    from sensor.logs.sinks.sink import EventSink
    from sensor.privacy.pseudonyms import Pseudonyms
    from sensor.report.board import Board
    from sensor.report.summary import Summary
    from sensor.rules.rule import RuleSet


def key_made(named: str) -> str:
    """The path of a key file that may be used, made if it was to be. Raises SettingsError."""
    from sensor.privacy.key_file import NEW

    _load(named)
    return named.removeprefix(NEW)


def _load(named: str) -> bytes:
    from sensor.privacy.key_file import KeyFileError, load_key
    from sensor.settings_file import SettingsError

    try:
        return load_key(named)
    except KeyFileError as error:
        raise SettingsError([str(error)]) from None


def keep_values_from_crashes(settings: Settings) -> None:
    """From here on a traceback of this process, or of one forked later, has no values; if there is a key, a crash
    leaves no memory behind, either."""
    if settings.privacy.pseudonym_key:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.excepthook = _tell_crash
    threading.excepthook = lambda args: _tell_crash(args.exc_type, args.exc_value, args.exc_traceback)


class Disguise:
    """Without a key all is as it is without this."""

    def __init__(self, settings: Settings, rules: RuleSet | None) -> None:
        """Reads the key; from then on a crash leaves no memory behind, and its traceback no values. Raises
        SettingsError if the file is no longer what it was when `key_made` looked."""
        self._pseudonyms: Pseudonyms | None = None
        self._sentences: dict[str, tuple[Parts, Parts]] = {}
        self._without_memory = 0
        if not settings.privacy.pseudonym_key:
            return
        # All of it now: when `live` has given up its rights, what is not imported is out of reach.
        import sensor.logs.sinks.pseudonymous
        import sensor.report.disguise  # noqa: F401  (as above)
        from sensor.privacy.pseudonyms import Pseudonyms

        self._pseudonyms = Pseudonyms(_load(settings.privacy.pseudonym_key), settings.privacy.max_pseudonyms)
        for rule in () if rules is None else rules.rules:
            said = rule.head.notice
            self._sentences[rule.head.id] = (said.msg.parts, (rule.head.title,) if said.sub is None else said.sub.parts)
        keep_values_from_crashes(settings)

    def sink(self, sink: EventSink) -> EventSink:
        """`sink`, or what stands before it."""
        if self._pseudonyms is None:
            return sink
        from sensor.logs.sinks.pseudonymous import PseudonymSink

        return PseudonymSink(sink, self._pseudonyms, self._sentences)

    def summary(self) -> Summary:
        """A new one."""
        if self._pseudonyms is None:
            from sensor.report.summary import Summary

            return Summary()
        from sensor.report.disguise import DisguisedSummary

        return DisguisedSummary(self._pseudonyms)

    def board(self) -> Board:
        """A new one."""
        if self._pseudonyms is None:
            from sensor.report.board import Board

            return Board()
        from sensor.report.disguise import DisguisedBoard

        return DisguisedBoard(self._pseudonyms)

    def limits(self, bounds_memory: bool = False) -> dict[str, int]:
        """How often each of its limits was reached so far, by settings key; with `bounds_memory` also how often there
        was no memory, because `service.max_memory_bytes` are all that this process may have."""
        found = {} if self._pseudonyms is None else {"privacy.max_pseudonyms": self._pseudonyms.forgotten}
        if bounds_memory:
            found["service.max_memory_bytes"] = self._without_memory
        return found

    def tell_error(self, flow: FlowId, error: Exception) -> None:
        """A bug of ours: which flow it cost, and where it is. No payload."""
        self._without_memory += isinstance(error, MemoryError)
        uid = flow.uid if self._pseudonyms is None else self._pseudonyms.uid(flow.uid)
        print(f"ocspwatch: internal error, flow {uid} is dropped; please report this:", file=sys.stderr)
        _tell_place(type(error), error.__traceback__)


def _tell_place(kind: type[BaseException], where: TracebackType | None) -> None:
    """No message: values may be in it."""
    try:
        for line in traceback.format_tb(where):
            print(line, end="", file=sys.stderr)
    except MemoryError:  # what went wrong may be the want of it
        print("no memory for a traceback", file=sys.stderr)
    print(kind.__name__, file=sys.stderr)


def _tell_crash(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):  # no bug, and without a value
        sys.__excepthook__(kind, error, where)
        return
    print("ocspwatch: internal error; please report this:", file=sys.stderr)
    _tell_place(kind, where)
