"""sensor.crtsh.pages: an answer that can be used, or a failure that says why; never something between."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from sensor.crtsh.pace import Pace
from sensor.crtsh.pages import AskError, Pages, Row
from sensor.ct.sources.pem import read_pem
from sensor.online.fetching import Answer, FetchError
from sensor.settings import CtSettings, OnlineSettings
from tests.ct.pki import Ca, pem

JSON = "application/json"
ROW = b'[{"id": 7, "issuer_ca_id": 3, "serial_number": "00AB", "common_name": null}]'


class Scripted:
    """Says what it is told to, one answer after the other, the last one ever after."""

    def __init__(self, *answers: Answer | FetchError) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []
        self.limits: list[int | None] = []

    def get(self, url: str, accept: str = "*/*", max_bytes: int | None = None) -> Answer:
        del accept
        self.urls.append(url)
        self.limits.append(max_bytes)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FetchError):
            raise answer
        return answer


def pages(getter: Scripted, slept: list[float] | None = None, **changed: object) -> Pages:
    now = [0.0]

    def sleep(seconds: float) -> bool:
        now[0] += seconds
        if slept is not None:
            slept.append(seconds)
        return False

    settings = OnlineSettings(**changed)  # type: ignore[arg-type]
    return Pages(getter, Pace(6000, 1000, clock=lambda: now[0], sleep=sleep), settings, CtSettings())


def said(body: bytes, kind: str = JSON, status: int = 200, retry_after: float | None = None) -> Answer:
    return Answer(status, kind, body, retry_after)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(AskError) as caught:
        call()
    return str(caught.value)


def test_rows_are_read() -> None:
    getter = Scripted(said(ROW))
    assert pages(getter).with_serial("AB") == [Row(7, 3, "00AB")]
    assert pages(getter).with_key_id(b"\x01\xff") == [Row(7, 3, "00AB")]
    assert getter.urls == ["https://crt.sh/?serial=AB&output=json", "https://crt.sh/?ski=01ff&output=json"]


def test_no_row_is_an_answer() -> None:
    assert pages(Scripted(said(b"[]"))).with_serial("AB") == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said(b"<html>", "text/html"), "HTML instead of JSON"),
        (said(ROW, "text/html"), "HTML instead of JSON"),
        (said(ROW, ""), "something else instead of JSON"),
        (said(b""), "JSON that cannot be read"),
        (said(b"[" * 100_000), "JSON that is not crt.sh's"),
        (said(b'[{"a":' * 50_000), "more than 1,000 rows"),
        (said(b'[{"a":' + b"[" * 50_000), "JSON that cannot be read"),
        (said(b"[{" + b'"x": "\xff"' + b"}]"), "JSON that is not crt.sh's"),
        (said(ROW[:-3]), "JSON that cannot be read"),
        (said(b"{}"), "JSON that is not crt.sh's"),
        (said(b"null"), "JSON that is not crt.sh's"),
        (said(b'[{"id": "7", "issuer_ca_id": 3, "serial_number": "AB"}]'), "JSON that is not crt.sh's"),
        (said(b'[{"id": -7, "issuer_ca_id": 3, "serial_number": "AB"}]'), "JSON that is not crt.sh's"),
        (said(b'[{"id": 7, "issuer_ca_id": 3}]'), "JSON that is not crt.sh's"),
        (said(ROW.replace(b"00AB", b"AC")), "an answer about another serial number"),
        (said(ROW.replace(b"00AB", b"zz\\n")), "an answer about another serial number"),
        (said(b"", status=404), "status 404"),
        (said(b"", status=301), "status 301"),
        (said(b"", status=204), "status 204"),
        (said(ROW, status=502), "status 502"),
        (FetchError("timed out"), "timed out"),
    ],
)
def test_anything_else_is_a_failure(answer: Answer | FetchError, reason: str) -> None:
    assert refused(lambda: pages(Scripted(answer)).with_serial("AB")) == reason


def test_what_may_pass_is_tried_again() -> None:
    for first in (said(b"", status=502), said(b"", status=429), FetchError("timed out")):
        slept: list[float] = []
        getter = Scripted(first, said(ROW))
        assert pages(getter, slept).with_serial("AB")
        assert len(getter.urls) == 2 and 1 <= sum(slept) <= 2
    getter = Scripted(said(b"", status=503))
    assert refused(lambda: pages(getter, max_tries=3).with_serial("AB")) == "status 503"
    assert len(getter.urls) == 3
    getter = Scripted(said(b"", status=404))
    assert refused(lambda: pages(getter, max_tries=3).with_serial("AB")) == "status 404"
    assert len(getter.urls) == 1


def test_retry_after_is_waited_for_or_obeyed_from_afar() -> None:
    slept: list[float] = []
    assert pages(Scripted(said(b"", status=429, retry_after=30), said(ROW)), slept).with_serial("AB")
    assert 31 <= sum(slept) <= 32
    getter = Scripted(said(b"", status=429, retry_after=3000))
    with pytest.raises(AskError) as caught:
        pages(getter, max_tries=5).with_serial("AB")
    assert caught.value.leave_for_s == 3000 and len(getter.urls) == 1


def test_certificates_are_read(sub: Ca) -> None:
    der = sub.issue("x.example", serial=5)
    getter = Scripted(said(pem(der), "application/pkix-cert"))
    assert pages(getter).certificate(5).der == der
    assert getter.urls == ["https://crt.sh/?d=5"]


def test_what_is_not_one_certificate_is_a_failure(sub: Ca) -> None:
    one = pem(sub.issue("x.example"))
    broken = b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
    for body, kind, reason in (
        (one, "text/html", "HTML instead of a certificate"),
        (b"", "application/pkix-cert", "not one certificate"),
        (one + one, "application/pkix-cert", "not one certificate"),
        (one[:-40], "application/pkix-cert", "not one certificate"),
        (broken, "application/pkix-cert", "a certificate that cannot be read"),
    ):
        assert refused(lambda b=body, k=kind: pages(Scripted(said(b, k))).certificate(1)) == reason  # type: ignore[misc]


def test_no_more_rows_are_read_than_the_settings_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    row = b'{"id": 7, "issuer_ca_id": 3, "serial_number": "00AB"}'
    few, many = (said(b"[" + b",".join([row] * count) + b"]") for count in (5, 6))
    assert len(pages(Scripted(few), max_rows=5).with_serial("AB")) == 5
    monkeypatch.setattr("sensor.crtsh.pages._decode_rows", lambda _: pytest.fail("all were decoded"))
    assert refused(lambda: pages(Scripted(many), max_rows=5).with_serial("AB")) == "more than 5 rows"
    assert refused(lambda: pages(Scripted(many), max_rows=5).with_key_id(b"k")) == "more than 5 rows"


def test_of_certificates_two_are_enough_to_refuse_all(sub: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("sensor.crtsh.pages.read_pem", lambda *words: map(seen.append, read_pem(*words)))
    getter = Scripted(said(pem(sub.der) * 1000, "application/pkix-cert"))
    assert refused(lambda: pages(getter).certificate(1)) == "not one certificate"
    assert len(seen) == 2
    assert getter.limits == [CtSettings().max_certificate_bytes * 3 // 2 + 4096]  # nor is more of it taken


def test_octets_at_random_are_a_failure() -> None:
    rng = random.Random(7)
    for _ in range(300):
        noise = rng.randbytes(rng.randrange(200))
        refused(lambda n=noise: pages(Scripted(said(n))).with_serial("AB"))  # type: ignore[misc]
        refused(lambda n=noise: pages(Scripted(said(n, ""))).certificate(1))  # type: ignore[misc]
