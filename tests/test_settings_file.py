"""sensor.settings_file: the file, the command line on top of it, and every mistake named with its line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.settings import Settings
from sensor.settings_file import SettingsError, default_path, load_origins, load_settings, override


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value) == "\n".join(caught.value.lines)
    assert all(line.startswith(str(path)) and "\n" not in line for line in caught.value.lines)
    return [line.removeprefix(str(path)) for line in caught.value.lines]


def test_without_a_file_there_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings() == load_settings(None) == Settings()
    assert load_origins()[1] == {}


@pytest.mark.parametrize(
    ("config_home", "home", "expected"),
    [
        ("{}", "elsewhere", "ocspwatch/ocspwatch.yaml"),
        ("relative", "{}", ".config/ocspwatch/ocspwatch.yaml"),
        ("", "{}", ".config/ocspwatch/ocspwatch.yaml"),
    ],
)
def test_the_users_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config_home: str, home: str, expected: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", config_home.format(tmp_path))
    monkeypatch.setenv("HOME", home.format(tmp_path))
    path = tmp_path / expected
    assert default_path() == path
    path.parent.mkdir(parents=True)
    path.write_text("flow:\n  max_flows: 7\n")
    path.chmod(0o600)
    assert load_settings().flow.max_flows == 7


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        # a comment
        flow:
          max_flows: 1_000
          idle_timeout_s: 5          # a whole number where a fraction may stand
          local_nets: [10.0.0.0/8, "fe80::/10"]
          http_ports:
            - 80
            - 8080
        ct:
          path: ~
        ocsp:
        logs:
          timestamps: iso8601
          stream: true
        """,
    )
    loaded, origins = load_origins(path)
    assert loaded == load_settings(str(path))
    assert (loaded.flow.max_flows, loaded.flow.idle_timeout_s) == (1000, 5.0)
    assert isinstance(loaded.flow.idle_timeout_s, float)
    assert loaded.flow.local_nets == ("10.0.0.0/8", "fe80::/10")
    assert loaded.flow.http_ports == (80, 8080)
    assert (loaded.logs.timestamps, loaded.logs.stream, loaded.ct.path) == ("iso8601", True, None)
    assert loaded.http == Settings().http
    assert origins["flow.max_flows"] == f"{path}:4"
    assert origins["logs.stream"] == f"{path}:15"
    assert set(origins) == {
        "flow.max_flows",
        "flow.idle_timeout_s",
        "flow.local_nets",
        "flow.http_ports",
        "ct.path",
        "logs.timestamps",
        "logs.stream",
    }


def test_all_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """flow:
  max_flows: 0
  max_flowz: 4
  local_nets: [10.0.0.0/8, nonsense]
  http_ports: [80, 99999]
  use_vlan: "yes"
logs:
  timestamps: foo
  suppress_for_s: .inf
  weird_window_s: .nan
  max_field_bytes: "5"
  weird_burst:
http:
bogus: 3
nothing:
  such: 1
ct:
  max_names: 5
  max_names: 6
  memory_entries: 1e3
""",
    )
    assert mistakes(path) == [
        ":2: flow.max_flows: expected int >= 1",
        ":3: unknown key flow.max_flowz, did you mean flow.max_flows?",
        ":4: flow.local_nets: 'nonsense' does not appear to be an IPv4 or IPv6 network",
        ":5: flow.http_ports: expected int <= 65535 - at $[1]",
        ":6: flow.use_vlan: expected bool, got str",
        ":8: logs.timestamps: expected one of epoch, iso8601, millis",
        ":9: logs.suppress_for_s: expected float <= 1000000000.0",
        ":10: logs.weird_window_s: expected float >= 0.0",
        ":11: logs.max_field_bytes: expected int, got str",
        ":12: logs.weird_burst: no value",
        ":14: expected keys of bogus, each with a colon behind it",
        ":16: unknown key nothing.such",
        ":19: ct.max_names is set again",
        ":20: ct.memory_entries: expected int, got str",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("flow: {max_flows: 1", ":1: expected ',' or '}', but got '<stream end>'"),
        ("a: b: c", ":1: mapping values are not allowed here"),
        ("- flow", ":1: expected sections, each with a colon behind it"),
        ("just text", ":1: expected sections, each with a colon behind it"),
        ("flow:\n  max_flows: 1\n---\nflow:\n", ":3: but found another document"),
        ("flow:\n  max_flows: !!python/object/apply:os.system ['true']\n", ":2: could not determine a constructor"),
        ("flow:\n  max_flows: !secret 5\n", ":2: could not determine a constructor for the tag '!secret'"),
        ("flow: !!python/dict\n  max_flows: 1\n", ":1: expected keys of flow, each with a colon behind it"),
        ("a: &a [x,x]\nflow: *a\n", ":1: anchors and aliases are not allowed"),
        ("flow: *a\n", ":1: anchors and aliases are not allowed"),
        ("flow:\n  http_ports: [[]]\n", ":2: flow.http_ports: expected int, got array - at $[0]"),
        ("flow:\n  http_ports: [[80]]\n", ":2: nested too deep"),
        ("[" * 30_000, ":1: nested too deep"),
        ("{" * 30_000, ":1: nested too deep"),
        ("flow:\n  max_flows: 2024-99-99\n", ":2: month must be in 1..12"),
        ("flow:\n  max_flows: \x07\n", ": unacceptable character"),
        (b"flow:\n  max_flows: \xff\n", ":2: not UTF-8"),
        ("#" * 65537, ": larger than 65536 bytes"),
        ("? [a, b]\n: {c: 1}\n", ":2: unknown key ?.c"),
        ("flow:\n\tmax_flows: 1\n", ":2: found character '\\t' that cannot start any token"),
        ("__class__:\n  x: 1\n", ":2: unknown key __class__.x"),
        ("flow:\n  __class__: 1\n", ":2: unknown key flow.__class__"),
    ],
)
def test_what_is_no_settings_file(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert any(told.strip() in line for line in mistakes(write(tmp_path, text)))


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    for text in ("", "# only a comment\n", "---\n", "flow:\n", "flow: {}\n"):
        assert load_settings(write(tmp_path, text)) == Settings()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "missing.yaml") == [": No such file or directory"]
    assert mistakes(tmp_path) == [": Is a directory"]


def test_a_file_that_everybody_may_write_to(tmp_path: Path) -> None:
    path = write(tmp_path, "flow:\n  max_flows: 1\n")
    path.chmod(0o602)
    assert mistakes(path) == [": everybody may write to it (chmod o-w)"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60), st.text("flowmax_: -[]{}&*!|>#'\"\n\t0123456789,?%@`", max_size=80).map(str.encode)
    )
)
def test_nothing_but_the_declared_error_comes_out(tmp_path: Path, text: bytes) -> None:
    try:
        assert isinstance(load_settings(write(tmp_path, text)), Settings)
    except SettingsError as error:
        assert error.lines


@pytest.mark.parametrize(
    ("key", "value", "result"),
    [
        ("flow.max_flows", 5, 5),
        ("flow.max_flows", "5", 5),
        ("flow.idle_timeout_s", "2.5", 2.5),
        ("logs.stream", "true", True),
        ("logs.stream", True, True),
        ("flow.http_ports", "80,8080", (80, 8080)),
        ("flow.http_ports", (80,), (80,)),
        ("flow.local_nets", "10.0.0.0/8,::1/128", ("10.0.0.0/8", "::1/128")),
        ("ct.path", "x", "x"),
        ("ct.path", None, None),
        ("http.hash_bodies", "all", "all"),
    ],
)
def test_the_command_line_overrides(key: str, value: object, result: object) -> None:
    section, _, name = key.partition(".")
    assert getattr(getattr(override(Settings(), {key: value}), section), name) == result


def test_the_command_line_keeps_the_rest(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, "flow:\n  max_flows: 7\n  max_half_open: 8\n"))
    changed = override(loaded, {"flow.max_flows": 9, "logs.stream": True})
    assert (changed.flow.max_flows, changed.flow.max_half_open, changed.logs.stream) == (9, 8, True)
    assert override(loaded, {}) == loaded


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"flow.max_flow": 1}, "command line: unknown key flow.max_flow, did you mean flow.max_flows?"),
        ({"flow": 1}, "command line: unknown key flow"),
        ({"": 1}, "command line: unknown key "),
        ({"flow.max_flows": "many"}, "command line: flow.max_flows: expected int, got str"),
        ({"flow.max_flows": -1}, "command line: flow.max_flows: expected int >= 1"),
        ({"http.hash_bodies": "x"}, "command line: http.hash_bodies: expected one of pki, all, none"),
        ({"flow.local_nets": "x"}, "command line: flow.local_nets: 'x' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_mistakes_on_the_command_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        override(Settings(), values)
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(told)


def test_start_up_reads_no_yaml(tmp_path: Path) -> None:
    """Who has no settings file does not pay for the library."""
    import subprocess
    import sys

    code = "import sys, sensor.settings_file as s; s.load_settings(); assert 'yaml' not in sys.modules"
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
