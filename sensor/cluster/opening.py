"""A cluster by the settings: with its password, and in words."""

from __future__ import annotations

import msgspec

from sensor.cluster.nodes import MissingLibraryError, Nodes
from sensor.cluster.password import PasswordError, load_password
from sensor.settings import ClusterSettings

_PUSH_TIMEOUT_MS = 10_000


class ClusterError(Exception):
    """It cannot be asked: one line that says why."""


def open_nodes(settings: ClusterSettings, *, to_write: bool = False) -> Nodes:
    """Asks nobody yet. Who writes is in less of a hurry. Raises ClusterError."""
    if to_write:
        settings = msgspec.structs.replace(settings, timeout_ms=max(settings.timeout_ms, _PUSH_TIMEOUT_MS))
    try:
        return Nodes(settings, load_password(settings))
    except (MissingLibraryError, PasswordError) as error:
        raise ClusterError(str(error)) from None


def describe(settings: ClusterSettings) -> str:
    """Where it is, and who can read along."""
    shown = ", ".join(settings.nodes[:4]) + (" ..." if len(settings.nodes) > 4 else "")
    return f"the cluster at {shown} ({'TLS' if settings.tls else 'not encrypted: whoever reads along learns the same'})"
