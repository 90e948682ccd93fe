"""Transformations, beside what pySigma makes of the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.encodings import EncodingError, as_logged, transform
from sensor.rules.pattern import Wild, parse_pattern, plain_text


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


def test_windash() -> None:
    assert texts("windash", "a -f") == ["a -f", "a /f", "a –f", "a —f", "a ―f"]  # noqa: RUF001  (the dashes meant)
    assert len(texts("windash", "-a /b")) == 25
    assert texts("windash", "well-known") == ["well-known"]
    assert transform("windash", parse_pattern("*-a*"))[1] == (Wild.ANY, "/a", Wild.ANY)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("base64", "a*", "expected no wildcards before base64"),
        ("base64offset", "", "expected text before base64offset, not nothing"),
        ("windash", "-a -b -c -d -e", "expected at most 4 dashes"),
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
            assert sorted(texts(name, text)) == sorted(theirs(name, text)), (name, text)
