"""Pairs the certificates a request asks about with the answers of its reply."""

from __future__ import annotations

import msgspec

from sensor.ocsp.model import CertId, SingleResponse


class Pairs(msgspec.Struct, frozen=True, gc=False):
    """Each certificate once. `asked` in the request's order, None where the reply has no answer; `unasked` in the
    reply's; `conflicting` are CertIDs for which the reply states several statuses: the first is taken, as Zeek does."""

    asked: tuple[tuple[CertId, SingleResponse | None], ...]
    unasked: tuple[SingleResponse, ...]
    conflicting: tuple[CertId, ...]


def pair(asked: tuple[CertId, ...], answers: tuple[SingleResponse, ...]) -> Pairs:
    """Answers belong to the asked CertIDs they are equal to.

    Two CertIDs are one certificate if the reply has both, under different hash algorithms, with one serial and one
    status: RFC 9919 3.2.1 lets a responder answer for SHA-1 and SHA-256 at once. A single CertID is never taken for
    another, because its hashes cannot be compared.
    """
    answered: dict[CertId, SingleResponse] = {}
    conflicting: dict[CertId, None] = {}
    for answer in answers:
        first = answered.setdefault(answer.cert_id, answer)
        if first.cert_status is not answer.cert_status:
            conflicting[answer.cert_id] = None
    same = _twins(answered)
    done: set[CertId] = set()
    pairs: list[tuple[CertId, SingleResponse | None]] = []
    for cert_id in asked:
        certificate = same.get(cert_id, cert_id)
        if certificate not in done:
            done.add(certificate)
            pairs.append((cert_id, answered.get(cert_id)))
    unasked: list[SingleResponse] = []
    for answer in answered.values():
        certificate = same.get(answer.cert_id, answer.cert_id)
        if certificate not in done:
            done.add(certificate)
            unasked.append(answer)
    return Pairs(tuple(pairs), tuple(unasked), tuple(conflicting))


def _twins(answered: dict[CertId, SingleResponse]) -> dict[CertId, CertId]:
    """For each CertID of a reply that is another's certificate under another hash: that other."""
    by_serial: dict[str, list[CertId]] = {}
    for cert_id in answered:
        by_serial.setdefault(cert_id.serial_number, []).append(cert_id)
    twins: dict[CertId, CertId] = {}
    for ids in by_serial.values():
        if len(ids) == 2 and ids[0].hash_algorithm != ids[1].hash_algorithm:
            first, second = ids
            if answered[first].cert_status is answered[second].cert_status:
                twins[second] = first
    return twins
