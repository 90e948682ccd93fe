"""The one tree of settings: every field documented, every default usable, nothing unknown accepted."""

from __future__ import annotations

import ast

import msgspec
import pytest

from sensor.settings import Settings


def test_every_field_is_documented(sources: dict[str, ast.Module]) -> None:
    missing = []
    for node in sources["sensor/settings.py"].body:
        if not isinstance(node, ast.ClassDef) or not node.name.endswith("Settings") or node.name == "Settings":
            continue
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                if not documented:
                    missing.append(f"{node.name}.{field.target.id}")
    assert not missing, missing


def test_every_branch_is_frozen_and_refuses_what_it_does_not_know() -> None:
    settings = Settings()
    for name in Settings.__struct_fields__:
        branch = getattr(settings, name)
        assert branch.__struct_config__.frozen and branch.__struct_config__.forbid_unknown_fields, name
        field = branch.__struct_fields__[0]
        with pytest.raises(AttributeError):
            setattr(branch, field, None)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"flow": {"no_such_setting": 1}}, Settings)


def test_defaults_survive_a_round_trip() -> None:
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


def test_every_limit_is_above_zero() -> None:
    for name in Settings.__struct_fields__:
        for field, value in msgspec.to_builtins(getattr(Settings(), name)).items():
            if field.startswith("max_") or field.endswith(("_s", "_bytes", "_ms")):
                assert value > 0, f"{name}.{field}"
