"""sensor.logs.parts: what is remembered is what was said, and not without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.logs.encode import encode_str, encode_text
from sensor.logs.local_nets import LocalNets
from sensor.logs.parts import Parts
from sensor.settings import LogSettings
from tests.logs.observations import FLOW, changed, hostile_bytes, hostile_text


def make(**settings: object) -> Parts:
    return Parts(LogSettings(**settings), LocalNets(["192.168.0.0/16"]), False)  # type: ignore[arg-type]  # any setting


@given(st.lists(st.tuples(hostile_bytes, hostile_text)), st.integers(1, 30))
def test_texts_are_the_same_the_second_time(texts: list[tuple[bytes, str]], longest: int) -> None:
    parts = make(max_field_bytes=longest)
    for raw, text in [*texts, *texts]:
        assert parts.text(raw) == encode_text(raw)
        assert parts.short_str(text) == encode_str(text, longest)
        assert parts.hex(raw) == raw[:longest].hex().upper()


def test_memory_of_texts_is_bounded_and_answers_stay_right() -> None:
    parts = make()
    for number in range(20_000):
        raw = b"host%d" % number
        assert parts.text(raw) == raw.decode()
        assert parts.short_str(raw.decode()) == raw.decode()
        assert parts.hex(raw) == raw.hex().upper()
    assert parts.text(b"host0") == "host0"
    long = b"x" * 10_000
    assert parts.text(long) == long.decode()


def test_a_target_is_decoded_and_cut_for_our_own_logs_only() -> None:
    parts = make(max_field_bytes=4)
    for target, whole, short in ((b"/%41%41%41%41", "/AAAA", "/AAA"), (b"/a", "/a", "/a"), (b"%c3%bc%0", "ü%0", "ü%0")):
        assert parts.short_uri(target) == short
        assert parts.uri(target) == whole
        assert parts.short_uri(target) == short


def test_locality_goes_with_the_flow() -> None:
    parts = make()
    here = parts.use_flow(FLOW)
    assert (parts.orig_local, parts.resp_local) == (True, False)
    there = parts.use_flow(changed(FLOW, orig_h="8.8.8.8", resp_h="192.168.1.1"))
    assert (parts.orig_local, parts.resp_local) == (False, True)
    assert here != there
    assert parts.use_flow(FLOW) == here
    assert parts.community_id(FLOW) == "1:vL1ytoLOiACUnC3Qm+vEfoZM9Z8="
    assert parts.community_id(changed(FLOW, orig_p=1)) != parts.community_id(FLOW)
