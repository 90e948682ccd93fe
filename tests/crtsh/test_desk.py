"""sensor.crtsh.desk: what is asked is remembered, and a server that fails is left alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensor.crtsh.desk import AnswersKept, NotAskedError, asked_path, may_be_asked
from sensor.crtsh.remembered import Asked, Outcome
from sensor.crtsh.resolver import SOURCE
from sensor.ct.lookup import NotFound
from sensor.ct.schema import LOCKED, StoreError
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests.crtsh.conftest import NewDesk
from tests.crtsh.server import CrtSh, say
from tests.crtsh.test_resolver import answer, names
from tests.ct.pki import Ca, decoded


def test_what_was_asked_is_remembered_by_issuer_and_serial(crtsh: CrtSh, new_desk: NewDesk, root: Ca, sub: Ca) -> None:
    crtsh.add(sub.der, sub.issue("x.example", serial=0x1001))
    desk = new_desk()
    assert desk.recall("1001", sub.cert_id(0x1001)) is None
    desk.ask("1001", sub.cert_id(0x1001))
    desk.ask("1002", sub.cert_id(0x1002))
    again = new_desk()
    assert again.recall("1001", sub.cert_id(0x1001)) == Asked(Outcome.found, 1_795_000_000.0, "")
    assert again.recall("1002", sub.cert_id(0x1002)) == Asked(Outcome.not_found, 1_795_000_000.0, "")
    assert again.recall("1001", root.cert_id(0x1001)) is None
    assert again.recall("1001") is None
    assert again.counts.recalled == 2
    assert (desk.counts.asked, desk.counts.found, desk.counts.not_found, desk.counts.failed) == (2, 1, 1, 0)


def test_a_server_that_fails_is_left_alone(crtsh: CrtSh, new_desk: NewDesk) -> None:
    crtsh.misbehave = lambda handler: say(handler, 502, "text/html", b"<html>")
    desk = new_desk(breaker_failures=3)
    for serial in ("01", "02", "03"):
        assert desk.ask(serial).outcome is Outcome.failed
    with pytest.raises(NotAskedError, match=r"not asked for [34]\d\d s"):
        desk.ask("04")
    assert len(crtsh.asked) == 3
    assert desk.counts.reasons == {"status 502": 3} and desk.counts.not_asked == 1
    assert desk.recall("03") is not None and desk.recall("04") is None


def test_one_that_asks_for_it_is_left_alone_at_once(crtsh: CrtSh, new_desk: NewDesk) -> None:
    crtsh.misbehave = lambda handler: say(handler, 429, "text/plain", b"", Retry_After="900")
    desk = new_desk()
    assert desk.ask("01").outcome is Outcome.failed
    with pytest.raises(NotAskedError, match=r"900 s|899 s"):
        desk.ask("02")


def test_reasons_are_counted_within_a_limit(crtsh: CrtSh, new_desk: NewDesk) -> None:
    statuses = iter(range(430, 500))
    crtsh.misbehave = lambda handler: say(handler, next(statuses), "text/html", b"")
    desk = new_desk(breaker_failures=1000)
    for number in range(60):
        desk.ask(f"{number:02X}")
    assert len(desk.counts.reasons) == 33 and sum(desk.counts.reasons.values()) == 60


def test_which_serials_a_certificate_can_have() -> None:
    assert all(map(may_be_asked, ("00", "AB" * 20, "AB" * 21)))
    assert not any(map(may_be_asked, ("-01", "AB" * 22, "AB..", "")))


def test_the_file_lies_beside_the_store() -> None:
    assert asked_path(Path("x/ct.sqlite")) == Path("x/ct.sqlite.asked")


def test_answers_are_forgotten_in_time(crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, root: Ca, sub: Ca) -> None:
    """With its clock; what somebody imported stays, be it of crt.sh or by that name, and so does who is trusted."""
    now = [1_795_000_000.0]
    own, store = Path(str(ct.path)), Store(Path(str(ct.path)), 250)
    with store.batch():
        store.add(decoded(root.der), "file", 1)
        store.add(decoded(sub.issue("imported.example", serial=0x71)), "file", 1)
        words = msgspec.structs.replace(decoded(root.issue("words.example", serial=0x72)).facts, issuer_name="CN=Other")
        store.add_in_words(words, "Other", "7", SOURCE, 1)
    store.close()
    crtsh.add(sub.der, sub.issue("first.example", serial=0x73), sub.issue("second.example", serial=0x74))
    desk = new_desk(clock=lambda: now[0], keep_days=30)
    desk.ask("73", sub.cert_id(0x73))
    now[0] += 20 * 86400
    desk.ask("74", sub.cert_id(0x74))
    assert names(ct, sub.cert_id(0x73)) == ("first.example",)
    now[0] += 11 * 86400
    desk.ask("75", sub.cert_id(0x75))
    assert isinstance(found := answer(ct, sub.cert_id(0x73)), NotFound) and found.issuer is not None
    assert names(ct, sub.cert_id(0x74)) == ("second.example",)
    assert b"first.example" not in own.read_bytes()
    now[0] += 20 * 86400
    new_desk(clock=lambda: now[0], keep_days=0)
    assert names(ct, sub.cert_id(0x74)) == ("second.example",)
    new_desk(clock=lambda: now[0], keep_days=30)
    assert names(ct, sub.cert_id(0x74)) == ()
    assert names(ct, sub.cert_id(0x71)) == ("imported.example",)
    assert b"words.example" in own.read_bytes()


def test_what_is_imported_after_it_was_asked_about_stays(
    crtsh: CrtSh, new_desk: NewDesk, ct: CtSettings, sub: Ca
) -> None:
    """Or synced; what is asked about again does not."""
    now = [1_795_000_000.0]
    serials = {"file": 0x80, "again": 0x81, "alone": 0x82}
    leaves = {name: sub.issue(f"{name}.example", serial=serial) for name, serial in serials.items()}
    crtsh.add(sub.der, *leaves.values())
    desk = new_desk(clock=lambda: now[0], keep_days=30)
    for serial in serials.values():
        desk.ask(f"{serial:X}", sub.cert_id(serial))
    store = Store(Path(str(ct.path)), 250)
    with store.batch():
        store.add(decoded(leaves["file"]), "file", int(now[0]) + 5)
        store.add(decoded(leaves["again"]), SOURCE, int(now[0]) + 5)
    store.close()
    desk.ask("80", sub.cert_id(0x80))
    now[0] += 31 * 86400
    new_desk(clock=lambda: now[0], keep_days=30)
    assert names(ct, sub.cert_id(0x80)) == ("file.example",)
    assert names(ct, sub.cert_id(0x81)) == names(ct, sub.cert_id(0x82)) == ()


def test_a_locked_cache_is_trimmed_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ct.sqlite"
    asked = []
    monkeypatch.setattr("sensor.crtsh.desk.forget", lambda *given: asked.append(given) or refuse(given[0]))
    reasons = [LOCKED, "damaged"]

    def refuse(where: Path) -> None:
        if reasons:
            raise StoreError(where, reasons.pop(0))

    kept = AnswersKept(path, 1, lambda: 1e9)
    kept.trim()
    assert asked == [], "there is none yet"
    path.touch()
    kept.trim()
    with pytest.raises(StoreError, match="damaged"):
        kept.trim()
    kept.trim()
    kept.trim()
    assert asked == [(path, SOURCE, int(1e9) - 86400)] * 3, "once a day"
