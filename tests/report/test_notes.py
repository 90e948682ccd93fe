"""sensor.report.notes: a summary made of notes is the one made of the observations themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sensor.privacy.leak import Grade
from sensor.report.notes import SummaryNotes, take_note
from sensor.report.summary import Summary


def counted(summary: Summary) -> Any:
    told = {
        key: (one.times, one.certificates, one.sites_total, one.asked, one.revoked) for key, one in summary.told.items()
    }
    responders = {
        host: (one.asked, one.answers.counts, one.validity.median(), one.delay.median())
        for host, one in summary.responders.items()
    }
    totals = [len(each) for each in (summary.clients_total, summary.sites_total, summary.certificates_total)]
    flows = (summary.connections, summary.missed_bytes, summary.ports.counts, summary.mime_types.counts)
    return told, responders, totals, flows, summary.leaks, summary.unlisted.counts


def test_notes_are_as_good(make: SimpleNamespace) -> None:
    itself, notes, other = Summary(), [], Summary()
    writes_down = SummaryNotes(notes)
    for summary in (itself, writes_down):
        for connection in (make.connection(80, "http", 7), make.connection(443, "ssl")):
            summary.connection(connection)
        for transaction in (make.transaction("text/html"), make.transaction(None, reply=False)):
            summary.transaction(transaction)
        for exchange in (make.exchange("10.1.0.21", "0A"), make.exchange("10.1.0.22", "0B", host=None)):
            summary.exchange(exchange)
    for note in notes:
        take_note(other, note, [])
    assert counted(other) == counted(itself)


def test_how_often_it_was_seen_comes_from_whoever_remembers(make: SimpleNamespace) -> None:
    notes: list[tuple[Any, ...]] = []
    leak = make.leak("10.1.0.21", Grade.exact, "www.example", "0A")
    SummaryNotes(notes).leak(leak)
    SummaryNotes(notes).leak(leak)
    summary, times = Summary(), [1, 2]
    for note in notes:
        take_note(summary, note, times)
    assert times == []
    (told,) = summary.told.values()
    assert (told.times, told.certificates, summary.leaks) == (2, 1, 2)
