"""The index passes over no rule that matches: beside evaluating all of them on all events."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.http.transaction import Header
from sensor.privacy.leak import Grade
from sensor.rules.expression import Atom, Comparison, ExistsTest, Not, NumberTest, TextTest, TimePart
from sensor.rules.fields import HEADER_FIELDS, Field, Kind, fields_of
from sensor.rules.index import FieldIndex, HeaderIndex, ServiceIndex, can_index, merge
from sensor.rules.matching import compile_expression
from sensor.rules.pattern import Wild, parse_pattern
from sensor.rules.probes import PROBED, Shape
from sensor.rules.rule import EventRule, RuleSet
from sensor.settings import Settings
from tests.rules.looking import Both, Keeper, captures, look
from tests.rules.writing import UUID, engine, read, rule

PATHS = [*captures("ocsp", "rules", "audit")[::7], *captures("http")[::3], *captures("office")]
VALUES = [
    "GET",
    "post",
    "200",
    "40*",
    "*ocsp*",
    "ocsp.*",
    "*.example",
    "*",
    "?",
    "10.20.0.*",
    "revoked",
    "good",
    "both",
    "80",
    "application/*",
    "SF",
    "*firefox*",
    "Mozilla/5.0*",
    "/",
    "exact",
    "unlisted",
    "*e*a*",
    "null",
    "",
    "HOST: *",
    "ACCEPT",
]  # fmt: skip  (a heap of values)


@st.composite
def detections(draw: st.DrawFn, service: str) -> str:
    """Two selections of tests that may mean something to an event of `service`, joined somehow."""
    known = [field for field in fields_of(service).values() if field.kind is not Kind.bool]

    def test() -> str:
        field = draw(st.sampled_from(known))
        if field.kind is Kind.text:
            word = draw(st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased", "|re", "|exists"]))
        else:
            word = draw(st.sampled_from(["", "|gt", "|lte", "|exists"]))
        if word == "|exists":
            return f"        {field.name}{word}: {draw(st.sampled_from(['true', 'false']))}"
        values = ["0", "1", "80", "200", "404", "1480"] if field.kind is not Kind.text else VALUES
        if word == "|re":
            values = ["ocsp", "^G", "[0-9]{3}", "(?i)mozilla|curl", "e$"]
        several = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
        return f"        {field.name}{word}:\n" + "\n".join(f"            - {value!r}" for value in several)

    def selection(name: str) -> str:
        tests = {each.split(":")[0]: each for each in (test() for _ in range(draw(st.integers(1, 3))))}
        return f"    {name}:\n" + "\n".join(tests.values())

    condition = draw(
        st.sampled_from(["a", "a or b", "a and b", "a and not b", "not a", "not (a and b)", "not (a or not b)"])
    )
    names = ["a", "b"] if "b" in condition else ["a"]
    return "\n".join(["detection:", *map(selection, names), f"    condition: {condition}"])


SERVICES = ("conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "cleartext", "weird")


@given(
    st.lists(
        st.sampled_from(SERVICES).flatmap(lambda s: st.tuples(st.just(s), detections(s))), min_size=20, max_size=40
    )
)
@settings(max_examples=4, deadline=None)
def test_nothing_that_matches_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, str]]
) -> None:
    texts = []
    for number, (service, detection) in enumerate(drawn):
        lines = rule("host: x", service, number).splitlines()
        texts.append("\n".join([*lines[:5], detection]) + "\n")
    found, mistakes = read(tmp_path_factory.getbasetemp(), *texts)
    assert all("expected text" in line or "expected a number" in line for line in mistakes), mistakes
    looking, _, _ = engine(found)
    keeper = Keeper(Settings())
    look(PATHS, lambda _: Both(keeper, looking))
    expected = {}
    for each in found.events:
        matches = compile_expression(each.expression)
        hits = sum(1 for event in keeper.events if event.service == each.service and matches(event))
        if hits:
            expected[each.head.id] = hits
    assert looking.hits == expected


def test_most_rules_are_passed_over(tmp_path: Path) -> None:
    """And not because nothing is ever asked: this is what makes rules cheap."""
    found, _ = read(
        tmp_path,
        rule("uri|contains: jndi", number=1),
        rule("user_agent: [a, b]\nmethod: GET", number=2),
        rule("client_headers|contains: '${'", number=3),
        rule("status_code|gte: 500", number=4),
        rule("host|re: '^x'", number=5),
        rule("host|endswith: .x", number=6, condition="selection and not 1 of filter_*").replace(
            "    condition", "    filter_a:\n        method: GET\n    condition"
        ),
        rule("host: x", number=7, condition="not selection"),
    )
    required = [each.expression for each in found.events]
    from sensor.rules.requirement import requirement

    index = ServiceIndex("http", [requirement(each, partial(can_index, "http")) for each in required], [], 1024)
    assert index.always == (6,)
    fields = {code: name for name, (code, _) in PROBED["http"].items()}
    assert {fields[field.code] for field in index.fields} == {"uri", "user_agent", "status_code", "host"}
    by_name = {fields[field.code]: field for field in index.fields}
    assert by_name["uri"].candidates(b"/x/%24{JNDI:a}") == (0,) and by_name["uri"].candidates(b"/x") == ()
    assert by_name["user_agent"].candidates(b"A") == (1,)
    assert by_name["status_code"].candidates(503) == (3,) and by_name["status_code"].candidates(200) == ()
    assert by_name["host"].candidates(b"x.x") == (4, 5)
    assert index.server is None and index.client is not None


def test_a_value_that_may_be_cut_names_all() -> None:
    field = FieldIndex(1, Shape.octets, [(TextTest(("x",)), 3), (TextTest((Wild.ANY, "y")), 1)], 10)
    assert field.candidates(b"a" * 11) == (1, 3) and field.candidates(b"a" * 10) == ()


def test_absent_fields_and_opposites() -> None:
    name = Field("status_code", Kind.number)
    not_ok = Not(Atom(name, NumberTest(Comparison.eq, 200)))
    field = FieldIndex(1, Shape.number, [(ExistsTest(False), 0), (not_ok, 1), (NumberTest(Comparison.eq, 200), 2)], 10)
    assert field.absent == (0, 1)
    assert field.candidates(200) == (2,) and field.candidates(404) == (1,)
    assert field.candidates((200, 404)) == (1, 2) and field.candidates((200,)) == (1, 2)  # named, and may not match
    text = FieldIndex(1, Shape.text, [(Not(Atom(name, TextTest(("get",)))), 3), (ExistsTest(True), 4)], 10)
    assert text.absent == (3,) and text.candidates("GET") == (4,) and text.candidates("PUT") == (3, 4)


def test_numbers_that_pass_none_are_told_by_comparing() -> None:
    tests = [NumberTest(Comparison.eq, 8), NumberTest(Comparison.eq, float("nan")), NumberTest(Comparison.eq, 5)]
    for some in (tests, tests[::-1], [tests[1], tests[0], tests[2]]):  # a NaN orders nothing
        field = FieldIndex(1, Shape.number, [(test, number) for number, test in enumerate(some)], 10)
        for number in (4, 5, 6, 8, 8.0, 9, 1 << 62):
            wanted = tuple(place for place, test in enumerate(some) if test.number == number)
            assert field.candidates(number) == field.candidates(number) == wanted, number
    near = 1 << 60  # what a double cannot tell from its neighbours
    bounds = [NumberTest(Comparison.gt, near), NumberTest(Comparison.lte, 3), NumberTest(Comparison.eq, near + 1)]
    field = FieldIndex(1, Shape.number, [(test, number) for number, test in enumerate(bounds)], 10)
    assert field.candidates(near + 1) == (0, 2) and field.candidates(near + 2) == (0,)
    assert field.candidates(near) == () and field.candidates(4) == () and field.candidates(3) == (1,)


def test_members_of_an_enum() -> None:
    tests = [(TextTest(("exact",)), 0), (TextTest((Wild.ANY, "e", Wild.ANY)), 1), (TextTest(("no_client",)), 2)]
    field = FieldIndex(1, Shape.member, tests, 100)
    for grade in [*Grade, *Grade]:
        assert (0 in field.candidates(grade), 2 in field.candidates(grade)) == (grade is Grade.exact, False)
        assert (1 in field.candidates(grade)) is ("e" in grade.value)
    assert field.candidates((Grade.exact, Grade.many)) == (0, 1) and field.candidates(()) == ()


def test_a_header_field_is_known_again_if_it_is_short() -> None:
    names = FieldIndex(0, Shape.octets, [(TextTest((Wild.ANY, "x-y", Wild.ANY)), 1)], 1 << 20)
    index = HeaderIndex(names, None)
    for size in (1, 10_000):
        odd, plain = Header(b"x-y", b"a" * size), Header(b"via", b"a" * size)
        for _ in range(3):
            assert index.candidates((plain, odd)) == (1,) and index.candidates((plain,)) == ()


def test_memory_is_bounded_and_answers_stay() -> None:
    field = FieldIndex(1, Shape.octets, [(TextTest(parse_pattern("*7")), 1)], 100)
    for number in range(20_000):
        assert field.candidates(b"%d" % number) == ((1,) if number % 10 == 7 else ())
    for number in range(20_000):
        assert field.candidates((b"a%d" % number,)) == ((1,) if number % 10 == 7 else ())


def test_what_cannot_be_indexed() -> None:
    text, number = Field("host", Kind.text), Field("status_code", Kind.number)
    assert can_index("http", Atom(text, ExistsTest(True))) and can_index("http", Atom(text, ExistsTest(False)))
    assert can_index("http", Not(Atom(number, NumberTest(Comparison.eq, 80))))
    assert not can_index("http", Not(Atom(text, ExistsTest(True)))) and not can_index(
        "http", Not(Not(Atom(text, ExistsTest(True))))
    )
    assert not can_index("http", Atom(None, TextTest(("x",))))
    assert can_index("http", Atom(number, NumberTest(Comparison.gt, 5)))
    assert not can_index("http", Atom(Field("ts", Kind.time), NumberTest(Comparison.gt, 5, TimePart.hour)))
    assert can_index("http", Atom(Field(HEADER_FIELDS[0], Kind.text, True), TextTest(("x",))))
    assert not can_index("x509", Atom(text, TextTest(("x",))))


def test_merged_in_order() -> None:
    assert merge((1, 5), (0, 5, 9)) == (0, 1, 5, 9)


def test_rules_that_are_asleep_are_not_there(tmp_path: Path) -> None:
    found, _ = read(tmp_path, rule("query: x", "dns"))
    looking, _, _ = engine(RuleSet(found.rules))
    assert not looking.active and isinstance(found.rules[0], EventRule) and UUID
