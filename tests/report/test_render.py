"""The page."""

from __future__ import annotations

import io

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.audit.findings import GRAVE, Finding
from sensor.http.transaction import Ambiguity
from sensor.logs.observer import Notice
from sensor.privacy.leak import Grade
from sensor.report.layout import line_width
from sensor.report.render import print_summary, render_summary, wants_colour
from sensor.report.summary import FileRead, Summary
from sensor.weird import Weird


class Terminal(io.StringIO):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        return self._encoding

    def isatty(self) -> bool:
        return True


def page(summary: Summary, width: int = 80) -> str:
    out = io.StringIO()
    print_summary(summary, out, width=width)
    return out.getvalue()


def test_the_office_in_80_columns(office: Summary) -> None:
    """The whole face, so that a change of it is seen in review."""
    assert page(office) == OFFICE


@pytest.mark.parametrize("width", [1, 60, 79, 80, 100, 120, 140, 500])
def test_no_line_is_wider_than_asked(office: Summary, width: int) -> None:
    assert all(line_width(line) <= max(60, min(width, 120)) for line in render_summary(office, width))


def test_nothing_read() -> None:
    text = page(Summary())
    assert "0 inputs" in text
    assert "Nobody was seen asking about a certificate." in text
    assert "Everything was readable." in text


def test_one_input_is_named(make) -> None:
    summary = Summary()
    summary.feed([FileRead("a.pcap", 10, 2000, 0, 60 * 10**9)])
    assert "  a.pcap  1970-01-01 00:00:00 to 00:01:00 UTC, 60 s" in page(summary)


def test_many_inputs_are_cut_and_damaged_ones_are_not() -> None:
    summary = Summary()
    summary.feed([FileRead(f"{n}.pcap", 1, 1, 0, 1, ("torn",) if n == 29 else ()) for n in range(30)])
    text = page(summary)
    assert "damaged\n  and 22 more inputs" in text
    assert "  29.pcap  torn" in text


def test_damage_by_place() -> None:
    summary = Summary()
    summary.feed([Weird(1, "record_cut", None, f"x.pcap: byte {n}", "CAPTURE") for n in range(100)])
    text = page(summary)
    assert "  record_cut  x.pcap: byte 7\n              and 92 more\n" in text


def test_damage_is_told_once() -> None:
    summary = Summary()
    summary.feed(
        [
            FileRead("x.pcap", 1, 1, 0, 1, ("in part",)),
            FileRead("y.pcap", 1, 1, 0, 1, ("in part",)),
            Weird(1, "record_cut", None, "x.pcap: byte 7", "CAPTURE"),
        ]
    )
    text = page(summary)
    assert "  y.pcap      in part\n  record_cut  x.pcap: byte 7\n" in text
    assert text.count("in part") == 1


def test_what_was_not_tcp() -> None:
    summary = Summary()
    summary.other_frames = {"arp": 4, "udp": 12345}
    assert "  not TCP: 12,345 udp, 4 arp\n" in page(summary)


def test_colour_only_where_wanted(office: Summary) -> None:
    assert "\x1b" not in page(office)
    terminal = Terminal()
    print_summary(office, terminal, width=80, colour=True)
    assert "\x1b[1;31m    exact" in terminal.getvalue()
    plain = Terminal()
    print_summary(office, plain, width=80, colour=False)
    assert plain.getvalue() == page(office)


@pytest.mark.parametrize(
    ("environ", "is_terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, True, True),
    ],
)
def test_wants_colour(environ: dict[str, str], is_terminal: bool, colour: bool) -> None:
    assert wants_colour(Terminal() if is_terminal else io.StringIO(), environ) is colour


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_will_do(make, office: Summary, encoding: str) -> None:
    office.leak(make.leak("10.9.9.9", Grade.exact, "Müller 株式会社"))
    out = Terminal(encoding)
    print_summary(office, out, width=80, colour=False)
    assert out.getvalue().encode(encoding)
    assert ("───" in out.getvalue()) is (encoding == "utf-8")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(min_size=1), raw=st.binary(), width=st.integers(40, 130), grade=st.sampled_from(Grade))
def test_hostile_text_stays_within_its_line(make, text: str, raw: bytes, width: int, grade: Grade) -> None:
    summary = Summary()
    names = (text,)
    site = None if grade in (Grade.ca, Grade.unlisted) else text
    summary.feed(
        [
            FileRead(text, 1, 1, 0, 1, (text,)),
            FileRead("b", 1, 1, 0, 1, (text * 20,)),
            make.connection(80, text),
            make.transaction(text),
            make.exchange("10.0.0.1", "0A", host=raw),
            make.leak(text, grade, site, text, names=names, issuer=text, software=text),
            Weird(0, text, None, text),
        ]
    )
    lines = render_summary(summary, width)
    assert all(line_width(line) <= max(60, width) for line in lines)
    for line in lines:
        assert all(c.isprintable() for span, _ in line for c in span)


OFFICE = """\
ocspwatch ───────────────────────────────── 3 inputs · 123,681 packets · 89.3 MB
  2026-05-28 08:00:12 to 09:41:54 UTC, 1 h 42 min
  office-0800.pcapng             120,431 packets   88.2 MB
  office-0900.pcap.gz              3,210 packets    1.1 MB  damaged
  captures/\\x1b]0;x\\x07.pcap          40 packets    4.0 kB  damaged

Top TCP ports ────── 1,657 connections    Reply MIME types ──── 319 transactions
    443  ssl   1,203  ━━━━━━━━━━━━━━━━      text/html                        143
     80  http    321  ━━━━                  application/ocsp-response         61
   3128  http     77  ━                     image/jpeg                        55
     22  ssh      12  ━                     (no body)                         29
   8443  ssl       9  ━                     (type unknown)                    17
    445            7  ━                     application/pkix-crl               6
   5223  ssl       5  ━                     application/vnd…-cab-compressed    4
   2560  http      3  ━                     (no reply)                         4
  40000            1  ━
  40001            1  ━
  other           18  ━

OCSP by responder ───────────────────────────────────────────────── 54 questions
                            asked  answers                     valid for   delay
  ocsp.trust.example           35  31 good, 1 revoked,               7 d   28 ms
                                   1 unauthorized, 1 trylater,
                                   1 no reply
  r9.o.encrypt.example         12  9 good, 3 not modified            4 d    8 ms
  ocsp.corp.example:2560        6  5 good, 1 unknown                        2 ms
  evil\\x1b[2j\\xff.example       1  1 http 503                              20 ms

Who disclosed what ────────────────────── 6 clients · 10 sites · 14 certificates
  10.1.0.21  Windows CryptoAPI
    exact     onlinebank.example                   3 times
    exact     clinic-for-something.example         1 time, revoked
    few       webshop.example or 3 other sites     1 time
    many      cdn-front.example, one of 87 sites   1 time
    ca        Example Trust TLS RSA CA G2          1 time
  10.1.0.22  Apple trustd 2
    exact     forum.example.org                    1 time
    exact     news.example.co.uk                   1 time
    many      github.io or any site under it       1 time
    unlisted  2 serials of R9, Encrypt Everything  2 times
  10.1.0.23  Firefox, curl
    exact     onlinebank.example                   1 time
    few       webshop.example or 3 other sites     1 time
    unlisted  1 serial of an unknown issuer        1 time
  10.1.0.24  Java
    exact     intranet.corp                        1 time
  10.1.0.200  nginx stapling
    exact     www-front.example                    1 time
  2001:db8:1::25  unknown
    exact     evil\\x1b[2J\\u202egnp.example         1 time, reply only
  exact: the certificate names one site; few: 2 to 10 sites; many: more than 10,
  or any under a shared suffix; ca: an intermediate, which tells the CA only;
  unlisted: not in the cache, yet the serial links one visit to the next

Unlisted serials ──────────── ocspwatch ct import adds certificates to the cache
  04EFBAC2A12A30D9CDB4F6BC683DDFFC693A  R9, Encrypt Everything  1 time
  0311AE77D0C2F1FB7C6A1D2B10AFB8F3E0F1  R9, Encrypt Everything  1 time
  0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A      unknown issuer          1 time

Not readable ───────────────────────────────────────────────────────────────────
  office-0900.pcap.gz         cut short: the record at byte 1,101,210 claims
                              1,514 bytes and 8 are there
  captures/\\x1b]0;x\\x07.pcap  gzip: checksum differs at the end
  lost in capture             2,920 bytes in 2 of 1,657 connections
  not taken                   1,470 bytes of TCP: 10 behind a FIN,
                              1,460 too late
  certificate cache           2 look-ups not answered, graded unlisted
  odd traffic                 12 data_before_established,
                              3 unknown_link_type (147)
"""


def test_replies_that_are_not_sound(make) -> None:
    summary = Summary()
    asked = make.exchange("192.0.2.1", "0A0B")
    summary.exchange(asked)
    assert "not sound" not in page(summary)
    summary.audits([asked] * 3, [(Finding.signature_invalid,), (Finding.signature_invalid, Finding.nonce_mismatch), ()])
    text = page(summary)
    start = text.index("Replies that are not sound")
    assert text[start:].splitlines()[:3] == [
        "Replies that are not sound ──────────────────────────────── of 3 answers audited",
        "  signature_invalid  2 times, first ocsp.trust.example about 0A0B",
        "  nonce_mismatch     1 time, first ocsp.trust.example about 0A0B",
    ]


def test_what_can_be_read_otherwise(make) -> None:
    summary = Summary()
    for ways in [(), (Ambiguity.tcp,), (Ambiguity.framing, Ambiguity.host), (Ambiguity.tcp,)]:
        summary.feed([msgspec.structs.replace(make.exchange("10.1.0.21", "0A"), ambiguous=ways)])
    text = page(summary, 100)
    assert "ambiguous  3 OCSP exchanges that can be read otherwise: 2 by tcp, 1 by framing, host" in text
    assert "Everything was readable" not in text


def test_of_many_kinds_the_most_frequent_are_shown(make) -> None:
    summary = Summary()
    hostile = make.exchange("192.0.2.1", "0A" * 64, host=b"\x1b[2Jevil" * 50)
    for times, finding in enumerate(sorted(GRAVE, key=lambda each: each.value), 1):
        summary.audits([hostile] * times, [(finding,)] * times)
    text = page(summary)
    assert f"and {len(GRAVE) - 12} more kinds" in text
    assert "\x1b" not in text
    assert max(GRAVE, key=lambda each: each.value).value in text
    assert min(GRAVE, key=lambda each: each.value).value not in text
    assert all(line_width(line) <= 60 for line in render_summary(summary, 60))


def raised(summary: Summary, level: str | None, note: str, times: int = 1) -> None:
    for _ in range(times):
        summary.notice(Notice(0, 0, None, note, "", None, 0, "an-id", level))


def test_the_notices_of_rules_the_gravest_first() -> None:
    summary = Summary()
    assert "Notices" not in page(summary)
    raised(summary, "low", "OCSP::Nonce_Ignored", 1200)
    raised(summary, "high", "OCSP::Revoked_In_Use", 2)
    raised(summary, None, "Mine::Own")
    shown = page(summary)
    assert "1,203 notices of rules" in shown
    lines = [line.split() for line in shown.splitlines() if "::" in line]
    assert lines == [["high", "2", "OCSP::Revoked_In_Use"], ["low", "1,200", "OCSP::Nonce_Ignored"], ["1", "Mine::Own"]]


def test_of_many_notices_the_gravest_are_shown() -> None:
    summary = Summary()
    for number in range(40):
        raised(summary, "medium" if number < 30 else "critical", f"A::N{number:02}", number + 1)
    shown = page(summary)
    assert shown.count("critical") == 10
    assert "and 16 more kinds, 136 notices" in shown
