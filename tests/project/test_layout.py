"""Where things are: tests mirror the package, no file is a heap, no module is named after nothing."""

from __future__ import annotations

import ast
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"

WITHOUT_OWN_TEST = {
    # module: where it is tested instead, or why there is nothing to test
    "sensor/weird.py": "two records without behaviour",
    "sensor/capture/source.py": "a contract; tests/contract runs every implementation against it",
    "sensor/capture/live/source.py": "a contract without behaviour; tests/capture/live/test_ring.py",
    "sensor/flow/conn.py": "a record without behaviour; tests/flow/test_tracker.py compares it with Zeek's",
    "sensor/flow/stream.py": "a contract without behaviour",
    "sensor/http/transaction.py": "records without behaviour",
    "sensor/pki/crl.py": "records without behaviour",
    "sensor/logs/schema.py": "types without behaviour; tests/logs/test_records.py holds every line to them",
    "sensor/logs/disclosure_records.py": "records without behaviour; tests/logs/test_fetches.py, test_disclosures.py",
    "sensor/fetch/model.py": "records without behaviour",
    "sensor/logs/health_records.py": "records without behaviour; tests/logs/test_health.py",
    "sensor/ct/lookup.py": "a contract; tests/contract runs every implementation against it",
    "sensor/ct/logged.py": "records, and a contract; tests/contract/test_bulk_sink.py",
    "sensor/privacy/leak.py": "records without behaviour",
    "sensor/logs/observer.py": "a contract, and a record; tests/rules/test_engine.py",
    "sensor/rules/expression.py": "records without behaviour",
    "sensor/rules/rule.py": "records without behaviour",
    "sensor/uncompiled.py": "tests/project/test_build.py",
    "sensor/inject.py": "tests/hostile/test_injection.py: faults are about whole runs",
    "sensor/settings.py": "tests/project/test_settings.py",
}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "types", "core", "misc", "base", "manager"}
MAX_LINES = 400
LONGER = {
    # file: why it is not split
    "sensor/settings.py": "the one tree of settings: a line and its documentation for each, read side by side",
    "sensor/logs/records.py": "the definition of the logs: one class for each, read side by side",
    "tests/logs/observations.py": "one example and one strategy for each kind of observation",
    "sensor/flow/decode.py": "one walk down the headers, a loop over states that is compiled as one function",
    "tests/ocsp/test_exchange.py": "one table of transactions and what comes of them",
    "sensor/flow/tcp.py": "one state machine; its transitions read side by side",
    "sensor/pki/crl_reader.py": "one state machine over one buffer; its parts are in crl_parts",
    "sensor/ct/deferred.py": "one lock and the two threads that share it",
    "tests/contract/test_ct_lookup.py": "one contract, every clause run against every implementation",
    "sensor/http/reader.py": "one state machine over both directions; what it calls is elsewhere",
    "tests/flow/talk.py": "one little language about TCP: how it is read, sent, and listened to",
    "tests/hostile/test_tcp.py": "one table of rows about TCP, and their tests",
    "tests/hostile/test_http.py": "one table of rows about HTTP, and their tests",
    "sensor/logs/writer.py": "one method for each kind of observation; they share the buffers, and one C struct",
    "sensor/pipeline.py": "the composition root: one class that holds every stage, and a line or two for each",
    "sensor/flow/tracker.py": "the flow table: find, open, time out, evict share its state, and one C struct",
}


def test_every_module_has_a_test(sources: dict[str, ast.Module]) -> None:
    missing = []
    for name in sources:
        path = Path(name)
        if path.name == "__init__.py" or name in WITHOUT_OWN_TEST:
            continue
        folder = TESTS.joinpath(*path.parts[1:-1])
        if not any(folder.glob(f"test_{path.stem}*.py")):
            missing.append(f"{name}: no {folder.relative_to(REPOSITORY)}/test_{path.stem}*.py")
    assert not missing, "\n".join(missing)


def test_the_list_of_exceptions_names_files_that_are_there() -> None:
    for name in (*WITHOUT_OWN_TEST, *LONGER):
        assert (REPOSITORY / name).is_file(), name


def test_no_module_is_named_after_nothing(sources: dict[str, ast.Module]) -> None:
    named = {part.removesuffix(".py") for name in sources for part in Path(name).parts}
    assert not named & FORBIDDEN_NAMES


def test_no_file_is_a_heap(tracked: list[Path]) -> None:
    long = {}
    for path in tracked:
        name = str(path.relative_to(REPOSITORY))
        if path.suffix == ".py" and name not in LONGER:
            lines = path.read_text().count("\n")
            if lines > MAX_LINES:
                long[name] = lines
    assert not long, f"over {MAX_LINES} lines: split them or write the reason into LONGER: {long}"


def test_every_module_says_what_it_does(sources: dict[str, ast.Module]) -> None:
    assert not [name for name, tree in sources.items() if not ast.get_docstring(tree)]
