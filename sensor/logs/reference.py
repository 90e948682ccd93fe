"""The log reference for people and the JSON Schemas for programs, both made from `logs.records`.

python -m sensor.logs.reference            # Markdown: a table for each log
python -m sensor.logs.reference http       # the JSON Schema of one line of http.log
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sensor.logs.records import STREAMS
from sensor.logs.schema import Record

_NAMES: Final = {
    msgspec.inspect.StrType: "string",
    msgspec.inspect.BoolType: "bool",
    msgspec.inspect.IntType: "count",
    msgspec.inspect.FloatType: "double",
    msgspec.inspect.ListType: "vector of string",
}
_TIMES: Final[dict[str, dict[str, Any]]] = {
    "epoch": {"type": "number"},
    "iso8601": {"type": "string", "format": "date-time"},
    "millis": {"type": "integer"},
}


def field_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The string under each field of a record class and of its bases, by the field's name in Python."""
    docs: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base is msgspec.Struct or not issubclass(base, msgspec.Struct):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)  # noqa: S101  (the source of a class is a class)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                docs[field.target.id] = inspect.cleandoc(str(ast.literal_eval(below.value)))
    return docs


def render_reference() -> str:
    """Markdown: a heading and a table for each log, without `_path` and `_write_ts`, which are the same in all."""
    parts = []
    for stream, record in STREAMS.items():
        docs = field_docs(record)
        parts += [f"### {stream}.log\n\n{inspect.getdoc(record)}\n\n", "| field | type | |\n|---|---|---|\n"]
        for field in _fields(record):
            if not field.encode_name.startswith("_"):
                kind = _type_name(field.type) + ("" if field.required else ", optional")
                parts.append(f"| `{field.encode_name}` | {kind} | {docs[field.name]} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def render_schema(stream: str, timestamps: str = "epoch") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a line of `stream`; no property but these is allowed."""
    record = STREAMS[stream]
    docs = field_docs(record)
    schema: dict[str, Any] = msgspec.json.schema(record)["$defs"][record.__name__]
    properties = schema["properties"]
    for field in _fields(record):
        shape = properties[field.encode_name]
        if shape.pop("title", None) == "time":
            shape.clear()
            shape.update(_TIMES[timestamps])
        shape.pop("default", None)
        shape["description"] = docs[field.name]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"{stream}.log"}


def _fields(record: type[Record]) -> tuple[msgspec.inspect.Field, ...]:
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101  (a record is a struct)
    return info.fields


def _type_name(kind: msgspec.inspect.Type) -> str:
    if isinstance(kind, msgspec.inspect.Metadata):
        title = (kind.extra_json_schema or {}).get("title")
        return str(title) if title else _type_name(kind.type)
    if isinstance(kind, msgspec.inspect.IntType) and kind.le == 65535:
        return "port"
    return _NAMES[type(kind)]


def main(argv: Sequence[str]) -> int:
    """Prints the reference, or one log's schema."""
    if argv and argv[0] not in STREAMS:
        sys.stderr.write(f"logs: {' '.join(STREAMS)}\n")
        return 2
    sys.stdout.write(json.dumps(render_schema(argv[0]), indent=2) + "\n" if argv else render_reference())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
