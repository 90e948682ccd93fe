"""The summary and the board name nobody, and count as they do in clear."""

from __future__ import annotations

import io
import re

from sensor.audit.findings import GRAVE
from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.pipeline import Pipeline
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.report.board import Board
from sensor.report.disguise import DisguisedBoard, DisguisedSummary
from sensor.report.render import print_summary
from sensor.report.summary import Summary
from sensor.settings import Settings
from sensor.weird import Weird
from tests.cli.running import REPOSITORY

NAMES = Pseudonyms(bytes(range(32)), 64)
MORNING = REPOSITORY / "pcaps" / "office" / "morning.pcapng"


def seen(summary: Summary) -> Summary:
    settings = Settings()
    source = open_inputs([str(MORNING)], settings.capture)
    Pipeline(settings, MemoryLookup(), None, summary).run(source)
    source.close()
    return summary


def test_everything_in_it_is_the_pseudonym_of_what_is_in_clear() -> None:
    clear, disguised = seen(Summary()), seen(DisguisedSummary(NAMES))
    assert clear.responders and clear.told and clear.unlisted.counts
    assert list(disguised.responders) == [NAMES.name(host.decode()).encode() for host in clear.responders]
    assert [key[0] for key in disguised.told] == [NAMES.address(key[0]) for key in clear.told]
    assert [told.times for told in disguised.told.values()] == [told.times for told in clear.told.values()]
    assert [serial for _, serial in disguised.unlisted.counts] == [NAMES.serial(s) for _, s in clear.unlisted.counts]
    assert len(disguised.certificates_total) == len(clear.certificates_total)


def test_what_is_printed_has_none_of_it() -> None:
    clear = seen(Summary())
    out = io.StringIO()
    print_summary(seen(DisguisedSummary(NAMES)), out, colour=False)
    for value in {key[0] for key in clear.told} | {serial for _, serial in clear.unlisted.counts}:
        assert not re.search(rf"\b{re.escape(value)}\b", out.getvalue())
    for host in clear.responders:
        assert host.decode() not in out.getvalue()


def test_the_board() -> None:
    clear, disguised = seen(Board()), seen(DisguisedBoard(NAMES))
    assert isinstance(clear, Board) and isinstance(disguised, Board)
    assert clear.latest(999)
    assert [each.client for each in disguised.latest(999)] == [NAMES.address(each.client) for each in clear.latest(999)]
    for one, other in zip(clear.latest(999), disguised.latest(999), strict=True):
        if one.about.startswith("serial ") and one.about != "serial None":
            assert other.about == f"serial {NAMES.serial(one.about.removeprefix('serial '))}"
        assert (one.ts, one.grade, one.software) == (other.ts, other.grade, other.software)
    assert disguised.clients.counts == {NAMES.address(client): n for client, n in clear.clients.counts.items()}


def test_weirds_and_what_was_found() -> None:
    summary = DisguisedSummary(NAMES)
    finding = next(iter(GRAVE))
    summary.count_audited(1, [(b"ocsp.example.org", "0A", finding)])
    summary.weird(Weird(0, "odd", None, "10.0.0.1 said", "HTTP"))
    summary.weird(Weird(0, "pcap_truncated", None, "x.pcap: at 5", "CAPTURE"))
    unsound = summary.unsound[finding]
    assert (unsound.host, unsound.serial_number) == (NAMES.name("ocsp.example.org").encode(), NAMES.serial("0A"))
    assert summary.weird_examples == {"odd": NAMES.text("10.0.0.1 said")}
    assert summary.damage == [("pcap_truncated", "x.pcap: at 5")]
