"""Every field of every log is in the table, with a treatment that its type can take."""

from __future__ import annotations

import pytest

from sensor.logs.records import STREAMS
from sensor.logs.treatment import _KEEP, _MEANING, _OTHERS, Treatment, known_words, treatments

SPOKEN = {"str", "list[str]"}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_is_in_the_table(stream: str) -> None:
    assert set(treatments(stream)) == set(STREAMS[stream].__struct_encode_fields__)


def test_the_table_has_no_field_twice_and_none_that_is_in_no_log() -> None:
    named = _KEEP.split() + [field for fields in _OTHERS.values() for field in fields.split()]
    assert len(named) == len(set(named)) == len(_MEANING)
    assert set(named) <= {name for record in STREAMS.values() for name in record.__struct_encode_fields__}


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_replaced_is_text_and_what_is_rounded_a_time(stream: str) -> None:
    record = STREAMS[stream]
    kinds = dict(zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True))
    hints = {name: str(kind) for base in reversed(record.__mro__) for name, kind in _annotations(base).items()}
    for name, treatment in treatments(stream).items():
        kind = hints[kinds[name]].replace(" | UnsetType", "")
        if treatment in {Treatment.hour, Treatment.day}:
            assert kind == "Time", name
        elif treatment is not Treatment.keep:
            assert kind in SPOKEN, name


def _annotations(base: type) -> dict[str, str]:
    return dict(getattr(base, "__annotations__", {}))


STAYS = {
    *("_path", "peer", "proto", "service", "conn_state", "history", "tags", "source", "analyzers", "mime_type"),
    *("orig_mime_types", "resp_mime_types", "certStatus", "name", "file_mime_type", "note", "actions", "email_dest"),
    *("rule_id", "rule_level", "response_status", "cert_status", "audit", "ambiguous", "evidence", "channel", "grade"),
    *("decoded", "limit", "cost"),
    *("only_contains", "only_some_reasons", "ocsp_claims"),
}
"""Text that is kept: words of ours, each looked at."""


@pytest.mark.parametrize("stream", STREAMS)
def test_text_is_kept_only_where_somebody_has_looked(stream: str) -> None:
    record = STREAMS[stream]
    kinds = dict(zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True))
    hints = {name: str(kind) for base in reversed(record.__mro__) for name, kind in _annotations(base).items()}
    for name, treatment in treatments(stream).items():
        if treatment is Treatment.keep and hints[kinds[name]].replace(" | UnsetType", "") in SPOKEN:
            assert name in STAYS, f"{stream}.{name}"


def test_words_that_stand_are_in_everybodys_traffic() -> None:
    words = known_words()
    assert {"GET", "OK", "sha1", "sha256WithRSAEncryption", "keyCompromise", "Firefox", "header:basic"} <= words
    assert {"unknown (claims Firefox)", "application/ocsp-request"} <= words
    assert "" not in words
