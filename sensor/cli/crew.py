"""`live --workers`: a process for each share of the packets, and one that starts, watches and stops them."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sensor.cli.crew_watch import CrewWatch, PipedText, Slate
from sensor.cli.live import EXIT_BROKEN
from sensor.cli.output import EXIT_MISTAKE, EXIT_PARTIAL, tell_mistake
from sensor.service.deadline import LEAST_S, Deadline
from sensor.service.forked import tell_bug
from sensor.service.notify import ServiceManager
from sensor.settings import Settings

if TYPE_CHECKING:
    from types import FrameType

    from sensor.capture.live.ring import RingSource
    from sensor.logs.sinks.log_process import RemotePlace
    from sensor.rules.rule import RuleSet

_POLL_MS = 100
_SPARE_S = 0.3
_HERE = b"\0"
_WORST_FIRST = (EXIT_BROKEN, EXIT_MISTAKE, EXIT_PARTIAL, 0)


class Foreman(ServiceManager):
    """What a worker tells instead of the service manager: that it is there. Whoever started it passes that on, and
    prints what else comes: `text` takes it."""

    def __init__(self, pipe: int, source: RingSource) -> None:
        super().__init__({})
        self._pipe = pipe
        self._source = source
        self.text = PipedText(pipe)

    def _say(self, text: str) -> None:  # noqa: ARG002  (that it says anything is what counts)
        try:
            os.write(self._pipe, _HERE)
        except BlockingIOError:
            return
        except OSError:  # nobody is there to stop it later
            self._source.stop()


class Crew:
    """The workers' processes. To be made while there is one thread."""

    def __init__(self, sources: Sequence[RingSource], work: Callable[[int, Foreman], int], deadline: Deadline) -> None:
        """`work` is done in each new process, with the number of its source, from 0: it returns the exit code. Once
        told to stop, they are waited for until `deadline`."""
        self._sources = sources
        self._deadline = deadline
        self._pipes: dict[int, int] = {}  # descriptor to number
        self._pids: list[int] = []
        self._is_stopping = False
        self._hung_up = False
        sys.stdout.flush()
        sys.stderr.flush()
        for number in range(len(sources)):
            ours, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            pid = os.fork()
            if not pid:
                for descriptor in (*self._pipes, ours):
                    os.close(descriptor)
                _be_a_worker(sources, number, theirs, work)
            os.close(theirs)
            self._pipes[ours] = number
            self._pids.append(pid)
        for source in sources:
            source.leave()

    def obey_signals(self) -> None:
        """SIGTERM and SIGINT stop all workers; SIGHUP is kept for `watch` to act on, unless it says that the terminal
        has gone: then it stops them, too."""
        on_terminal = sys.stdin is not None and sys.stdin.isatty()
        for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if on_terminal else [])):
            signal.signal(number, lambda _, __: self.stop())
        if not on_terminal:
            signal.signal(signal.SIGHUP, self._hang_up)

    def _hang_up(self, _: int, __: FrameType | None) -> None:
        self._hung_up = True

    def stop(self) -> None:
        """All workers, in good order."""
        self._is_stopping = True
        self._deadline.begin()
        for source in self._sources:
            source.ask_to_stop()

    def watch(
        self,
        manager: ServiceManager,
        started: Callable[[], None],
        reopen: Callable[[], None],
        tell: Callable[[str], None],
        look: Callable[[], None] = lambda: None,
    ) -> int:
        """Until all have ended: the exit code. A worker that ends before it is told to ends the others, too. `look` is
        called some times a second."""
        poll = select.poll()
        for descriptor in self._pipes:
            poll.register(descriptor, select.POLLIN)
        waited_for = set(self._pipes.values())
        is_ready = False
        codes = []
        while self._pipes:
            if self._is_stopping and self._deadline.left() <= LEAST_S:
                tell(f"workers that hang are left behind: {', '.join(str(n + 1) for n in self._pipes.values())}")
                codes.append(EXIT_BROKEN)
                break
            for descriptor, _ in poll.poll(_POLL_MS):
                number = self._pipes[descriptor]
                if said := os.read(descriptor, 4096):
                    waited_for.discard(number)
                    if text := said.replace(_HERE, b"").decode(errors="replace"):
                        print(text, end="", file=sys.stderr, flush=True)
                    continue
                poll.unregister(descriptor)
                os.close(descriptor)
                del self._pipes[descriptor]
                waited_for.discard(number)
                codes.append(self._ended(number, tell))
            if not waited_for and self._pipes:  # all that are left have been heard of
                (manager.alive if is_ready else started)()
                is_ready = True
                waited_for = set(self._pipes.values())
            if self._hung_up:
                self._hung_up = False
                reopen()
            look()
        return min(codes, key=lambda code: _WORST_FIRST.index(code) if code in _WORST_FIRST else 0)

    def _ended(self, number: int, tell: Callable[[str], None]) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pids[number], 0)[1])
        if not self._is_stopping:
            tell(f"worker {number + 1} has ended, so the others are stopped")
            self.stop()
            code = EXIT_BROKEN if code in {0, EXIT_PARTIAL} else code
        if code < 0:
            tell(f"worker {number + 1} was ended by signal {-code}")
            code = EXIT_BROKEN
        return code


def _be_a_worker(
    sources: Sequence[RingSource], number: int, pipe: int, work: Callable[[int, Foreman], int]
) -> NoReturn:
    code = 1
    try:
        for other, source in enumerate(sources):
            if other != number:
                source.leave()
        code = work(number, Foreman(pipe, sources[number]))
    finally:
        tell_bug()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what is to be cleaned up is its starter's


def run_crew(args: argparse.Namespace, settings: Settings, rules: RuleSet | None) -> int:
    """`live` with `capture.workers` processes: the exit code."""
    from sensor.capture.live.opening import open_workers
    from sensor.capture.source import CaptureError
    from sensor.cli.askers import AskersError, AskingProcesses
    from sensor.cli.live import TICK_S, _every, _tell, _watch, stop_deadline, tell_start
    from sensor.cli.rights import give_up_rights, start_log_process
    from sensor.health.metrics import CONTENT_TYPE, render_workers
    from sensor.logs.sinks.sink import SinkError
    from sensor.service.account import PrivilegeError
    from sensor.service.privileges import check_user
    from sensor.service.scrape import ScrapeError, ScrapeServer, open_listener
    from sensor.settings_file import override

    size = settings.capture.workers
    if args.json:
        return tell_mistake(ValueError("--json takes one worker: several would write into each other's lines"))
    # A little more than each worker has, so that they can say what they lost.
    deadline = Deadline(stop_deadline(settings).left() + _SPARE_S)
    with ExitStack() as stack:
        try:
            check_user(settings.service)
            asking = AskingProcesses(settings, size)
            stack.callback(asking.wait)
            logs, confined = start_log_process(Path(args.output), settings, size + 1) if args.output else (None, None)
            if logs is not None:
                stack.callback(lambda: logs.wait(deadline.left(logs.ENDS_WITHIN_S)))
            manager = ServiceManager()
            stack.callback(manager.close)
            listener = open_listener(args.metrics) if args.metrics else None
            sources = open_workers(args.interface, settings.capture)
        except (PrivilegeError, SinkError, CaptureError, ScrapeError, AskersError) as error:
            return tell_mistake(error)

        def work(number: int, foreman: Foreman) -> int:
            manager.close()
            own = override(settings, {"health.peer": f"{settings.health.peer}-{number + 1}"})
            if listener is not None:
                listener.close()
            for place in [] if logs is None else [*logs.places[:number], *logs.places[number + 1 :]]:
                place.hang_up()
            for other in [*asking.clients[:number], *asking.clients[number + 1 :]]:
                other.leave()
            source, own_place = sources[number], None if logs is None else logs.places[number]
            if with_screen:
                sys.stderr = foreman.text
            end = stop_deadline(settings)
            askers = asking.clients[number]
            code = _watch(
                args, own, source, rules, None, own_place, foreman, end, lambda _: None, askers, slates[number]
            )  # fmt: skip  (one call)
            if not args.quiet:
                stats = source.stats()
                _tell(f"{source.name}: {stats.received:,} packets, {stats.dropped:,} dropped")
            return code

        with_screen = not args.quiet and CrewWatch.wants_screen(args.plain)
        slates = [Slate(number + 1, with_screen) for number in range(size)]
        board = CrewWatch(slates)
        crew = Crew(sources, work, deadline)
        crew.obey_signals()
        master = None
        for each in asking.clients:
            each.leave()
        if logs is not None:
            master = logs.places[size]
            for place in logs.places[:size]:
                place.hang_up()
        try:
            sealed = give_up_rights(settings, lambda: None)[0]
        except PrivilegeError as error:
            crew.stop()
            return tell_mistake(error)
        if listener is not None:
            server = ScrapeServer(listener, lambda: render_workers(board.reports()), CONTENT_TYPE)
            server.start()
            stack.callback(server.close, LEAST_S)
        name = f"{' and '.join(args.interface)} (ring, {size} workers)"

        def started() -> None:
            tell_start(args, name, sealed, confined, asking.told)
            if not args.quiet:
                board.begin(name, settings.health.interval_s, args.plain, not args.no_color)
            manager.ready(f"listening to {name}")

        stack.callback(board.close)
        code = crew.watch(manager, started, lambda: _reopen(master, _tell), _tell, _every(TICK_S, board.look))
        manager.stopping()
        board.close()
        if not args.quiet:
            board.summarise(name, False if args.no_color else None)
        return code


def _reopen(place: RemotePlace | None, tell: Callable[[str], None]) -> None:
    """The logs, anew."""
    from sensor.logs.sinks.sink import SinkError

    if place is not None:
        try:
            place.reopen()
        except SinkError as error:
            tell(str(error))
