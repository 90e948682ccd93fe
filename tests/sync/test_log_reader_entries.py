"""What a log's entries may hold: chains that lead nowhere, certificates nobody signed, bytes of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sensor.sync.log_reader import LogReader
from tests.ct.logs import logged
from tests.ct.pki import Ca, make_root
from tests.sync.ct_log import START_MS, CtLog, Logged, certificate, precert_entry, tbs, usual_entries, x509_entry
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink

Read = Callable[..., LogReader]


def log_with(server: LogServer, root: Ca, *more: Logged) -> None:
    server.log = CtLog(origin=server.log.origin, roots=[root.der]).add(more)
    server.size = len(more)


def test_a_certificate_must_be_signed_by_the_issuer_in_its_chain(
    server: LogServer, reader: Read, sink: MemorySink, root: Ca, sub: Ca
) -> None:
    """The chain is not in the tree: it may not say under whom a serial lies."""
    namesake = root.intermediate("Log Sub")
    signed = tbs(sub, 1, ["mine.example"])
    theirs = x509_entry((namesake.der, root.der), certificate(sub, signed), START_MS)
    ours = x509_entry((sub.der, root.der), certificate(sub, tbs(sub, 2, ["two.example"])), START_MS)
    log_with(server, root, theirs, ours)
    one = reader()
    one.to_the_head()
    assert [row.dns_names for row in sink.rows.values()] == [("two.example",)]
    assert one.reading.refused == {"not signed by its issuer": 1}
    (row,) = sink.rows.values()
    assert row == logged(sub, certificate(sub, tbs(sub, 2, ["two.example"])), precertificate=False)


def test_chains_that_lead_nowhere(server: LogServer, reader: Read, sink: MemorySink, root: Ca, sub: Ca) -> None:
    stranger = make_root("Stranger")
    leaf = Ca(sub.subject, sub.key, sub.certificate)
    not_ca = x509_entry((sub.issue("x.example"), root.der), certificate(sub, tbs(sub, 1, ["a.example"])), START_MS)
    entries_ = [
        precert_entry(stranger, (stranger.der,), tbs(stranger, 1, ["s.example"]), START_MS),
        precert_entry(sub, (root.der,), tbs(sub, 2, ["no-issuer.example"]), START_MS),
        precert_entry(sub, (), tbs(sub, 3, ["no-chain.example"]), START_MS),
        precert_entry(sub, (b"nonsense",), tbs(sub, 4, ["nonsense.example"]), START_MS),
        not_ca,
        precert_entry(leaf, (sub.der,), tbs(sub, 5, ["root-left-out.example"]), START_MS),
        precert_entry(sub, (), tbs(sub, 6, ["known-by-now.example"]), START_MS),
    ]
    log_with(server, root, *entries_)
    one = reader()
    one.to_the_head()
    assert {row.dns_names[0] for row in sink.rows.values()} == {"root-left-out.example", "known-by-now.example"}
    assert one.reading.refused == {
        "a chain that leads to no root of the log": 1,
        "no issuer in its chain": 3,
        "a chain that cannot be read": 1,
    }


def test_a_precertificate_of_a_signing_certificate(
    server: LogServer, reader: Read, sink: MemorySink, root: Ca, sub: Ca
) -> None:
    """RFC 6962 3.1: signed by a certificate for that alone; the leaf names the CA behind it."""
    signer = root.intermediate("Precert Signer")
    log_with(server, root, precert_entry(sub, (signer.der, sub.der, root.der), tbs(sub, 1, ["p.example"]), START_MS))
    reader().to_the_head()
    (row,) = sink.rows.values()
    assert sink.issuers[row.issuer_key_sha256].certificate == sub.der


def test_hostile_entries_are_counted_and_cost_no_other(
    server: LogServer, reader: Read, sink: MemorySink, root: Ca, sub: Ca
) -> None:
    good = usual_entries(sub, root, 3)
    issuers = (sub.der, root.der)
    bad = [
        precert_entry(sub, issuers, b"", START_MS),
        precert_entry(sub, issuers, b"\x30\x80\0\0", START_MS),
        precert_entry(sub, issuers, bytes(1000), START_MS),
        precert_entry(sub, issuers, tbs(sub, 1, ["a.example"], serial=b""), START_MS),
        precert_entry(sub, issuers, tbs(sub, 1, ["a.example"], serial=b"\x80"), START_MS),
        precert_entry(sub, issuers, tbs(sub, 1, ["a.example"], not_after=b"999999999999Z"), START_MS),
        precert_entry(sub, issuers, tbs(sub, 1, ["a.example"]) + b"\0", START_MS),
        precert_entry(sub, issuers, tbs(sub, 1, ["a.example"], extensions=b"\x30\x84\xff\xff\xff\xff"), START_MS),
        x509_entry(issuers, tbs(sub, 1, ["a.example"]), START_MS),
        replace(good[0], issuers=(b"\0" * 70000,)) if not server.tiled else good[0],
    ]
    log_with(server, root, *good, *bad, *usual_entries(sub, root, 3, 10))
    one = reader()
    one.to_the_head()
    assert len(sink.rows) == 6
    assert sum(one.reading.refused.values()) == len(bad) - 1
    assert sink.positions[server.log.log_id].next_index == server.size
