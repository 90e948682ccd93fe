"""`ocspwatch rules`: which rules are in force, whether files of them are right, whether they fire where they should."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.settings import Settings

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.rules.document import Mistakes
    from sensor.rules.rule import Rule, RuleSet

_FINE, _FAILED, _MISTAKE = 0, 1, 2


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `rules` and its verbs."""
    parser = subparsers.add_parser("rules", help="Sigma rules: list, check, test and convert them")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    verb = verbs.add_parser("list", help="the rules in force", description="Lists the rules in force.")
    _add_paths(verb)
    verb.add_argument("--json", action="store_true", help="one JSON object a line")
    verb.set_defaults(run=run_list)

    verb = verbs.add_parser(
        "check",
        help="what is wrong with rule files",
        description="Reads rules and tells all that is wrong with them, by file and line. Exit code 2: something.",
    )
    _add_paths(verb)
    verb.set_defaults(run=run_check)

    verb = verbs.add_parser(
        "test",
        help="replay the captures that rules name",
        description="Replays the captures under `matches` and `ignores` of each rule: it must fire on every one of the "
        "former and on none of the latter. Certificates in a folder `certs` beside a capture are known. "
        "Exit code 1: some rule did otherwise.",
    )
    _add_paths(verb)
    verb.add_argument("-q", "--quiet", action="store_true", help="only what fails")
    verb.set_defaults(run=run_test)

    verb = verbs.add_parser(
        "convert",
        help="rules as queries of a SIEM",
        description="Prints rules as queries over our logs: for Splunk, Elasticsearch (Lucene; logs written with "
        "--stream; correlations as ES|QL), or SQLite (a table for each log). Rules that a correlation refers to are "
        "taken from beside its file. What the target cannot have is told, with the reason, and the others are "
        "converted; then the exit code is 2. Needs the extra `convert`.",
    )
    verb.add_argument("--to", choices=("splunk", "elasticsearch", "sqlite"), required=True, help="whose queries")
    verb.add_argument("paths", nargs="+", metavar="RULE", help="rule files and folders")
    verb.set_defaults(run=run_convert)


def _add_paths(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="rule files and folders (default: shipped, and of the settings)",
    )


def _read(args: argparse.Namespace, settings: Settings) -> tuple[RuleSet, Mistakes]:
    """The rules meant, and what is wrong with them."""
    import msgspec

    from sensor.rules.document import Mistakes
    from sensor.rules.loader import read_rules
    from sensor.rules.shipped import paths_in_force

    paths = [Path(path) for path in args.paths] or paths_in_force(msgspec.structs.replace(settings.rules, shipped=True))
    mistakes = Mistakes()
    return read_rules(paths, settings.rules, mistakes), mistakes


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """`rules list`: 0, or 2 if some rule has a mistake."""
    rules, mistakes = _read(args, settings)
    rows = [_row(rule, rules) for rule in rules.rules]
    if args.json:
        for row in rows:
            print(json.dumps(row))
    elif rows:
        columns = ("level", "service", "title", "note", "id")
        widths = [max(len(str(row[column])) for row in rows) for column in columns]
        for row in rows:
            cells = [str(row[column]).ljust(width) for column, width in zip(columns, widths, strict=True)]
            print("  ".join(cells).rstrip())
        print(f"{len(rows)} rules")
    else:
        print("no rules")
    return _tell_all(mistakes)


def _row(rule: Rule, rules: RuleSet) -> dict[str, Any]:
    from sensor.rules.rule import EventRule

    head = rule.head
    is_event = isinstance(rule, EventRule)
    return {
        "id": head.id,
        "title": head.title,
        "level": head.level.value if head.level is not None else "-",
        "status": head.status,
        "service": rule.service if isinstance(rule, EventRule) else rule.kind.value,
        "note": head.notice.note,
        "file": str(head.file),
        "line": head.line,
        "kind": "event" if is_event else "correlation",
        "asleep": isinstance(rule, EventRule) and rule.asleep,
        "quiet": head.id in rules.quiet,
        "tags": list(head.tags),
    }


def run_check(args: argparse.Namespace, settings: Settings) -> int:
    """`rules check`: 0, or 2 if something is wrong; what is odd, and may be meant, is noted."""
    from sensor.rules.captures import missing_captures

    rules, mistakes = _read(args, settings)
    for rule in rules.events:
        if rule.asleep:
            head = rule.head
            mistakes.note(str(head.file), head.line, f"there is no {rule.service}.log here, this rule will never fire")
    missing_captures(rules, mistakes)
    for note in mistakes.notes:
        print(note)
    print(f"{len(rules.rules)} rules are right" + (f", {mistakes.count} mistakes" if mistakes.count else ""))
    return _tell_all(mistakes)


def run_test(args: argparse.Namespace, settings: Settings) -> int:
    """`rules test`: 0 all did as they say, 1 some did not, 2 a mistake in a rule or a capture that cannot be read."""
    from sensor.cli.rule_trial import Trial, TrialError

    rules, mistakes = _read(args, settings)
    if mistakes.count:
        return _tell_all(mistakes)
    trial = Trial(rules, settings)
    passed, failed, untested = 0, 0, 0
    unread: list[str] = []
    try:
        for rule in rules.rules:
            if not rule.head.matches and not rule.head.ignores:
                untested += 1
            for capture, should, path in trial.captures(rule):
                try:
                    did = rule.head.id in trial.fired(path)
                except TrialError as error:
                    unread.append(f"{rule.head.file}:{rule.head.line}: {rule.head.title}: {error}")
                    continue
                word = "ok  " if should == did else "FAIL"
                passed, failed = passed + (should == did), failed + (should != did)
                if should != did or not args.quiet:
                    said = "fires" if did else "does not fire"
                    print(f"{word} {rule.head.title}: {said} on {capture}")
    finally:
        trial.close()
    print(f"{passed} as they say, {failed} not; {untested} rules name no capture")
    return _tell(unread) or (_FAILED if failed else _FINE)


def run_convert(args: argparse.Namespace, settings: Settings) -> int:
    """`rules convert`: 0 all were; 2: a mistake in a rule, or a rule that the target cannot have (the others are
    converted), or the extra is missing."""
    from sensor.rules.convert import Converter, ConvertError
    from sensor.rules.loader import rule_files

    rules, mistakes = _read(args, settings)
    failed: list[str] = []
    try:
        converter = Converter(rules, args.to)
    except ConvertError as error:
        return _tell([str(error)])
    asked = set(rule_files([Path(path) for path in args.paths], mistakes))
    meant = [rule for rule in rules.rules if rule.head.file in asked]
    used = {word for rule in rules.correlations if rule.head.file in asked for word in rule.rules}
    for rule in meant:
        if rule.head.id in rules.quiet & used:
            print(f"# {rule.head.title}: part of the correlations that use it, no query of its own")
            continue
        try:
            queries = converter.convert(rule)
        except ConvertError as error:
            failed.append(str(error))
            continue
        for query in queries:
            if len(meant) > 1:
                print(f"# {rule.head.title}")
            print(query)
    return max(_tell_all(mistakes), _tell(failed))


def _tell_all(mistakes: Mistakes) -> int:
    return _tell(mistakes.lines + ([f"{mistakes.left_out} more"] if mistakes.left_out else []))


def _tell(mistakes: list[str]) -> int:
    for line in mistakes:
        print(f"ocspwatch: {line}", file=sys.stderr)
    return _MISTAKE if mistakes else _FINE
