"""`live` and whom it may ask: processes that connect where the one that parses packets may not.

One asks crt.sh (`--online`, `online.source`), one the cluster (`cluster.nodes`); by default there is none. Each is
started before any socket for packets is opened, says what it gave up, and ends with those that it works for.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from sensor.cli.rights import import_everything
from sensor.settings import Settings

if TYPE_CHECKING:  # imported when somebody is asked: by default nothing here is
    from sensor.cluster.lookup import ClusterLookup
    from sensor.crtsh.lookup import OnlineLookup
    from sensor.ct.deferred import DeferredLookup
    from sensor.ct.lookup import CtLookup
    from sensor.ct.store_lookup import StoreLookup
    from sensor.service.asking import AskingProcess, Line, Serve
    from sensor.service.privileges import Sealed

_NAMES_AND_CAS: Final = (
    # who a name belongs to, and whose certificates are good: looked at with every connection
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)


_IMPORTED_LATE: Final = (
    # by those that parse, when modules can no longer be found
    "sensor.cli.cluster",
    "sensor.cli.ct_resolve",
    "sensor.cluster.lookup",
    "sensor.cluster.opening",
    "sensor.cluster.remote",
    "sensor.crtsh.desk",
    "sensor.crtsh.lookup",
    "sensor.crtsh.remote",
)


_FOR_CRTSH: Final = (
    # what asking needs, some of it not before an answer of that kind: users may not read where root's Python lies
    "email.feedparser",
    "email.message",
    "email.parser",
    "http.client",
    "http.cookiejar",
    "pg8000.core",
    "sensor.crtsh.database",
    "ssl",
    "urllib.request",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.ssl_match_hostname",
)
_FOR_CLUSTER: Final = ("email.parser", "encodings.idna", "importlib.metadata", "redis.connection", "redis.crc", "ssl")


class AskersError(Exception):
    """Somebody was to be asked and cannot be; one line that says why."""


class Askers:
    """What one process that parses has of them: a line to each. Without any it is the store's look-up, and nothing
    else."""

    def __init__(
        self, settings: Settings, crtsh: Line | None = None, cluster: Line | None = None, clients: int = 1
    ) -> None:
        self._settings = settings
        self._crtsh = crtsh
        self._cluster = cluster
        self._clients = clients
        self._stop = threading.Event()
        self._online: OnlineLookup | None = None
        self._shared: ClusterLookup | None = None

    def open_store(self) -> StoreLookup | ClusterLookup:
        """What the thread behind `ct.deferred` uses. Raises StoreError."""
        from sensor.ct.store_lookup import StoreLookup

        store = StoreLookup(self._settings.ct)
        if self._cluster is None:
            return store
        from sensor.cluster.lookup import ClusterLookup
        from sensor.cluster.remote import RemoteNodes

        nodes = RemoteNodes(self._cluster, self._settings.cluster, self._clients)
        self._shared = ClusterLookup(store, nodes, self._settings.cluster, self._settings.ct)
        return self._shared

    def in_front_of(self, lookup: DeferredLookup) -> CtLookup:
        """`lookup`, or the one that asks crt.sh about what that does not know."""
        if self._crtsh is None:
            return lookup
        from sensor.cli.online import look_again_in
        from sensor.crtsh.lookup import OnlineLookup
        from sensor.crtsh.remote import RemoteDesk

        online = msgspec.structs.replace(self._settings.online, wait_at_end_s=0.0)  # the end has seconds
        desk = RemoteDesk(self._crtsh)
        self._online = OnlineLookup(lookup, desk, look_again_in(self._settings.ct), online, self._stop)
        return self._online

    def leave(self) -> None:
        """In a process whose own these are not."""
        for line in (self._crtsh, self._cluster):
            if line is not None:
                line.leave()

    def close(self) -> None:
        """What is still out is given up; the look-ups are closed before. Says what came of it."""
        self._stop.set()
        for line in (self._crtsh, self._cluster):
            if line is not None:
                line.hang_up()

    def tell(self, *, quiet: bool) -> None:
        """What came of it, on standard error."""
        if self._online is not None:
            from sensor.cli.online import tell_online

            tell_online(self._online, quiet=quiet)
        if self._shared is not None:
            from sensor.cli.cluster import tell_cluster

            tell_cluster(self._shared.counts, quiet=quiet)


class AskingProcesses:
    """All that the settings want, for so many processes that parse; says first what that discloses."""

    def __init__(self, settings: Settings, clients: int = 1) -> None:
        """Must be called while there is one thread, as the user who started all this. Raises AskersError."""
        self._processes: list[AskingProcess] = []
        self.told: list[str] = []
        """What each gave up, a line for the operator."""
        crtsh = cluster = None
        if settings.online.source != "none" or settings.cluster.nodes:
            import_everything()
            for name in _IMPORTED_LATE:
                import_module(name)
        if settings.online.source != "none":
            from sensor.cli.online import tell_disclosure as tell_online_disclosure

            tell_online_disclosure(settings)
            crtsh = self._start("crt.sh process", lambda: _crtsh(settings), clients)
        if settings.cluster.nodes:
            from sensor.cli.cluster import tell_disclosure

            tell_disclosure(settings)
            cluster = self._start("cluster process", lambda: _cluster(settings), clients)
        self.clients = [
            Askers(
                settings,
                None if crtsh is None else crtsh.lines[number],
                None if cluster is None else cluster.lines[number],
                clients,
            )
            for number in range(clients)
        ]

    def wait(self) -> None:
        """For their end, a moment at most."""
        for process in self._processes:
            process.wait()

    def _start(self, name: str, make: Callable[[], tuple[bytes, Serve]], clients: int) -> AskingProcess:
        from sensor.service.asking import AskingError, AskingProcess
        from sensor.service.privileges import Sealed

        try:
            process = AskingProcess(make, clients)
        except AskingError as error:
            self.wait()
            raise AskersError(str(error)) from None
        self._processes.append(process)
        sealed = msgspec.json.decode(process.greeting, type=Sealed)
        lacks = f"; not possible here: {', '.join(sealed.not_possible)}" if sealed.not_possible else ""
        self.told.append(f"{name}: {'; '.join(sealed.given_up)}; may connect{lacks}")
        return process


def _crtsh(settings: Settings) -> tuple[bytes, Serve]:
    """In the process that asks crt.sh. Raises AskingError."""
    from sensor.crtsh.desk import open_desk
    from sensor.crtsh.remote import serve_desk
    from sensor.ct.schema import StoreError, default_path
    from sensor.online.fetching import MissingLibraryError
    from sensor.service.account import PrivilegeError
    from sensor.service.asking import AskingError
    from sensor.service.privileges import drop_user

    try:
        _import(_FOR_CRTSH)
        bounded = drop_user(settings.service)
        path = Path(settings.ct.path) if settings.ct.path else default_path()
        ct = msgspec.structs.replace(settings.ct, path=str(path))
        desk = open_desk(path, ct, settings.online, threading.Event())
        sealed = _sealed(settings, bounded, [path.resolve().parent], [])
    except (PrivilegeError, StoreError, MissingLibraryError) as error:
        raise AskingError(str(error)) from None
    return msgspec.json.encode(sealed), serve_desk(desk)


def _cluster(settings: Settings) -> tuple[bytes, Serve]:
    """In the process that asks the cluster: it alone has the password. Raises AskingError."""
    from sensor.cluster.opening import ClusterError, open_nodes
    from sensor.cluster.remote import serve_nodes
    from sensor.service.account import PrivilegeError
    from sensor.service.asking import AskingError
    from sensor.service.privileges import drop_user

    try:
        nodes = open_nodes(settings.cluster)  # the password's file may be root's alone
        _import(_FOR_CLUSTER)
        bounded = drop_user(settings.service)
        cluster = settings.cluster
        own = [Path(name) for name in (cluster.ca_file, cluster.certificate_file, cluster.key_file) if name]
        sealed = _sealed(settings, bounded, [], own)
    except (PrivilegeError, ClusterError) as error:
        raise AskingError(str(error)) from None
    return msgspec.json.encode(sealed), serve_nodes(nodes)


def _import(names: Sequence[str]) -> None:
    """What is there of it: that the library is missing is said by who uses it."""
    for name in names:
        with contextlib.suppress(ImportError):
            import_module(name)


def _sealed(settings: Settings, bounded: bool, writable: Sequence[Path], readable: Sequence[Path]) -> Sealed:
    """Raises PrivilegeError."""
    from sensor.service.privileges import seal

    named = [os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    return seal(settings.service, bounded, writable, [*map(Path, (*_NAMES_AND_CAS, *named)), *readable], connects=True)
