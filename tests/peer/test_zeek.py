"""Our logs of the public captures against Zeek's: the scores may only rise, and every difference has a reason."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import communityid
import pytest

from tests.peer.reasons import REASONS, reason_for
from tests.peer.score import README, SCORES, Difference, counted, differences, readme, score

pytestmark = pytest.mark.needs("shared/corpus/zeek", "shared/tools/zeekdiff")

UPDATE = "python -m tests.peer.score --update"
DEMANDED = {  # of the issue: percent of records that pair up, and of fields that agree
    "conn": (99.0, 98.0),
    "http": (99.0, 98.0),
    "files": (0.0, 95.0),
    "ocsp": (100.0, 100.0),
}


@pytest.fixture(scope="module")
def scored() -> tuple[dict[str, Counter[str]], list[Difference]]:
    totals, differing = score()
    return totals, differences(differing)


def _shares(counts: dict[str, int] | Counter[str]) -> tuple[float, float]:
    return 100 * counts["paired"] / counts["zeek"], 100 * counts["fields_agree"] / counts["fields_total"]


@pytest.mark.parametrize("log", DEMANDED)
def test_as_good_as_demanded(log: str, scored: tuple[dict[str, Counter[str]], Any]) -> None:
    pairs, fields = _shares(scored[0][log])
    assert pairs >= DEMANDED[log][0]
    assert fields >= DEMANDED[log][1]


@pytest.mark.parametrize("log", DEMANDED)
def test_scores_only_rise(log: str, scored: tuple[dict[str, Counter[str]], Any]) -> None:
    before, now = json.loads(SCORES.read_text())[log], counted(scored[0])[log]
    for what, was, share in zip(("records", "fields"), _shares(before), _shares(now), strict=True):
        assert share >= was, f"{log}: fewer {what} agree with Zeek's than before: {before} -> {now}"
    assert now == before, f"{log}: not worse, but not what scores.json says: {UPDATE}"


def test_every_difference_has_a_reason(scored: tuple[Any, list[Difference]]) -> None:
    unexplained = [d[:4] for d in scored[1] if reason_for(d.log, d.capture, d.field) is None]
    assert unexplained == []


def test_every_reason_explains_something(scored: tuple[Any, list[Difference]]) -> None:
    used = {reason_for(d.log, d.capture, d.field) for d in scored[1]}
    assert [reason.title for reason in REASONS if reason not in used] == []


def test_the_readme_says_so(scored: tuple[dict[str, Counter[str]], list[Difference]]) -> None:
    assert README.read_text() == readme(*scored), UPDATE


def test_community_ids_that_differ_are_the_specifications(scored: tuple[Any, list[Difference]]) -> None:
    """Zeek's differ only where both addresses are the same, and the reference implementation agrees with us."""
    reference = communityid.CommunityID()
    told = [example for d in scored[1] if d.field == "community_id" for example in d.examples]
    assert told
    for example in told:
        orig_h, orig_p, resp_h, resp_p, _ = example["key"]
        assert orig_h == resp_h
        tuple_ = communityid.FlowTuple.make_tcp(orig_h, resp_h, orig_p, resp_p)
        assert reference.calc(tuple_) == example["ours"]
