"""sensor.ct.sources.zeek: x509.log in tab-separated form, with certificates and without."""

from __future__ import annotations

import io

import pytest

from sensor.ct.sources import DerItem, Item, Origin, Refusal
from sensor.ct.sources.json_text import X509_BARE
from sensor.ct.sources.zeek import looks_like_x509_log, read_x509_log
from tests.ct.feeds import b64, zeek_tsv
from tests.ct.pki import make_root

ROOT = make_root("Root One")
LEAF = ROOT.issue("a.example", serial=0xA1)


def read(data: bytes, limit: int = 1 << 20) -> list[Item]:
    return list(read_x509_log(io.BytesIO(data), limit))


def item(place: str) -> DerItem:
    return DerItem(LEAF, place, "Zeek", origin=Origin.traffic)


def test_certificates_and_lines_without_one() -> None:
    log = zeek_tsv(LEAF, None, LEAF)
    assert looks_like_x509_log(log)
    assert read(log) == [item("line 9"), Refusal(X509_BARE, "line 10"), item("line 11")]


def test_a_log_without_the_field() -> None:
    assert read(zeek_tsv(LEAF, with_certificates=False)) == [Refusal(X509_BARE, "line 9")]


def test_logs_one_behind_the_other() -> None:
    """The second has other fields: what was announced last counts."""
    found = read(zeek_tsv(LEAF, with_certificates=False) + zeek_tsv(LEAF))
    assert found == [Refusal(X509_BARE, "line 9"), item("line 19")]


def test_another_separator_and_line_end() -> None:
    assert read(zeek_tsv(LEAF).replace(b"\t", b"|").replace(b"\\x09", b"\\x7c")) == [item("line 9")]
    assert read(zeek_tsv(LEAF).replace(b"\t", b"|").replace(b"\\x09", b"|")) == [item("line 9")]
    assert read(zeek_tsv(LEAF).replace(b"\\x09", b"\\xzz")) == [item("line 9")]
    assert read(zeek_tsv(LEAF).replace(b"\n", b"\r\n")) == [item("line 9")]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b64(LEAF).encode(), b"%%%", "what is no base64"),
        (b64(LEAF).encode(), b64(LEAF).encode()[:-3], "what is no base64"),
        (b"\t" + b64(LEAF).encode(), b"", "a line of no field that was announced"),
    ],
)
def test_damage(old: bytes, new: bytes, reason: str) -> None:
    log = zeek_tsv(LEAF)
    assert read(log.replace(old, new) + log) == [Refusal(reason, "line 9"), item("line 19")]


def test_a_line_that_is_too_long() -> None:
    log = zeek_tsv(LEAF).replace(b"CN=a.example", b"CN=" + b"a" * 5000)
    assert read(log + zeek_tsv(LEAF), limit=4000) == [Refusal("a line that is too long", "line 9"), item("line 19")]


def test_other_logs_of_zeek() -> None:
    assert not looks_like_x509_log(zeek_tsv(LEAF).replace(b"\tx509\n", b"\tssl\n"))
    assert not looks_like_x509_log(b"#separator \\x09\n#path\tx5090\n")
    assert not looks_like_x509_log(zeek_tsv(LEAF)[1:])
