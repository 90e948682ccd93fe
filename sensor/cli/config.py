"""`ocspwatch config`: every setting with what it is for, as it is in force, in the form of a settings file."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Mapping

from sensor.logs.reference import field_docs
from sensor.settings import Settings
from sensor.settings_file import load_origins

_WIDTH = 110
_HEAD = "Settings of ocspwatch: every key with what it is. Leave out what should stay as it is by default."


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `config`."""
    parser = subparsers.add_parser(
        "config",
        help="print the settings in force, documented",
        description="Prints every setting with its documentation, its value, and where a value that is not the "
        "default comes from, as a settings file. Without --config, ocspwatch/ocspwatch.yaml in $XDG_CONFIG_HOME or "
        "~/.config is read if it is there.",
    )
    parser.add_argument("--defaults", action="store_true", help="print the defaults, whatever the file says")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0."""
    if args.defaults:
        sys.stdout.write(render_settings(Settings(), {}))
    else:
        sys.stdout.write(render_settings(settings, load_origins(args.config)[1]))
    return 0


def render_settings(settings: Settings, origins: Mapping[str, str]) -> str:
    """YAML that `load_settings` reads back to the same; `origins` says for a key (`section.key`) where it was set."""
    lines = _comment(_HEAD, "")
    defaults = Settings()
    for section in settings.__struct_fields__:
        branch, default = getattr(settings, section), getattr(defaults, section)
        docs = field_docs(type(branch))
        lines += ["", f"{section}:"]
        for name in branch.__struct_fields__:
            value, usual = getattr(branch, name), getattr(default, name)
            key = f"{section}.{name}"
            lines += _comment(docs[name], "  ")
            if value != usual or key in origins:
                lines += _comment(f"Set in {origins.get(key, 'the command line')}; default {_scalar(usual)}.", "  ")
            lines += _entry(name, value)
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH, break_on_hyphens=False)]


def _entry(name: str, value: object) -> list[str]:
    if isinstance(value, tuple) and value:
        return [f"  {name}:", *(f"    - {_scalar(item)}" for item in value)]
    return [f"  {name}: {_scalar(value)}"]


def _scalar(value: object) -> str:
    """JSON, which YAML includes; a list stands on one line."""
    return json.dumps(value, ensure_ascii=False)
