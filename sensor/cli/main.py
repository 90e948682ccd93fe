"""`ocspwatch`: finds the verb, loads the settings, runs it, and turns mistakes into one line and exit code 2.

Only the module of the verb that was named is imported, so that `--version` and short captures start at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from sensor import __version__, build_mode

EXIT_MISTAKE = 2
_VERBS = ("replay", "live", "interfaces", "ct", "rules", "config")
_EPILOG = (
    "exit codes: 0 all read; 1 not found (ct lookup), a rule failed (rules test); 2 the caller's mistake; "
    "3 finished, but part of the input was unreadable or lost"
)


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="version, and whether the packet path is compiled")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"ocspwatch {__version__} ({build_mode()}, Python {sys.version.split()[0]})")
        parser.exit()


def build_parser(verbs: Sequence[str] = _VERBS) -> argparse.ArgumentParser:
    """The parser with these verbs; the others are not imported."""
    parser = argparse.ArgumentParser(
        prog="ocspwatch",
        description="Which client told the network, by OCSP in plaintext, which site it visits.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument("--config", metavar="FILE", help="settings in YAML (ocspwatch config prints them all)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="one setting, e.g. flow.max_flows=9"
    )
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in verbs:
        import_module(f"sensor.cli.{verb}").add_parser(subparsers)
    return parser


def _named_verb(argv: Sequence[str]) -> tuple[str, ...]:
    """The one verb in `argv`, or all of them if it cannot be told (help, a mistake)."""
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif word in {"--config", "--set"}:
            skip = True
        elif not word.startswith("-"):
            return (word,) if word in _VERBS else _VERBS
        elif word in {"-h", "--help"}:
            return _VERBS
    return _VERBS


def _named_values(words: Sequence[str]) -> dict[str, object]:
    """KEY=VALUE words; a value is read as YAML, as it would be in the file. Raises SettingsError."""
    import yaml

    from sensor.settings_file import SettingsError

    values: dict[str, object] = {}
    for word in words:
        key, sign, text = word.partition("=")
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            sign = ""
        if not sign:
            raise SettingsError([f"--set {word}: KEY=VALUE expected"])
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words == ["--version"]:  # nothing needs to be imported for this
        print(f"ocspwatch {__version__} ({build_mode()}, Python {sys.version.split()[0]})")
        return 0
    args = build_parser(_named_verb(words)).parse_args(words)
    gc.enable()
    from sensor.settings_file import SettingsError, load_settings, override

    try:
        settings = load_settings(args.config)
        if args.set:
            settings = override(settings, _named_values(args.set))
        run: Callable[[argparse.Namespace, object], int] = args.run
        return run(args, settings)
    except SettingsError as error:  # in the file, or in a verb's options
        for line in error.lines:
            print(f"ocspwatch: {line}", file=sys.stderr)
        return EXIT_MISTAKE
    except BrokenPipeError:
        # Whoever read our output has gone: that is how `| head` ends a program.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def start() -> NoReturn:
    """What the installed command is. Ends without taking the interpreter apart, object by object: nothing is open then
    but the standard streams, and to let go of what is left of a large capture takes as long as to read a small one."""
    gc.disable()  # what is imported stays
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed before we started
                stream.flush()
        except BrokenPipeError:
            pass
        except OSError as error:
            _tell_at_the_end(error)
            code = code or EXIT_MISTAKE
    os._exit(code)


def _tell_at_the_end(error: OSError) -> None:
    try:
        os.write(2, f"ocspwatch: standard output: {error.strerror}\n".encode())
    except OSError:
        return


if __name__ == "__main__":
    start()
