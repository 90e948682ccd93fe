"""sensor.ct.importing: what others wrote of certificates. They may add certificates; they may not make a CA trusted."""

from __future__ import annotations

import pytest

from sensor.ct import importing
from sensor.ct.importing import NO_ROOT, TOO_MANY, ImportReport
from sensor.ct.lookup import Found, NotFound
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests.ct import feeds
from tests.ct.feeds import certstream, issuance, zeek_json, zeek_tsv
from tests.ct.pki import Ca, decoded, make_root
from tests.ct.stores import StoreBench
from tests.sync.ct_log import vector


def refused(report: ImportReport) -> dict[str, int]:
    return {reason: each.count for reason, each in report.refused.items()}


def names_of(bench: StoreBench, ca: Ca, serial: int) -> tuple[str, ...] | None:
    (answer,) = bench.ask(ca.cert_id(serial))
    return answer.certificate.dns_names if isinstance(answer, Found) else None


def is_trusted(bench: StoreBench, ca: Ca) -> bool:
    store = Store(bench.path, 250)
    try:
        return store.is_known_authority(decoded(ca.der))
    finally:
        store.close()


def everything(root: Ca, sub: Ca, bench: StoreBench) -> list[str]:
    """The command line of the issue: entries.json tiles/ certstream.jsonl ccadb.csv, and the others."""
    chain = (sub.der, root.der)
    entries = [
        feeds.logged(sub, chain, "a.example", serial=0xA1),
        feeds.logged(sub, chain, "b.example", serial=0xA2, precert=False),
    ]
    tiles = bench.folder / "tiles"
    (tiles / "tile" / "data" / "x001").mkdir(parents=True)
    (tiles / "tile" / "0").mkdir(parents=True)
    (tiles / "issuer").mkdir()
    tile = feeds.logged(sub, chain, "c.example", serial=0xA3).tile_leaf
    (tiles / "tile" / "data" / "x001" / "234.p").write_bytes(tile)
    (tiles / "tile" / "0" / "000").write_bytes(bytes(range(256)) * 32)
    (tiles / "checkpoint").write_text("ct.example/2026\n1\nAAAA\n\n\u2014 ct.example/2026 AAAA\n")
    files = bench.put(
        feeds.get_entries(*entries),
        feeds.lines(certstream(sub.issue("d.example", serial=0xA4), *chain), feeds.HEARTBEAT),
        b"[" + feeds.lines(issuance(sub.issue("e.example", serial=0xA5))) + b"]",
        feeds.lines(zeek_json(sub.issue("f.example", serial=0xA6)), zeek_json(sub.der)),
        zeek_tsv(sub.issue("g.example", serial=0xA7)),
        feeds.mozilla_csv(root),
    )
    return [files[0], str(tiles), *files[1:]]


def test_everything_the_roots_last(bench: StoreBench, root: Ca, sub: Ca) -> None:
    report = bench.load_paths(everything(root, sub, bench))
    assert refused(report) == {}
    assert report.skipped == 2  # the hash tile and the checkpoint
    assert report.missing == ()
    for serial, name in zip(range(0xA1, 0xA8), "abcdefg", strict=True):
        assert names_of(bench, sub, serial) == (f"{name}.example",), name
    assert is_trusted(bench, sub)
    again = bench.load_paths([str(bench.folder)])
    assert (again.new, again.refused_total) == (0, 0)


def test_sources_are_told(bench: StoreBench, root: Ca, sub: Ca) -> None:
    bench.load_paths(everything(root, sub, bench))
    answers = bench.ask(*(sub.cert_id(serial) for serial in range(0xA1, 0xA8)))
    assert [answer.source for answer in answers if isinstance(answer, Found)] == [
        "ct log",
        "ct log",
        "ct log",
        "certstream",
        "Cert Spotter",
        "Zeek",
        "Zeek",
    ]


def test_without_a_root_no_issuer_is_trusted(bench: StoreBench, root: Ca, sub: Ca) -> None:
    """Its certificates wait, as those of a file do; the next import that has the root resolves them."""
    entries = feeds.get_entries(*(feeds.logged(sub, (sub.der, root.der), f"{n}.example", serial=n) for n in (5, 6)))
    report = bench.load(entries)
    assert refused(report) == {NO_ROOT: 4}
    assert (report.new, report.waiting) == (2, 2)
    assert not is_trusted(bench, sub)
    assert not is_trusted(bench, root)
    report = bench.load(entries, root.pem)
    assert refused(report) == {}
    assert report.resolved == 2
    assert names_of(bench, sub, 5) == ("5.example",)


def test_a_feed_cannot_plant_a_ca(bench: StoreBench, root: Ca, sub: Ca) -> None:
    """Of its own, of a known name, cross-signed by nobody, or signed by a CA that may sign none."""
    own = make_root("Root Two")
    namesake = make_root("Root One")
    limited = sub.intermediate("Below a CA for end entities")  # Sub One has pathLenConstraint 0
    message = [
        certstream(ca.issue("bank.example", serial=7), ca.der) for ca in (own, own.intermediate("Two"), namesake)
    ]
    report = bench.load(root.pem + sub.pem, feeds.lines(*message, certstream(limited.issue("x.example"), limited.der)))
    for ca in (own, namesake, limited):
        assert not is_trusted(bench, ca), ca.subject
    assert sum(refused(report).values()) >= 4
    assert names_of(bench, root, 7) is None


def test_traffic_needs_a_signature_now(bench: StoreBench, root: Ca, sub: Ca) -> None:
    """Anybody can show a certificate that names a real CA: it does not even wait for that CA to become known."""
    forged = make_root("Root One").issue("bank.example", serial=7)
    alone = make_root("Nobody knows").issue("x.example", serial=8)
    report = bench.load(zeek_tsv(forged, alone), feeds.lines(zeek_json(sub.issue("c.example", serial=9))))
    assert (report.new, report.waiting) == (0, 0)
    assert refused(report) == {NO_ROOT: 3}
    assert isinstance(bench.ask(root.cert_id(7))[0], NotFound)
    report = bench.load(root.pem, zeek_tsv(forged, sub.issue("c.example", serial=9), sub.der))
    assert names_of(bench, sub, 9) == ("c.example",)
    assert names_of(bench, root, 7) is None
    assert report.refused_total == 1


def test_chains_in_any_order(bench: StoreBench, root: Ca) -> None:
    cas = [root]
    for number in range(5):
        cas.append(cas[-1].intermediate(f"Level {number}", path_length=None))
    leaf = cas[-1].issue("deep.example", serial=5)
    report = bench.load(zeek_tsv(leaf, *(ca.der for ca in reversed(cas[1:]))), root.pem)
    assert (refused(report), report.new) == ({}, 7)
    assert names_of(bench, cas[-1], 5) == ("deep.example",)


def test_what_comes_often_is_counted_so(bench: StoreBench, root: Ca, sub: Ca) -> None:
    messages = [certstream(sub.issue(f"{n}.example", serial=n), sub.der, root.der) for n in range(1, 5)]
    report = bench.load(root.pem, feeds.lines(*messages))
    assert (report.new, report.known, refused(report)) == (1 + 1 + 4, 4 + 3, {})
    other = make_root("Root Two")
    report = bench.load(feeds.lines(*[certstream(other.issue("x.example", serial=9), other.der)] * 3), other.pem)
    assert (report.new, report.known) == (2, 5)


def test_what_waits_in_memory_is_bounded(bench: StoreBench, root: Ca) -> None:
    others = [make_root(f"Root {number}", kind="ed25519").der for number in range(6)]
    room = sum(map(len, others[:4]))
    bench.settings = CtSettings(path=bench.settings.path, max_document_bytes=room)
    report = bench.load(*(feeds.lines(zeek_json(der)) for der in others), root.pem)
    assert refused(report) == {NO_ROOT: 4, TOO_MANY: 2}
    assert report.new == 1


def test_issuers_are_remembered_within_bounds(
    bench: StoreBench, root: Ca, sub: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_MAX_REMEMBERED", 1)
    messages = [certstream(sub.issue(f"{n}.example", serial=n), sub.der, root.der) for n in range(1, 4)]
    report = bench.load(root.pem, feeds.lines(*messages))
    assert (report.new, report.known, refused(report)) == (5, 5, {})


def test_certificates_of_a_log_that_are_none(bench: StoreBench, root: Ca, sub: Ca) -> None:
    entry = feeds.logged(sub, (b"\x30\x03abc",), "a.example", serial=5)
    broken = feeds.get_entries(entry).replace(feeds.b64(entry.extra).encode(), feeds.b64(vector(3, b"x") * 2).encode())
    report = bench.load(root.pem, sub.pem, feeds.get_entries(entry), broken)
    assert names_of(bench, sub, 5) == ("a.example",)
    assert report.refused_total == 2
    assert all(place.example.startswith(str(bench.folder)) for place in report.refused.values())
    assert {place.example.partition(": ")[2] for place in report.refused.values()} == {"entry 1"}


@pytest.mark.parametrize("report", [feeds.mozilla_csv, feeds.pems_csv])
def test_reports_of_cas(bench: StoreBench, root: Ca, sub: Ca, report: object) -> None:
    """Mozilla's with PEM in single quotes, and the CCADB's with CRLF: a certificate is told of by its line."""
    assert callable(report)
    text = report(root, sub).replace(b"MII", b"%II", 1)
    account = bench.load(text)
    assert account.new == 1
    assert is_trusted(bench, sub)
    (only,) = account.refused.values()
    assert only.example.endswith(": certificate 1, line 2")


def test_a_report_without_certificates(bench: StoreBench, root: Ca) -> None:
    text = f'{feeds.CCADB_HEADING}\n"Example","Root One","Root Certificate","AB","CD"\n'.encode()
    report = bench.load(text)
    assert refused(report) == {"CCADB report without certificates: take one with PEM": 1}
    (only,) = report.refused.values()
    assert only.example.endswith(": line 1")
