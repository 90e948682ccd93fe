"""Transformations, beside what pySigma makes of the same."""

from __future__ import annotations

from base64 import b64encode
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.encodings import EncodingError, as_logged, transform
from sensor.rules.pattern import DASHES, Wild, compile_pattern, parse_pattern, plain_text


def texts(name: str, value: str) -> list[str]:
    return [plain_text(as_logged(each)) for each in transform(name, parse_pattern(value))]


def test_base64() -> None:
    assert texts("base64", "foobar") == ["Zm9vYmFy"]
    assert texts("base64offset", "foobar") == ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]


def test_offsets_are_found_at_any_offset() -> None:
    from base64 import b64encode

    @given(st.binary(max_size=7), st.text(alphabet="abc/", min_size=2, max_size=12), st.binary(max_size=7))
    def found(before: bytes, text: str, after: bytes) -> None:
        whole = b64encode(before + text.encode() + after).decode()
        assert any(part in whole for part in texts("base64offset", text))

    found()


def test_utf16_is_what_the_log_makes_of_it() -> None:
    assert texts("wide", "ab") == [r"a\x00b\x00"]
    assert texts("utf16be", "ab") == [r"\x00a\x00b"]
    (once,) = transform("wide", parse_pattern("ab"))
    assert [plain_text(as_logged(each)) for each in transform("base64", once)] == ["YQBiAA=="]
    assert transform("utf16", parse_pattern("a")) == [b"\xff\xfea\0"]


def dashed(text: str) -> list[str]:
    """All that a value stands for under windash."""
    (found,) = transform("windash", parse_pattern(text))
    assert not isinstance(found, bytes)
    choices = [DASHES if part is Wild.DASH else (part,) for part in found]
    return ["".join(map(str, each)) for each in product(*choices)]


def test_windash() -> None:
    assert dashed("a -f") == ["a -f", "a /f", "a –f", "a —f", "a ―f"]  # noqa: RUF001  (the dashes meant)
    assert len(dashed("-a /b")) == 25
    assert dashed("well-known") == ["well-known"]
    assert transform("windash", parse_pattern("*-a*")) == [(Wild.ANY, Wild.DASH, "a", Wild.ANY)]
    (many,) = transform("windash", parse_pattern("-a -b -c -d -e -f"))
    assert not isinstance(many, bytes)
    matches = compile_pattern(many)
    assert matches("-a /b \u2014c -d \u2015e /f") and not matches("-a /b _c -d -e /f") and not matches("-a")


def test_dashes_are_written_out_before_an_encoding() -> None:
    (dashes,) = transform("windash", parse_pattern("-a /b"))
    encoded = [plain_text(as_logged(each)) for each in transform("base64", dashes)]
    assert sorted(encoded) == sorted(b64encode(each.encode()).decode() for each in dashed("-a /b"))
    (many,) = transform("windash", parse_pattern("-a -b -c -d -e"))
    with pytest.raises(EncodingError, match="expected at most 4 dashes in a value under windash before base64"):
        transform("base64", many)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("base64", "a*", "expected no wildcards before base64"),
        ("base64offset", "", "expected text before base64offset, not nothing"),
    ],
)
def test_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(EncodingError, match=told):
        transform(name, parse_pattern(value))


def test_the_same_as_pysigma() -> None:
    modifiers = pytest.importorskip("sigma.modifiers", reason="needs pySigma (the extra convert)")
    from sigma.rule import SigmaDetectionItem
    from sigma.types import SigmaExpansion, SigmaString

    def theirs(name: str, text: str) -> list[str]:
        item = SigmaDetectionItem("f", [modifiers.modifier_mapping[name]], [SigmaString(text)])
        values = item.value[0].values if isinstance(item.value[0], SigmaExpansion) else item.value
        return [plain_text(parse_pattern(str(value))) for value in values]

    for name in ("base64", "base64offset", "windash"):
        for text in ("foo", "ab -f x", "/c", "a"):
            if name == "base64offset" and len(text) < 2:
                continue
            ours = dashed(text) if name == "windash" else texts(name, text)
            assert sorted(ours) == sorted(theirs(name, text)), (name, text)
