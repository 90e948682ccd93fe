"""`ocspwatch ct push`: loads a cluster that many sensors share from this cache. Says first what it discloses."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.output import say
from sensor.settings import Settings

if TYPE_CHECKING:
    from sensor.cluster.push import Pushed

_FINE, _MISTAKE, _PARTLY, _INTERRUPTED = 0, 2, 3, 130
_SHOWN_EVERY_S = 0.5


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `push` to the verbs of `ct`."""
    verb = verbs.add_parser(
        "push",
        help="load a Redis or Valkey Cluster that sensors share (says first what it discloses)",
        description="Writes the verified and unexpired certificates of this cache, and their issuers, to the cluster "
        "of the settings (cluster.nodes), where they last until they expire. Doing it again changes nothing, so that "
        "one that was interrupted is begun anew. Exit code 3: the cluster did not take all.",
    )
    verb.add_argument("--since", metavar="DATE", help="only what was learnt on this day or later, e.g. 2026-01-31")
    verb.add_argument("--ct", metavar="PATH", help="the cache's file (default: ocspwatch/ct.sqlite in XDG_DATA_HOME)")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """`ct push`: 0, 2 (a mistake, no cache, no cluster), 3 (the cluster did not take all), 130 (interrupted)."""
    from sensor.cluster.opening import ClusterError, describe, open_nodes
    from sensor.cluster.push import Push, PushError
    from sensor.ct.schema import StoreError, default_path

    if not settings.cluster.nodes:
        return _mistake("no cluster: name a node of it, e.g. --set cluster.nodes=redis.example:6379")
    since = 0
    if args.since is not None:
        try:
            since = int(datetime.strptime(args.since, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        except ValueError:
            return _mistake(f"--since {args.since}: a date such as 2026-01-31 expected")
    chosen = args.ct or settings.ct.path
    path = Path(chosen) if chosen else default_path()
    if not path.exists():
        return _mistake(f"{path}: no cache there")
    try:
        nodes = open_nodes(settings.cluster, to_write=True)
    except ClusterError as error:
        return _mistake(str(error))
    say(
        f"writes {path} to {describe(settings.cluster)}: whoever reads there learns which certificates are in it, "
        "and nothing of who visits what"
    )
    push = Push(path, nodes, settings.cluster.prefix, int(time.time()), since, told=_progress())
    try:
        push.run()
    except StoreError as error:
        return _mistake(str(error))
    except PushError as error:
        say(f"the cluster does not take it: {error}; what was written is right, and a second push goes over it again")
        _tell(push.done)
        return _PARTLY
    except KeyboardInterrupt:
        say("interrupted: what was written is right, and a second push goes over it again")
        return _INTERRUPTED
    finally:
        nodes.close()
    _tell(push.done)
    return _FINE


def _progress() -> Callable[[Pushed], None] | None:
    if not sys.stderr.isatty():
        return None
    began = shown = time.monotonic()

    def tell(done: Pushed) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _SHOWN_EVERY_S:
            shown = now
            rate = done.seen / (now - began)
            sys.stderr.write(f"\r{done.seen:,} certificates, {rate:,.0f} a second\x1b[K")
            sys.stderr.flush()

    return tell


def _tell(done: Pushed) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    print(f"{done.certificates:,} certificates of {done.issuers:,} issuers, {done.crls:,} CRLs' addresses")
    for count, what in (
        (done.expired, "have expired"),
        (done.old, "were learnt before"),
        (done.unverified, "stay: their issuers' certificates are not known"),
    ):
        if count:
            print(f"  {count:,} {what}")


def _mistake(text: str) -> int:
    say(text)
    return _MISTAKE
