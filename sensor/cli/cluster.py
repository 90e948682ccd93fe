"""The cluster of certificates that many sensors share: what is said before it is asked, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.cli.output import say
from sensor.settings import Settings

if TYPE_CHECKING:  # imported when there is one: by default nothing here is
    from sensor.cluster.lookup import ClusterLookup, Counts
    from sensor.ct.lookup import CtLookup

_SHOWN_REASONS = 5


class NoClusterError(Exception):
    """It cannot be asked; one line that says why."""


def open_cluster(lookup: CtLookup, settings: Settings) -> ClusterLookup:
    """The look-up that asks the cluster about what `lookup`, which it then owns, does not know. Says what that
    discloses. Raises NoClusterError."""
    from sensor.cluster.lookup import ClusterLookup
    from sensor.cluster.opening import ClusterError, open_nodes

    try:
        nodes = open_nodes(settings.cluster)
    except ClusterError as error:
        raise NoClusterError(str(error)) from None
    tell_disclosure(settings)
    return ClusterLookup(lookup, nodes, settings.cluster, settings.ct)


def tell_disclosure(settings: Settings) -> None:
    """Before anything is asked."""
    from sensor.cluster.opening import describe

    say(
        f"asks {describe(settings.cluster)} about certificates that the cache does not know: its nodes learn their "
        "serial numbers, that is, which sites the monitored clients visit"
    )


def tell_cluster(counts: Counts, *, quiet: bool) -> None:
    """What came of it, on standard error; with `quiet` only what was lost or refused."""
    if not quiet or counts.lost or counts.refused:
        say(
            f"asked the cluster {counts.asked:,} times: {counts.found:,} certificates found, {counts.lost:,} without "
            f"an answer, {counts.refused:,} values refused"
        )
    for reason, count in sorted(counts.reasons.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]:
        say(f"  {count:,}: {reason}")
