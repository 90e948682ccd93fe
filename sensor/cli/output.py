"""What the verbs that watch traffic have in common: options about logs, where events go, how a mistake is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.settings import Settings

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.logs.sinks.sink import EventSink
    from sensor.logs.writer import LogWriter
    from sensor.report.summary import Summary
    from sensor.rules.mistakes import RulesError
    from sensor.rules.rule import RuleSet

EXIT_MISTAKE = 2
EXIT_PARTIAL = 3
_SHIPPED = "shipped"


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """-o and --json, and how logs look."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument("-o", "--output", metavar="DIR", help="write logs here, one <stream>.log each; made if need be")
    target.add_argument("--json", action="store_true", help="all events as JSON lines on standard output, nothing else")
    parser.add_argument("--ct", metavar="PATH", help="the certificate cache (default: in your data folder)")
    parser.add_argument(
        "--rules",
        metavar="PATH",
        action="append",
        default=[],
        help="Sigma rules: files or folders, or the word `shipped` for those that come with the program",
    )
    parser.add_argument("--timestamps", choices=("epoch", "iso8601", "millis"), help="how every time is written")
    parser.add_argument("--stream", action="store_true", default=None, help="add _path and _write_ts to every line")
    parser.add_argument("--community-id", action="store_true", default=None, help="add community_id to conn.log")
    parser.add_argument(
        "--hash-bodies", choices=("pki", "all", "none"), help="bodies hashed in files.log (default: pki)"
    )
    parser.add_argument(
        "--pseudonymize",
        metavar="KEYFILE",
        help="addresses, names, serial numbers and whatever else tells who or what become pseudonyms under the key in "
        "this file; new:PATH makes one (docs/privacy.md)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary, no progress")
    parser.add_argument("--no-color", action="store_true", help="no colour (NO_COLOR is obeyed too)")


def output_settings(args: argparse.Namespace, settings: Settings, more: Mapping[str, object] | None = None) -> Settings:
    """The settings with what these options say on top, and `more` by key; None: not said. A key that is to be made is
    made. Raises SettingsError."""
    from sensor.settings_file import override

    named = {
        "ct.path": args.ct,
        "logs.timestamps": args.timestamps,
        "logs.stream": args.stream,
        "logs.community_id": args.community_id,
        "http.hash_bodies": args.hash_bodies,
        "privacy.pseudonym_key": args.pseudonymize,
        "rules.shipped": True if _SHIPPED in args.rules else None,
        **(more or {}),
    }
    settings = override(settings, {key: value for key, value in named.items() if value is not None})
    if settings.privacy.pseudonym_key:
        from sensor.cli.disguise import key_made

        return override(settings, {"privacy.pseudonym_key": key_made(settings.privacy.pseudonym_key)})
    return settings


def rules_in_force(args: argparse.Namespace, settings: Settings) -> RuleSet | None:
    """The rules in force, None if there are none, or nothing is written that they could be about. Raises RulesError.

    Says which files have none.
    """
    if not (args.json or args.output or args.rules):
        return None
    from sensor.rules.shipped import paths_in_force

    paths = paths_in_force(settings.rules, [path for path in args.rules if path != _SHIPPED])
    if not paths:
        return None
    import sensor.rules.engine  # noqa: F401  (for apply_rules: `live` may not read the program's files any more by then)
    from sensor.rules.loader import EMPTY, load_rules

    rules = load_rules(paths, settings.rules)
    for path in rules.empty:  # an empty download, all commented out: nothing would fire, and nothing tell why
        say(f"{path}: {EMPTY}")
    return rules


def apply_rules(rules: RuleSet | None, settings: Settings, writer: LogWriter, summary: Summary | None = None) -> None:
    """From now on the rules are shown what `writer` writes, and it writes the notices that they raise.

    `summary` counts them.
    """
    if rules is None:
        return
    from sensor.rules.engine import RuleEngine

    if summary is None:
        writer.observe(RuleEngine(rules, settings, writer.notice, writer.weird))
        return
    from sensor.report.notes import telling

    writer.observe(RuleEngine(rules, settings, telling(writer.notice, summary), writer.weird))


def open_sink(args: argparse.Namespace, settings: Settings) -> EventSink | None:
    """Where the events go: a folder, standard output, or nowhere. Raises SinkError."""
    if args.json:
        from sensor.logs.sinks.json_lines import JsonLinesSink

        return JsonLinesSink()
    if args.output:
        from sensor.logs.sinks.folder import FolderSink

        return FolderSink(Path(args.output), durable=settings.logs.durable)
    return None


def tell_bad_rules(error: RulesError) -> int:
    """Everything that is wrong with rules, a line each; returns the exit code for it."""
    for line in error.lines:
        print(f"ocspwatch: {line}", file=sys.stderr)
    return EXIT_MISTAKE


def say(text: str) -> None:
    """On standard error. Others chose some of the words: nothing in them may steer the terminal."""
    from sensor.pki.names import render_plain

    print(f"ocspwatch: {render_plain(text)}", file=sys.stderr, flush=True)


def tell_mistake(error: Exception) -> int:
    """The caller's mistake in one line; returns the exit code for it."""
    print(f"ocspwatch: {error}", file=sys.stderr)
    return EXIT_MISTAKE
