"""Which tests a rule needs: never one that it can do without."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.expression import And, Atom, Comparison, ExistsTest, Expression, Not, NumberTest, Or, TextTest
from sensor.rules.fields import Field, Kind
from sensor.rules.matching import compile_expression
from sensor.rules.requirement import Literal, guard, positive, requirement
from tests.rules.writing import Line

NAMES = ("a", "b", "c")


def atom(name: str, value: str | None = None) -> Atom:
    return Atom(Field(name, Kind.text), ExistsTest(True) if value is None else TextTest((value,)))


TREES = st.recursive(
    st.builds(atom, st.sampled_from(NAMES), st.sampled_from(["x", "post", None])),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: And(tuple(items)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: Or(tuple(items)))
    ),
    max_leaves=8,
)
EVENTS = [
    Line(**{name: value for name, value in zip(NAMES, values, strict=True) if value is not None})
    for values in itertools.product(["x", "post", "z", None], repeat=3)
]


@given(TREES)
def test_no_event_matches_without_one_of_them(tree: Expression) -> None:
    def can(each: Literal) -> bool:
        return isinstance(each, Atom) or isinstance(each.item, Atom)

    found = requirement(tree, can)
    if found is None:
        return
    needed = [compile_expression(each) for each in found]
    matches = compile_expression(tree)
    for event in EVENTS:
        assert not matches(event) or any(test(event) for test in needed)


@given(TREES)
def test_no_event_matches_without_one_of_the_guard(tree: Expression) -> None:
    def can(each: Literal) -> bool:
        return isinstance(each, Atom) or isinstance(each.item, Atom)

    first = requirement(tree, can)
    found = None if first is None else guard(tree, first, can)
    if found is None:
        return
    needed = [compile_expression(each) for each in found]
    matches = compile_expression(tree)
    for event in EVENTS:
        assert not matches(event) or any(test(event) for test in needed)


def test_a_guard_is_of_other_fields() -> None:
    post, odd, small = atom("a", "post"), atom("b", "odd"), atom("c", "x")
    tree = And((odd, atom("b", "other"), And((small, post))))
    assert guard(tree, (odd,), lambda _: True) == (small,)
    assert guard(And((odd, atom("b", "other"))), (odd,), lambda _: True) is None
    assert guard(odd, (odd,), lambda _: True) is None


@given(TREES)
def test_the_positive_form_means_the_same(tree: Expression) -> None:
    before, after = compile_expression(tree), compile_expression(positive(tree))
    assert all(before(event) == after(event) for event in EVENTS)


def test_what_few_events_have_is_rare_and_nothing_is_seldom_nothing() -> None:
    good, on_crl = atom("cert_status", "good"), atom("on_crl")
    assert requirement(And((good, on_crl)), lambda _: True) == (on_crl,)
    empty = Atom(Field("response_body_len", Kind.number), NumberTest(Comparison.eq, 0))
    many = Or(tuple(atom("uri", f"/{number}.sql") for number in range(40)))
    assert requirement(And((Not(empty), many)), lambda _: True) == many.items
    fine = Atom(Field("status_code", Kind.number), NumberTest(Comparison.eq, 200))
    assert requirement(And((Not(fine), many)), lambda _: True) == (Not(fine),)


def test_the_rarest_is_chosen() -> None:
    post, odd = atom("a", "post"), atom("b", "odd")
    assert requirement(And((post, odd)), lambda _: True) == (odd,)
    assert requirement(And((post, Or((odd, atom("c", "x"))))), lambda _: True) == (odd, atom("c", "x"))
    assert requirement(Or((post, Not(odd))), lambda _: True) is None
    assert requirement(Not(odd), lambda _: True) is None  # nearly every event is other than odd
    assert requirement(And((Not(post), atom("c"))), lambda _: True) == (Not(post),)
    assert requirement(Or((Not(post), odd)), lambda _: True) == (Not(post), odd)
    assert requirement(Or((Not(post), odd)), lambda each: isinstance(each, Atom)) is None
    assert requirement(odd, lambda _: False) is None
