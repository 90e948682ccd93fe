"""sensor.privacy.suffixes: for every rule of the list the same as the package that the list comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PSLFILE, PublicSuffixList

from sensor.privacy.suffixes import PublicSuffixes, public_suffixes

LISTED = PublicSuffixList(accept_encoded_idn=False)
RULES = [line for line in Path(PSLFILE).read_text("utf-8").split("\n") if line and not line.startswith("//")]


def _labels(host: str, *, unlisted: int) -> int:
    suffix = LISTED.publicsuffix(host, accept_unknown=unlisted == 1)
    return 0 if suffix is None else suffix.count(".") + 1


def _agrees(host: str) -> bool:
    return all(public_suffixes().labels(host, unlisted=n) == _labels(host, unlisted=n) for n in (0, 1))


@pytest.mark.parametrize("before", ["", "a.", "b.a."])
def test_every_rule_of_the_list(before: str) -> None:
    assert len(RULES) > 5000
    wrong = [rule for rule in RULES if not _agrees(before + rule.lstrip("!*."))]
    assert not wrong


LABELS = st.sampled_from(
    ["a", "www", "com", "uk", "co", "ck", "kobe", "jp", "city", "github", "io", "中国", "公司", "x"]
)


@given(st.lists(LABELS, min_size=1, max_size=8))
def test_names_made_of_what_rules_are_made_of(labels: list[str]) -> None:
    assert _agrees(".".join(labels))


LIST = b"""// com is what a comment says, and net
org
*.ck  // what follows a blank is no part of the rule
!www.ck\tnor behind a tab

   \t
"""


@pytest.mark.parametrize(
    ("host", "labels"),
    [("a.org", 1), ("a.com", 0), ("b.a.ck", 2), ("a.www.ck", 1), ("ck", 1), ("what", 0), ("a.net", 0), ("org", 1)],
)
@pytest.mark.parametrize("text", [LIST, LIST.replace(b"\n", b"\r\n")])
def test_the_form_of_a_list(host: str, labels: int, text: bytes) -> None:
    assert PublicSuffixes(text).labels(host, unlisted=0) == labels
    assert PublicSuffixes(text).labels(host) == (labels or 1)
