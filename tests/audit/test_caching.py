"""sensor.audit.caching: HTTP's headers against the answer's times. The first replies are those of the corpus."""

from __future__ import annotations

import hashlib
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.audit.caching import Directives, check_caching, parse_cache_control
from sensor.audit.findings import findings_of
from sensor.http.transaction import Header, HttpResponse
from tests.audit.replies import DAY, HOUR, NOW, SECOND, transaction

SKEW = 300 * SECOND
THIS, NEXT = NOW - HOUR, NOW + 6 * DAY
SHA1, SHA256 = hashlib.sha1(b"body").hexdigest(), hashlib.sha256(b"body").hexdigest()  # noqa: S324  (ETags are)


def date(moment: int) -> bytes:
    return formatdate(moment // SECOND, usegmt=True).encode()


def found(*headers: tuple[bytes, bytes], next_update: int | None = NEXT, may_be_cached: bool = True) -> set[str]:
    response = transaction(*headers, sha1=SHA1, sha256=SHA256).response
    assert isinstance(response, HttpResponse)
    bits = check_caching(response.headers, response.files, NOW, THIS, next_update, SKEW, may_be_cached)
    return {finding.value for finding in findings_of(bits)}


def cached(value: bytes, *more: tuple[bytes, bytes]) -> set[str]:
    return found((b"cache-control", value), *more)


def test_as_public_responders_send_them() -> None:
    digicert = (
        (b"age", b"3793"),
        (b"cache-control", b"max-age=161727"),
        (b"date", date(NOW)),
        (b"etag", b'"6232b98e-5e3"'),
        (b"expires", date(NOW + 161727 * SECOND)),
        (b"last-modified", date(THIS + 900 * SECOND)),
    )
    lets_encrypt = (
        (b"etag", b'"' + SHA256.upper().encode() + b'"'),
        (b"last-modified", date(THIS).replace(b"GMT", b"UTC")),
        (b"cache-control", b"public, no-transform, must-revalidate, max-age=21069"),
        (b"expires", date(NOW + 21069 * SECOND)),
        (b"date", date(NOW)),
    )
    google = ((b"date", date(NOW - 59483 * SECOND)), (b"cache-control", b"public, max-age=86400"), (b"age", b"59483"))
    for headers in (digicert, lets_encrypt, google, ()):
        assert found(*headers) == set()


def test_max_age_against_next_update() -> None:
    left = (NEXT - NOW) // SECOND
    assert cached(b"max-age=%d" % (left + 300)) == set()
    assert cached(b"max-age=%d" % (left + 301)) == {"cache_max_age_beyond_next_update"}
    assert cached(b"max-age=60, s-maxage=%d" % (left + 301)) == {"cache_max_age_beyond_next_update"}
    assert cached(b'MAX-AGE="%d"' % (left + 301)) == {"cache_max_age_beyond_next_update"}
    # What has gone by already counts, by Age or by Date, whichever says more.
    assert cached(b"max-age=%d" % (left + 900), (b"age", b"600")) == set()
    assert cached(b"max-age=%d" % (left + 900), (b"date", date(NOW - 600 * SECOND))) == set()
    assert cached(b"max-age=%d" % (left + 901), (b"age", b"600")) == {"cache_max_age_beyond_next_update"}
    assert cached(b"max-age=%d" % (left + 901), (b"date", date(NOW - 600 * SECOND)), (b"age", b"9")) != set()
    # A clock that is ahead takes nothing away.
    assert cached(b"max-age=%d" % (left + 301), (b"date", date(NOW + DAY))) == {"cache_max_age_beyond_next_update"}
    assert found((b"cache-control", b"max-age=999999999"), next_update=None) == set()
    # Expired in the cache already: `cache_stale`, not this.
    assert cached(b"max-age=10", (b"age", b"99999999")) == {"cache_stale"}


def test_expires_counts_where_there_is_no_max_age() -> None:
    assert found((b"expires", date(NEXT + SKEW))) == set()
    assert found((b"expires", date(NEXT + SKEW + SECOND))) == {"cache_expires_beyond_next_update"}
    assert cached(b"max-age=60", (b"expires", date(NEXT + DAY))) == set()
    assert cached(b"public", (b"expires", date(NEXT + DAY))) == {"cache_expires_beyond_next_update"}
    assert found((b"expires", b"-1")) == set()
    assert found((b"expires", date(NEXT + DAY)), next_update=None) == set()


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        (b"cache-control", b"no-store", True),
        (b"cache-control", b"private, No-Cache", True),
        (b"cache-control", b'no-cache="set-cookie"', False),
        (b"cache-control", b"no-transform", False),
        (b"pragma", b"No-Cache", True),
        (b"pragma", b"x", False),
    ],
)
def test_forbidden(name: bytes, value: bytes, forbidden: bool) -> None:
    assert found((name, value)) == ({"cache_forbidden"} if forbidden else set())
    assert found((name, value), may_be_cached=False) == set()


def test_last_modified_before_this_update() -> None:
    assert found((b"last-modified", date(THIS - SKEW))) == set()
    assert found((b"last-modified", date(THIS - SKEW - SECOND))) == {"cache_last_modified_early"}


def test_etag_of_the_form_of_a_hash() -> None:
    for text in (SHA1, SHA256, SHA1.upper(), SHA256.upper()):
        assert found((b"etag", b'"' + text.encode() + b'"')) == set()
    for text in ("0" * 40, "A" * 64):
        assert found((b"etag", b'"' + text.encode() + b'"')) == {"cache_etag_mismatch"}
    for other in (b'"0123"', b'W/"' + b"0" * 40 + b'"', b"0" * 40, b'"' + b"0" * 41 + b'"'):
        assert found((b"etag", other)) == set()


def test_stale() -> None:
    assert cached(b"max-age=100", (b"age", b"400")) == set()
    assert cached(b"max-age=100", (b"age", b"401")) == {"cache_stale"}
    assert cached(b"max-age=100, stale-while-revalidate=60", (b"age", b"401")) == set()
    assert cached(b"max-age=100", (b"age", b"many")) == set()


def test_repeated_fields_are_one_list() -> None:
    assert parse_cache_control(b"max-age=5,max-age=7") == Directives(7, False, False)
    assert found((b"cache-control", b"public"), (b"cache-control", b"no-store")) == {"cache_forbidden"}


def test_findings_add_up() -> None:
    assert found(
        (b"cache-control", b"no-store, max-age=99999999"),
        (b"last-modified", date(THIS - DAY)),
        (b"etag", b'"' + b"0" * 64 + b'"'),
    ) == {
        "cache_max_age_beyond_next_update",
        "cache_forbidden",
        "cache_last_modified_early",
        "cache_etag_mismatch",
    }
    assert found((b"expires", date(NEXT + DAY)), (b"pragma", b"no-cache")) == {
        "cache_expires_beyond_next_update",
        "cache_forbidden",
    }


def test_directives() -> None:
    assert parse_cache_control(b"") == Directives(None, False, False)
    assert parse_cache_control(b"max-age=-5") == Directives(None, False, False)
    assert parse_cache_control(b"max-age=1e9") == Directives(None, False, False)
    assert parse_cache_control(b"max-age=" + b"9" * 900).max_age == 1 << 31
    assert parse_cache_control(b"no-store," * 200) == Directives(None, False, False)  # longer than anyone's


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"cache-control", b"expires", b"date", b"age", b"etag", b"last-modified", b"pragma"]),
            st.binary(max_size=40) | st.sampled_from([b"max-age=" + b"9" * 2000, b"9" * 5000, date(NOW)]),
        ),
        max_size=6,
    )
)
def test_no_header_makes_it_raise(headers: list[tuple[bytes, bytes]]) -> None:
    made = tuple(Header(name, value) for name, value in headers)
    assert check_caching(made, (), NOW, THIS, NEXT, SKEW, True) >= 0
