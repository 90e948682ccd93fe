"""The BulkSink contract: what a sync adds is found by those who look up, is kept, and may be added twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.ct, however pytest is started

from sensor.ct.logged import BulkSink, LogPosition
from sensor.ct.lookup import CtLookup, Found, NotFound
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.settings import CtSettings
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca, make_root, staple_and_urls

NOW = 1_795_000_000
LOG, OTHER_LOG = b"\1" * 32, b"\2" * 32
ROOT = make_root("Logged Root")
SUB = ROOT.intermediate("Logged Sub")
TWINS = (make_root("Logged Twin"), make_root("Logged Twin"))


class Kind(NamedTuple):
    """One implementation: its writing and its reading end, each opened afresh by every call."""

    sink: Callable[[], BulkSink]
    lookup: Callable[[], CtLookup]


@pytest.fixture(params=["waiting", "in files"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    path = tmp_path / "data" / "ct.sqlite"
    settings = CtSettings(path=str(path))
    flush_rows = {"waiting": 1000, "in files": 1}[request.param]
    yield Kind(lambda: StoreSink(path, 250, flush_rows), lambda: StoreLookup(settings))


def position(next_index: int, size: int = 1000) -> LogPosition:
    return LogPosition(3, next_index, (b"\xfe" * 32, b"\0" * 32), size, b"\xaa" * 32, 1_795_000_000_123, "only ocsp")


def put(sink: BulkSink, ca: Ca, *ders: bytes, at: int = 10, source: str = "Our Log") -> int:
    sink.add_issuers([logged_issuer(ca)])
    sink.add([logged(ca, der) for der in ders], source, NOW)
    return sink.commit(LOG, position(at))


def asked(kind: Kind, ca: Ca, *serials: int, algorithm: str = "sha1") -> list[object]:
    lookup = kind.lookup()
    try:
        return list(lookup.lookup([ca.cert_id(serial, algorithm) for serial in serials]))
    finally:
        lookup.close()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_what_was_committed_is_found_by_both_families_of_hashes(kind: Kind, algorithm: str) -> None:
    sink = kind.sink()
    der = SUB.issue("a.example", "*.a.example", serial=0xFACE, extra=staple_and_urls())
    assert put(sink, SUB, der) == 1
    sink.close()
    (found,) = asked(kind, SUB, 0xFACE, algorithm=algorithm)
    assert isinstance(found, Found)
    facts = found.certificate
    assert (facts.serial_number, facts.dns_names) == ("FACE", ("a.example", "*.a.example"))
    assert facts.ocsp_urls == ("http://ocsp.example/",) and facts.crl_urls == ("http://crl.example/1.crl",)
    assert (facts.common_name, facts.must_staple, facts.is_ca) == ("a.example", True, False)
    assert (facts.not_before, facts.not_after) == (1767225600, 1767225600 + 90 * 86400)
    assert found.source == "Our Log" and found.learned_at == NOW


def test_a_serial_belongs_to_its_issuer_alone(kind: Kind) -> None:
    sink = kind.sink()
    put(sink, TWINS[0], TWINS[0].issue("zero.example", serial=5))
    put(sink, TWINS[1], TWINS[1].issue("one.example", serial=5), TWINS[1].issue("only.example", serial=6))
    sink.close()
    for twin, name in zip(TWINS, ("zero.example", "one.example"), strict=True):
        (found,) = asked(kind, twin, 5)
        assert isinstance(found, Found) and found.certificate.dns_names == (name,)
    assert isinstance(asked(kind, TWINS[0], 6)[0], NotFound)


def test_adding_again_changes_nothing(kind: Kind) -> None:
    sink = kind.sink()
    ders = [SUB.issue(f"again{n}.example", serial=0x100 + n) for n in range(20)]
    assert put(sink, SUB, *ders) == 20
    before = asked(kind, SUB, *range(0x100, 0x114))
    assert put(sink, SUB, *ders, source="Another Log") == 0
    sink.close()
    sink = kind.sink()
    assert put(sink, SUB, *ders[5:], SUB.issue("new.example", serial=0x200)) == 1
    sink.close()
    assert asked(kind, SUB, *range(0x100, 0x114)) == before


def test_a_certificate_and_its_precertificate_are_one(kind: Kind) -> None:
    sink = kind.sink()
    der = SUB.issue("both.example", serial=77)
    sink.add_issuers([logged_issuer(SUB)])
    sink.add([logged(SUB, der), logged(SUB, der, precertificate=False)], "Our Log", NOW)
    assert sink.commit(LOG, position(2)) == 1
    sink.close()


def test_positions_are_kept_for_each_log(kind: Kind) -> None:
    sink = kind.sink()
    assert sink.position(LOG) is None
    sink.commit(LOG, position(10))
    sink.commit(OTHER_LOG, position(20))
    sink.commit(LOG, position(11))
    assert sink.position(LOG) == position(11)
    sink.close()
    sink = kind.sink()
    assert (sink.position(LOG), sink.position(OTHER_LOG)) == (position(11), position(20))
    assert sink.position(b"\3" * 32) is None
    sink.close()


def test_without_commit_the_position_stays(kind: Kind) -> None:
    sink = kind.sink()
    put(sink, SUB, SUB.issue("kept.example", serial=0x300), at=4)
    sink.add([logged(SUB, SUB.issue("perhaps.example", serial=0x301))], "Our Log", NOW)
    sink.close()
    sink = kind.sink()
    assert sink.position(LOG) == position(4)
    sink.close()
    assert isinstance(asked(kind, SUB, 0x300)[0], Found)


def test_issuers_alone_answer_for_what_is_not_there(kind: Kind) -> None:
    sink = kind.sink()
    sink.add_issuers([logged_issuer(SUB)])
    sink.commit(LOG, position(1))
    sink.close()
    (answer,) = asked(kind, SUB, 0x999)
    assert isinstance(answer, NotFound) and answer.issuer is not None
    assert answer.issuer.common_name == "Logged Sub"
