"""Exchanges and answers made up with little typing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from sensor.ct.lookup import Answer, NotFound
from sensor.ocsp.model import (
    CertId,
    Evidence,
    OcspExchange,
    OcspRequest,
    OcspResponse,
    RequestTraits,
)
from sensor.weird import FlowId


def cert_id(serial: str = "0A", key: bytes = b"k" * 20, algorithm: str = "sha1") -> CertId:
    return CertId(algorithm, b"n" * len(key), key, serial)


def request(*ids: CertId, nonce: bytes | None = None, **traits: bool) -> OcspRequest:
    spelled = {"explicit_version": False, "null_parameters": True} | traits
    return OcspRequest(0, ids, len(ids), nonce, None, False, (), RequestTraits(**spelled))


def exchange(
    cid: CertId | None,
    *,
    asked: OcspRequest | None = None,
    reply: OcspResponse | None = None,
    evidence: Evidence = Evidence.both,
    client: str = "192.0.2.1",
    method: str | None = "GET",
    version: str | None = "1.1",
    agent: bytes | None = b"Microsoft-CryptoAPI/10.0",
    host: bytes = b"ocsp.example",
) -> OcspExchange:
    return OcspExchange(
        FlowId("C1", client, 1025, "198.51.100.1", 80),
        1_000_000_000,
        cid,
        evidence,
        method,
        host,
        b"/",
        agent,
        version,
        200,
        asked,
        reply,
        None,
        None,
        None,
        None,
    )


@dataclass
class FakeLookup:
    """Answers by (issuer key hash, serial); NotFound for the rest."""

    answers: dict[tuple[bytes, str], Answer] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        self.calls.append(len(ids))
        return [self.answers.get((i.issuer_key_hash, i.serial_number), NotFound()) for i in ids]

    def close(self) -> None:
        pass


@pytest.fixture
def lookup() -> Callable[..., FakeLookup]:
    return FakeLookup


@pytest.fixture
def wire() -> SimpleNamespace:
    """The builders of what is on the wire."""
    return SimpleNamespace(cert_id=cert_id, request=request, exchange=exchange)
