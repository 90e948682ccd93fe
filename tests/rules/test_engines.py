"""One rule, three engines: ours, SQLite's by way of pySigma, and Tenzir's. They agree on the events of our captures.

Where they cannot, the reason stands in APART.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.rules.convert import ConvertError
from sensor.rules.document import Mistakes
from sensor.rules.events import LoggedEvent
from sensor.rules.loader import read_rules
from sensor.rules.rule import EventRule
from sensor.rules.shipped import shipped_folder
from sensor.settings import CtSettings, RuleSettings, Settings
from tests.rules.engines import by_sqlite, by_tenzir, lines_of, ours, tenzir
from tests.rules.looking import PCAPS, Keeper, captures, look
from tests.rules.writing import rule, rules

pytest.importorskip("sigma.backends.sqlite", reason="needs pySigma's backends (the extra convert)")

LANGUAGE = {
    "http": [
        "method: get",
        "method|cased: get",
        "method: [POST, HEAD]",
        "host|startswith: ocsp",
        "host|endswith: .EXAMPLE",
        "uri|contains: '%'",
        "uri|contains: '_'",
        "uri|contains|all: [e, a]",
        "uri: '/?*'",
        "uri|re: '^/[A-Z].*='",
        "uri|re|i: 'ocsp'",
        "status_code: 200",
        "status_code: '304'",
        "status_code|gte: 300",
        "status_code|neq: 200",
        "user_agent: null",
        "user_agent|exists: true",
        "user_agent|contains: ['firefox', 'curl/']",
        "resp_mime_types: application/ocsp-response",
        "resp_mime_types|contains: [html, png]",
        "resp_mime_types: null",
        "id.resp_p: 80",
        "id.orig_h|cidr: 10.20.0.16/29\nmethod: POST",
        "id.orig_h|cidr: [10.20.0.20/30, 'fd00::/8']\nstatus_code: 200",
        "resp_mime_types|windash|contains: -response",
        "resp_mime_types|base64offset|contains: abc",
        "client_headers|startswith: 'accept: '",
        "server_header_names: SERVER",
        "selection:\n    method: GET\n\nfilter:\n    user_agent|contains: o",
        "selection:\n    - method: POST\n    - status_code|lt: 200",
    ],
    "conn": ["conn_state: SF", "history|contains: 'f'", "orig_bytes|gt: 1000", "service: null", "local_orig: true"],
    "files": ["mime_type|endswith: response", "is_orig: true", "seen_bytes|lte: 100", "filename|exists: true"],
    "ocsp": ["certStatus: REVOKED", "serialNumber|startswith: '4'", "revokereason: null"],
    "ocsp_exchange": ["evidence: both", "nonce|exists: false", "request_signed: true", "issuer|contains: 'CN='"],
    "leak": ["grade: exact", "names|endswith: .example", "times_seen|gt: 1", "software|contains: fox"],
}
APART = {"uri|contains: '_'": "Tenzir reads a lone _ as null, as its own language does"}
"""By detection: why Tenzir finds something else."""

PATHS = [
    *captures("ocsp")[::4],
    *captures("http")[::2],
    *captures("office"),
]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[LoggedEvent]:
    """Every event of some captures, whose certificates are known."""
    return shown(PATHS, tmp_path_factory.mktemp("ct"))


def shown(paths: list[Path], folder: Path) -> list[LoggedEvent]:
    settings = Settings(ct=CtSettings(path=str(folder / "ct.sqlite")))
    store = Store(folder / "ct.sqlite", settings.ct.max_names)
    try:
        import_paths(store, sorted(map(str, PCAPS.glob("*/certs"))), settings.ct, 1_700_000_000, ImportReport())
    finally:
        store.close()
    keeper = Keeper(settings)
    lookup = StoreLookup(settings.ct)
    try:
        look(paths, lambda _: keeper, settings, lookup)
    finally:
        lookup.close()
    return keeper.events


def written(folder: Path, service: str) -> list[EventRule]:
    documents = [
        rule(text, service, number, condition="selection and not filter" if "filter" in text else "selection")
        for number, text in enumerate(LANGUAGE[service])
    ]
    return list(rules(folder, *documents).events)


@pytest.mark.parametrize("service", LANGUAGE)
def test_sqlite_agrees(service: str, events: list[LoggedEvent], tmp_path: Path) -> None:
    found, lines = written(tmp_path, service), lines_of(service, events)
    assert lines
    mine, theirs = ours(found, lines), by_sqlite(service, found, lines)
    for text, each in zip(LANGUAGE[service], found, strict=True):
        assert mine[each.head.id] == theirs[each.head.id], text
    assert sum(0 < len(hits) < len(lines) for hits in mine.values()) >= len(found) // 2  # they tell events apart


@pytest.mark.skipif(not tenzir(), reason="needs Tenzir (in the extra test)")
@pytest.mark.parametrize("service", LANGUAGE)
def test_tenzir_agrees(service: str, events: list[LoggedEvent], tmp_path: Path) -> None:
    found, lines = written(tmp_path, service), lines_of(service, events)
    mine, theirs = ours(found, lines), by_tenzir(found, lines, tmp_path)
    for text, each in zip(LANGUAGE[service], found, strict=True):
        if text not in APART:
            apart = mine[each.head.id] ^ theirs[each.head.id]
            assert not apart, (text, [lines[number].get(text.partition("|")[0]) for number in sorted(apart)[:3]])


def pack() -> list[EventRule]:
    folder = shipped_folder()
    return list(read_rules([folder], RuleSettings(), Mistakes()).events) if folder is not None else []


def not_asleep(service: str) -> list[EventRule]:
    return [each for each in pack() if each.service == service and not each.asleep]


SHIPPED = sorted({each.service for each in pack() if not each.asleep})
SHIPPED_APART = {"uri|contains: '_'": "Tenzir reads a lone _ as null, as its own language does"}
"""By title, of rules that we ship: why Tenzir finds something else."""


@pytest.fixture(scope="module")
def shipped_events(tmp_path_factory: pytest.TempPathFactory) -> list[LoggedEvent]:
    """Every event of the captures that the shipped rules name, and of those above."""
    named = {
        Path(each.head.file.parent / name).resolve()
        for each in pack()
        for name in (*each.head.matches, *each.head.ignores)
    }
    return shown(sorted({*named, *PATHS}), tmp_path_factory.mktemp("shipped"))


@pytest.mark.parametrize("service", SHIPPED)
def test_shipped_rules_agree_in_sqlite(service: str, shipped_events: list[LoggedEvent]) -> None:
    lines = lines_of(service, shipped_events)
    wrong = []
    for each in not_asleep(service):
        try:
            theirs = by_sqlite(service, [each], lines)
        except ConvertError as error:
            wrong.append(f"{each.head.title}: {error}")
            continue
        apart = ours([each], lines)[each.head.id] ^ theirs[each.head.id]
        if apart:
            wrong.append(f"{each.head.title}: {sorted(apart)[:5]} of {len(lines)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not tenzir(), reason="needs Tenzir (in the extra test)")
@pytest.mark.parametrize("service", SHIPPED)
def test_shipped_rules_agree_in_tenzir(service: str, shipped_events: list[LoggedEvent], tmp_path: Path) -> None:
    lines, found = lines_of(service, shipped_events), not_asleep(service)
    mine, theirs = ours(found, lines), by_tenzir(found, lines, tmp_path)
    wrong = [
        f"{each.head.title}: {sorted(mine[each.head.id] ^ theirs[each.head.id])[:5]}"
        for each in found
        if each.head.title not in SHIPPED_APART and mine[each.head.id] != theirs[each.head.id]
    ]
    assert not wrong, "\n".join(wrong)
