"""A BulkSink that remembers what it was told, for tests that are about logs and not about stores."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.ct.logged import LoggedCertificate, LoggedIssuer, LogPosition

Key = tuple[bytes, bytes, bytes]


class MemorySink:
    """`rows` by issuer's key, issuer's name and serial; only what was committed."""

    def __init__(self) -> None:
        self.rows: dict[Key, LoggedCertificate] = {}
        self.issuers: dict[bytes, LoggedIssuer] = {}
        self.positions: dict[bytes, LogPosition] = {}
        self.commits = 0
        self.refused = 0
        self._waiting: list[LoggedCertificate] = []

    def add_issuers(self, issuers: Sequence[LoggedIssuer]) -> None:
        self.issuers |= {issuer.key_sha256: issuer for issuer in issuers}

    def add(self, certificates: Sequence[LoggedCertificate], source: str, learned_at: int) -> None:  # noqa: ARG002 (the contract's)
        for each in certificates:
            assert each.issuer_key_sha256 in self.issuers
        self._waiting += certificates

    def position(self, log_id: bytes) -> LogPosition | None:
        return self.positions.get(log_id)

    def commit(self, log_id: bytes, position: LogPosition) -> int:
        before = len(self.rows)
        for each in self._waiting:
            self.rows.setdefault((each.issuer_key_sha256, each.issuer_name, each.serial), each)
        self._waiting = []
        self.positions[log_id] = position
        self.commits += 1
        return len(self.rows) - before

    def close(self) -> None:
        self._waiting = []
