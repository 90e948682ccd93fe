"""Every part of every shipped rule is needed, and shown: with a part broken or left out, its captures say otherwise.

A rule's detection is a tree of items, field and values. Each item is broken (a value that nothing has), then left out;
each value of a list is tried alone. What no capture tells apart has its reason in UNTOLD or UNSHOWN.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.rules.document import Mistakes, parse_documents
from sensor.rules.loader import read_rules
from sensor.rules.matching import compile_expression
from sensor.rules.rule import EventRule
from sensor.settings import CtSettings, RuleSettings, Settings
from tests.rules.looking import Keeper, look

RULES = Path(__file__).resolve().parents[2] / "rules"
FILES = [path for path in sorted(RULES.glob("*.yml")) if "\ndetection:" in path.read_text()]
CORRELATIONS = [path for path in sorted(RULES.glob("*.yml")) if "\ncorrelation:" in path.read_text()]
NOTHING = {True: 4_000_000_001, False: "no such value"}

UNTOLD: dict[tuple[str, str], str] = {
    ("zeek_crl_fetched", "selection evidence"): "no capture has a CRL whose question was not seen",
    ("zeek_http_proxy_probe", "selection method"): "only CONNECT has such a target; it is for the reader",
    ("zeek_leak_exact_site", "selection channel"): "no capture has a CRL that narrows down to one site",
    ("zeek_ocsp_odd_port", "selection response_status|exists"): "no capture has an unanswered question on such a port",
    ("zeek_weird_ocsp_content_type", "selection name"): "no other weird says so in addl; the name is for the reader",
    ("zeek_weird_ocsp_not_der", "selection name"): "likewise",
}
"""By rule and path of the item: why its captures do not tell when it is left out."""

_AUDITED = "tests/audit/test_table.py has replies with it; no capture has"
UNSHOWN: dict[tuple[str, str], str] = {
    ("zeek_leak_by_crl", "exact"): "no capture has a CRL that narrows down to one site",
    ("zeek_ocsp_answer_incomplete", "answers_duplicate"): _AUDITED,
    ("zeek_ocsp_delegate_weak", "delegate_is_ca"): _AUDITED,
    ("zeek_ocsp_delegate_weak", "delegate_sha1"): _AUDITED,
    ("zeek_ocsp_malformed", "version_unknown"): _AUDITED,
    ("zeek_ocsp_not_checked", "signature_not_checked:algorithm"): _AUDITED,
    ("zeek_ocsp_not_checked", "signature_not_checked:encoding"): _AUDITED,
    ("zeek_ocsp_not_checked", "signature_not_checked:key"): _AUDITED,
    ("zeek_ocsp_not_checked", "signature_not_checked:signer_unreadable"): _AUDITED,
    ("zeek_ocsp_not_checked", "signature_not_checked:too_many_signers"): _AUDITED,
    ("zeek_ocsp_signature_weak", "signature_md5"): _AUDITED,
    ("zeek_ocsp_signature_weak", "signer_key_weak"): _AUDITED,
    ("zeek_ocsp_validity_odd", "next_update_before_this_update"): _AUDITED,
}
"""By rule and value: why no capture shows it."""


class Shown:
    """The events of captures, each replayed once; certificates in `certs` beside them are known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores: dict[Path, CtSettings] = {}
        self._events: dict[Path, list[Any]] = {}

    def of(self, capture: Path) -> list[Any]:
        if capture not in self._events:
            settings = Settings(ct=self._store(capture.parent / "certs"))
            lookup = StoreLookup(settings.ct)
            keeper = Keeper(settings)
            look([capture], lambda _: keeper, settings, lookup)
            lookup.close()
            self._events[capture] = keeper.events
        return self._events[capture]

    def _store(self, certificates: Path) -> CtSettings:
        if certificates not in self._stores:
            settings = CtSettings(path=str(self._folder / f"{len(self._stores)}.sqlite"))
            store = Store(Path(str(settings.path)), settings.max_names)
            if certificates.is_dir():
                import_paths(store, [str(certificates)], settings, 0, ImportReport())
            store.close()
            self._stores[certificates] = settings
        return self._stores[certificates]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return Shown(tmp_path_factory.mktemp("ct"))


@cache
def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def items(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to the items of a detection: keys whose values are plain, or lists of plain ones."""
    if isinstance(node, dict):
        for key, value in node.items():
            if not path and key == "condition":
                continue
            if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
                yield from items(value, (*path, key))
            else:
                yield (*path, key)
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from items(each, (*path, number))


def parent_of(detection: dict[str, Any], path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        detection = detection[step]
    return detection


def named(path: tuple[Any, ...]) -> str:
    return " ".join(str(step) for step in path)


def outcomes(document: dict[str, Any], shown: Shown, folder: Path) -> tuple[bool, bool]:
    """Whether the rule fires on every capture in `matches`, and on one of those in `ignores`."""
    matcher, service = compiled(document, folder)
    own = document["ocspwatch"]

    def fires(name: str) -> bool:
        return any(event.service == service and matcher(event) for event in shown.of((RULES / name).resolve()))

    return all(fires(name) for name in own["matches"]), any(fires(name) for name in own["ignores"])


def compiled(document: dict[str, Any], folder: Path) -> tuple[Any, str]:
    path = folder / "rule.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    mistakes = Mistakes()
    (rule,) = read_rules([path], RuleSettings(), mistakes).rules
    assert not mistakes.lines, mistakes.lines
    assert isinstance(rule, EventRule)
    return compile_expression(rule.expression), rule.service


def broken(key: str, value: Any) -> Any:
    """A value that nothing has, of a kind that the item takes."""
    if key.endswith("|exists"):
        return not value
    if value is None or isinstance(value, bool):
        return True if value is None else not value
    first = value[0] if isinstance(value, list) else value
    if key.endswith("|lt"):
        return -1
    return NOTHING[isinstance(first, int | float)]


CASES = [(path, item) for path in FILES for item in items(load(path)["detection"])]


def is_alternative(item: tuple[Any, ...]) -> bool:
    """Whether it is in a list of maps, of which one is enough."""
    return any(isinstance(step, int) for step in item[:-1])


def case_name(value: object) -> str:
    return value.stem if isinstance(value, Path) else named(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("path", "item"), [case for case in CASES if is_alternative(case[1])], ids=case_name)
def test_an_alternative_is_shown(path: Path, item: tuple[Any, ...], shown: Shown, tmp_path: Path) -> None:
    """The rule with this one alone fires on some of its captures."""
    document = copy.deepcopy(load(path))
    place = next(number for number, step in enumerate(item) if isinstance(step, int))
    parent = parent_of(document["detection"], item[:place])
    parent[item[place - 1]] = [parent[item[place - 1]][item[place]]]
    matcher, service = compiled(document, tmp_path)
    captures = [(RULES / name).resolve() for name in document["ocspwatch"]["matches"]]
    assert any(event.service == service and matcher(event) for path in captures for event in shown.of(path))


@pytest.mark.parametrize(("path", "item"), [case for case in CASES if not is_alternative(case[1])], ids=case_name)
def test_a_broken_item_is_seen(path: Path, item: tuple[Any, ...], shown: Shown, tmp_path: Path) -> None:
    document = copy.deepcopy(load(path))
    parent = parent_of(document["detection"], item)
    wrong = broken(str(item[-1]), parent[item[-1]])
    if parent[item[-1]] is None:
        parent[f"{item[-1]}|exists"] = True
        del parent[item[-1]]
    else:
        parent[item[-1]] = wrong
    matches, ignores = outcomes(document, shown, tmp_path)
    assert not matches or ignores or (path.stem, named(item)) in UNTOLD


@pytest.mark.parametrize(("path", "item"), CASES, ids=case_name)
def test_a_missing_item_is_seen(path: Path, item: tuple[Any, ...], shown: Shown, tmp_path: Path) -> None:
    document = copy.deepcopy(load(path))
    detection = document["detection"]
    parent = parent_of(detection, item)
    del parent[item[-1]]
    if not parent:
        parent["uid|exists" if document["logsource"]["service"] != "x509" else "ts|exists"] = True  # always true
    matches, ignores = outcomes(document, shown, tmp_path)
    assert not matches or ignores or (path.stem, named(item)) in UNTOLD


VALUES = [
    (path, item, number)
    for path, item in CASES
    if isinstance(values := parent_of(load(path)["detection"], item)[item[-1]], list)
    for number in range(len(values))
]


@pytest.mark.parametrize(("path", "item", "number"), VALUES, ids=case_name)
def test_every_value_of_a_list_is_shown(
    path: Path, item: tuple[Any, ...], number: int, shown: Shown, tmp_path: Path
) -> None:
    document = copy.deepcopy(load(path))
    parent = parent_of(document["detection"], item)
    value = parent[item[-1]][number]
    parent[item[-1]] = [value]
    key = (path.stem, str(value))
    if str(item[0]).startswith("filter"):
        found = value_in_filter(document, item, shown, tmp_path)
    else:
        matcher, service = compiled(document, tmp_path)
        captures = [(RULES / name).resolve() for name in document["ocspwatch"]["matches"]]
        found = any(event.service == service and matcher(event) for path in captures for event in shown.of(path))
    assert found != (key in UNSHOWN), f"{key}: {'shown by now' if found else 'no capture under matches shows it'}"


def value_in_filter(document: dict[str, Any], item: tuple[Any, ...], shown: Shown, folder: Path) -> bool:
    """Whether some event of the captures named has the value that is filtered out."""
    alone = copy.deepcopy(document)
    alone["detection"] = {"selection": alone["detection"][item[0]], "condition": "selection"}
    matcher, service = compiled(alone, folder)
    own = document["ocspwatch"]
    captures = [(RULES / name).resolve() for name in (*own["matches"], *own["ignores"])]
    return any(event.service == service and matcher(event) for path in captures for event in shown.of(path))


def test_reasons_are_of_rules_that_are_there() -> None:
    stems = {path.stem for path in FILES}
    assert {stem for stem, _ in (*UNTOLD, *UNSHOWN)} <= stems
    for stem, item in UNTOLD:
        assert item in {named(each) for path, each in CASES if path.stem == stem}


def test_yaml_and_our_reader_agree() -> None:
    for path in (*FILES, *CORRELATIONS):
        mistakes = Mistakes()
        (node,) = parse_documents(path.read_text(), path.name, mistakes)
        assert not mistakes.lines
        assert list(node.items) == list(load(path))  # type: ignore[union-attr]  # a rule is a map
