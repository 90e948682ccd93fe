"""sensor.logs.reference: the reference names every field, and the schemas take our lines and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from sensor.logs.records import STREAMS
from sensor.logs.reference import field_docs, render_reference, render_schema
from tests.logs.observations import (
    CERTIFICATE_FETCH,
    CLEARTEXT,
    CONNECTION,
    CRL_FETCH,
    LEAK,
    TRANSACTION,
    WEIRD,
    measures,
    records,
)

MEASURES = measures()
EXAMPLES = {
    "conn": CONNECTION,
    "http": TRANSACTION,
    "files": TRANSACTION,
    "ocsp": LEAK,
    "weird": WEIRD,
    "notice": LEAK,
    "ocsp_exchange": LEAK,
    "leak": LEAK,
    "stats": MEASURES[0],
    "capture_loss": MEASURES[1],
    "ocspwatch_stats": MEASURES[2],
    "cleartext": CLEARTEXT,
    "crl": CRL_FETCH,
    "x509": CERTIFICATE_FETCH,
    "weird_stats": MEASURES[-3],
    "ocspwatch_limits": MEASURES[-2],
}
TYPES = {"string": str, "number": float, "integer": int, "boolean": bool, "array": list}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_is_documented_in_one_line(stream: str) -> None:
    docs = field_docs(STREAMS[stream])
    assert list(docs) == list(STREAMS[stream].__struct_fields__)
    assert all(re.fullmatch(r"[^\n|]{3,110}", doc) for doc in docs.values())


def test_reference_has_a_table_for_each_log_with_each_field() -> None:
    sections = re.split(r"^### (\w+)\.log$", render_reference(), flags=re.MULTILINE)[1:]
    assert sections[::2] == list(STREAMS)
    for stream, text in zip(sections[::2], sections[1::2], strict=True):
        named = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
        assert named == [name for name in STREAMS[stream].__struct_encode_fields__ if name[0] != "_"]
    assert "| `revoketime` | time, optional | When it was revoked. |" in render_reference()
    assert "| `id.resp_p` | port |" in render_reference()
    assert "| `suppress_for` | interval |" in render_reference()
    assert "| `names` | vector of string, optional |" in render_reference()


def fits(value: Any, shape: dict[str, Any]) -> bool:
    return type(value) is TYPES[shape["type"]] and value >= shape.get("minimum", value)


@pytest.mark.parametrize("timestamps", ["epoch", "iso8601", "millis"])
@pytest.mark.parametrize("stream", STREAMS)
def test_schema_takes_our_lines_and_nothing_else(stream: str, timestamps: str) -> None:
    schema = json.loads(json.dumps(render_schema(stream, timestamps)))
    assert schema["additionalProperties"] is False
    (record, *_) = records(stream, EXAMPLES[stream], timestamps=timestamps)
    assert set(schema["required"]) <= set(record) <= set(schema["properties"])
    for name, value in record.items():
        assert fits(value, schema["properties"][name]), name
    assert all(shape["description"] for shape in schema["properties"].values())


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["ocsp"], 0), (["nonsense"], 2)])
def test_command(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sensor.logs.reference", *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == code
    if arguments == ["ocsp"]:
        assert json.loads(done.stdout) == render_schema("ocsp")
    elif code == 0:
        assert done.stdout == render_reference()
    else:
        assert done.stdout == "" and "ocsp_exchange" in done.stderr
