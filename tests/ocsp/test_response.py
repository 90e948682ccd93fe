"""sensor.ocsp.response: every part of a reply, and what responders get wrong."""

from __future__ import annotations

import pytest

from sensor.ocsp.model import CertStatus, OcspError, OcspResponse, ResponseStatus
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp.wire import (
    GOOD,
    KEY_HASH,
    NEXT,
    NONCE,
    SHA256,
    UNKNOWN,
    basic,
    by_key,
    by_name,
    cert_id,
    extension,
    gtime,
    indefinite,
    integer,
    name,
    octets,
    oid,
    response,
    revoked,
    seq,
    single,
    tlv,
)

LIMITS = OcspSettings()
THIS_NS = 1779926400 * 10**9  # 2026-05-28
NEXT_NS = THIS_NS + 7 * 86400 * 10**9


def decode(data: bytes, **limits: int) -> OcspResponse:
    return decode_response(data, OcspSettings(**limits) if limits else LIMITS)


def test_a_plain_reply() -> None:
    inner = basic(single(cert_id(0x0A0B)), certs=(seq(b"one"), seq(b"two")))
    found = decode(response(inner))
    assert (found.status, found.response_type, found.version) == (0, "1.3.6.1.5.5.7.48.1.1", 0)
    assert found.responder_id == "byKey:" + KEY_HASH.hex().upper()
    assert found.produced_at == THIS_NS
    assert (found.signature_algorithm, found.signature_oid) == ("ecdsa-with-SHA256", "1.2.840.10045.4.3.2")
    assert found.signature == b"signature"
    assert found.certs == (seq(b"one"), seq(b"two"))
    assert inner[2 : 2 + len(found.tbs_der)] == found.tbs_der or inner[3 : 3 + len(found.tbs_der)] == found.tbs_der
    assert (found.nonce, found.extended_revoke, found.extensions) == (None, False, ())
    assert (found.trailing_bytes, found.nonminimal, found.ber, found.cut, found.bad_times) == (
        0,
        False,
        False,
        False,
        (),
    )
    (answer,) = found.responses
    assert found.responses_total == 1
    assert answer.cert_id.serial_number == "0A0B"
    assert (answer.cert_status, answer.this_update, answer.next_update) == (CertStatus.good, THIS_NS, NEXT_NS)
    assert (answer.revocation_time, answer.revocation_reason, answer.extensions) == (None, None, ())


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5, 6, 7, 99])
def test_error_statuses(status: int) -> None:
    found = decode(response(status=status))
    assert found == OcspResponse(status)
    if status in {1, 2, 3, 5, 6}:
        assert ResponseStatus(found.status).name in {
            "malformedrequest",
            "internalerror",
            "trylater",
            "sigrequired",
            "unauthorized",
        }


def test_odd_statuses() -> None:
    assert decode(seq(tlv(10, b"\xff"))).status == -1
    assert decode(response()).response_type is None  # successful without responseBytes
    found = decode(response(basic(), status=6))  # an error that has responseBytes
    assert (found.status, found.response_type, found.responses) == (6, "1.3.6.1.5.5.7.48.1.1", ())


def test_an_unknown_response_type() -> None:
    found = decode(response(b"anything", response_type="1.2.3.4"))
    assert (found.status, found.response_type, found.responder_id) == (0, "1.2.3.4", None)


def test_unknown_and_revoked() -> None:
    found = decode(response(basic(single(cert_id(1), UNKNOWN), single(cert_id(2), revoked("20260501120000Z", 1)))))
    unknown, gone = found.responses
    assert unknown.cert_status is CertStatus.unknown
    assert gone.cert_status is CertStatus.revoked
    assert (gone.revocation_time, gone.revocation_reason) == (1777636800 * 10**9, "keyCompromise")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, None),
        (0, "unspecified"),
        (2, "cACompromise"),
        (3, "affiliationChanged"),
        (4, "superseded"),
        (5, "cessationOfOperation"),
        (6, "certificateHold"),
        (7, "7"),
        (8, "removeFromCRL"),
        (9, "privilegeWithdrawn"),
        (10, "aACompromise"),
        (11, "11"),
        (255, "-1"),
    ],
)
def test_reasons(code: int | None, text: str | None) -> None:
    (answer,) = decode(response(basic(single(cert_id(), revoked(reason=code))))).responses
    assert answer.revocation_reason == text


@pytest.mark.parametrize(
    ("responder", "text"),
    [
        (by_name(name("Test OCSP")), "byName:CN=Test OCSP"),
        (by_name(b"\x30\x00"), "byName:"),
        (by_name(b""), "byName:"),  # ocsp-empty-responderid.pcap of Zeek
        (by_name(b"\x04\x01x"), "byName:#040178"),
        (by_key(b""), "byKey:"),
        (by_key(b"\xab" * 32), "byKey:" + "AB" * 32),
    ],
)
def test_responder_ids(responder: bytes, text: str) -> None:
    assert decode(response(basic(single(cert_id()), responder=responder))).responder_id == text


def test_several_and_conflicting_answers_are_all_there() -> None:
    answers = (single(cert_id(5)), single(cert_id(5), UNKNOWN), single(cert_id(5, SHA256)))
    found = decode(response(basic(*answers)))
    assert [(each.cert_id.hash_algorithm, each.cert_status.value) for each in found.responses] == [
        ("sha1", "good"),
        ("sha1", "unknown"),
        ("sha256", "good"),
    ]
    assert decode(response(basic())).responses == ()


@pytest.mark.parametrize("count", [64, 65, 1500])
def test_all_are_counted_and_some_kept(count: int) -> None:
    found = decode(response(basic(*(single(cert_id(i)) for i in range(count)))))
    assert (len(found.responses), found.responses_total) == (64, count)
    assert found.signature == b"signature"


def test_answers_that_exhaust_the_elements_are_counted_too() -> None:
    many = tuple(extension(f"1.2.{i}", b"x") for i in range(64))
    found = decode(response(basic(*(single(cert_id(i), exts=many) for i in range(64)))))
    assert found.responses_total == 64
    assert 1 < len(found.responses) < 64


def test_extensions_of_the_reply() -> None:
    exts = (extension("1.2.3", b"?"), extension(NONCE, octets(b"nonce")), extension("1.3.6.1.5.5.7.48.1.9", b"\5\0"))
    found = decode(response(basic(single(cert_id()), exts=exts)))
    assert found.extensions == ("1.2.3", NONCE, "1.3.6.1.5.5.7.48.1.9")
    assert (found.nonce, found.extended_revoke) == (b"nonce", True)


@pytest.mark.parametrize("elements", range(60, 400, 3))
def test_wherever_the_elements_run_out(elements: int) -> None:
    """After the first answer nothing is refused: the rest is counted, or left."""
    inner = tuple(extension(f"1.2.{i}", b"x") for i in range(4))
    outer = (*(extension(f"1.3.{i}", b"x") for i in range(4)), extension(NONCE, octets(b"n")))
    answers = [single(cert_id(i), revoked(reason=1), exts=inner) for i in range(9)]
    found = decode(response(basic(*answers, exts=outer, certs=(seq(),) * 9)), max_elements=elements)
    assert (found.responses_total, found.signature) == (9, b"signature")
    assert found.responses[0].revocation_reason == "keyCompromise"
    whole = (len(found.responses), found.nonce, len(found.certs)) == (9, b"n", 9)
    assert whole or found.cut or len(found.responses) < 9
    assert whole or elements < 340


def test_of_repeated_extensions_the_first_counts() -> None:
    cutoff = "1.3.6.1.5.5.7.48.1.6"
    inner = (extension(cutoff, gtime("20250101000000Z")), extension(cutoff, gtime("20260101000000Z")))
    outer = (extension(NONCE, octets(b"1")), extension(NONCE, octets(b"2")))
    found = decode(response(basic(single(cert_id(), exts=inner), exts=outer)))
    assert (found.nonce, found.extensions) == (b"1", (NONCE, NONCE))
    assert found.responses[0].archive_cutoff == 1735689600 * 10**9
    assert found.responses[0].extensions == (cutoff, cutoff)


def test_long_lists_of_certificates_are_cut() -> None:
    found = decode(response(basic(single(cert_id()), certs=(seq(),) * 5000)))
    assert found.cut
    assert 64 < len(found.certs) < 5000
    assert found.responses_total == 1


def test_extensions_of_an_answer() -> None:
    sct = b"\x00\x05abcde"
    exts = (
        extension("1.3.6.1.5.5.7.48.1.6", gtime("20250101000000Z")),
        extension("1.3.6.1.5.5.7.48.1.3", seq(tlv(0xA0, tlv(0x16, b"http://c.example/1.crl")), tlv(0xA1, integer(5)))),
        extension("1.3.6.1.4.1.11129.2.4.5", octets(len(sct * 3).to_bytes(2, "big") + sct * 3)),
    )
    (answer,) = decode(response(basic(single(cert_id(), exts=exts)))).responses
    assert answer.archive_cutoff == 1735689600 * 10**9
    assert answer.crl_url == "http://c.example/1.crl"
    assert answer.sct_count == 3
    assert len(answer.extensions) == 3


@pytest.mark.parametrize(("said", "count"), [(0, 0), (7, 1), (13, 1), (14, 2), (20, 2), (21, 3), (22, 3), (0xFFFF, 3)])
def test_timestamps_are_counted_as_far_as_their_list_goes(said: int, count: int) -> None:
    """Three in the octets; the list's own length may be less, or more than there is."""
    value = octets(said.to_bytes(2, "big") + b"\x00\x05abcde" * 3)
    (answer,) = decode(
        response(basic(single(cert_id(), exts=(extension("1.3.6.1.4.1.11129.2.4.5", value),))))
    ).responses
    assert answer.sct_count == count


@pytest.mark.parametrize("tag", [0x16, 0x19, 0x1E, 0x98])
def test_a_time_is_of_a_type_of_time(tag: int) -> None:
    moment = tlv(tag, b"20260528000000Z")
    for broken in (basic(single(cert_id()), produced=moment), basic(single(cert_id(), this=moment))):
        with pytest.raises(OcspError, match=f"tag {tag:02x}"):
            decode(response(broken))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x04",
        b"\xff" * 9,
        octets(b""),
        octets(b"\0"),
        octets(b"\xff\xff\xff\xff"),
        seq(),
        gtime("x"),
        bytes(5000),
    ],
)
@pytest.mark.parametrize("last_arcs", ["5.5.7.48.1.6", "5.5.7.48.1.3", "4.1.11129.2.4.5"])
def test_broken_extensions_have_no_value(value: bytes, last_arcs: str) -> None:
    (answer,) = decode(response(basic(single(cert_id(), exts=(extension("1.3.6.1." + last_arcs, value),))))).responses
    assert (answer.archive_cutoff, answer.crl_url, answer.sct_count) == (None, None, 0)
    assert answer.extensions == ("1.3.6.1." + last_arcs,)


def test_no_next_update() -> None:
    (answer,) = decode(response(basic(single(cert_id(), nxt=b"")))).responses
    assert (answer.next_update, answer.this_update) == (None, THIS_NS)


@pytest.mark.parametrize(
    "text", ["20261301000000Z", "20260528000000", "", "yesterday", "20260528\n00000Z", "20260528000000ZZ"]
)
def test_times_that_cannot_be_read(text: str) -> None:
    nxt = tlv(0xA0, gtime(NEXT))
    found = decode(response(basic(single(cert_id(), this=gtime(text), nxt=nxt), produced=gtime(text))))
    (answer,) = found.responses
    assert (found.produced_at, found.bad_times) == (None, (text,))
    assert (answer.this_update, answer.next_update, answer.bad_times) == (None, NEXT_NS, (text,))


def test_times_of_other_types() -> None:
    found = decode(response(basic(single(cert_id(), revoked("x")), produced=tlv(0x17, b"260528000000Z"))))
    assert (found.produced_at, found.bad_times) == (None, ("260528000000Z",))
    assert found.responses[0].bad_times == ("x",)
    with pytest.raises(OcspError, match="producedAt: tag 02"):
        decode(response(basic(produced=integer(5))))
    (far,) = decode(response(basic(single(cert_id(), nxt=tlv(0xA0, gtime("99991231235959Z")))))).responses
    assert far.next_update == 253402300799 * 10**9


def test_signature_algorithms() -> None:
    assert decode(response(basic(signature_oid="1.2.3"))).signature_algorithm == "1.2.3"
    found = decode(response(basic(signature_oid="1.2.840.113549.1.1.11")))
    assert (found.signature_algorithm, found.signature_oid) == ("sha256WithRSAEncryption", "1.2.840.113549.1.1.11")


def test_version() -> None:
    found = decode(response(basic(single(cert_id(7)), version=integer(1))))
    assert (found.version, found.responses[0].cert_id.serial_number) == (1, "07")


def test_trailing_bytes() -> None:
    assert decode(response(basic(single(cert_id()))) + b"\r\n").trailing_bytes == 2
    assert decode(response(status=6) * 2).trailing_bytes == 5


def test_every_cut_is_an_error() -> None:
    full = response(basic(single(cert_id(), revoked(reason=1), exts=(extension("1.2.3", b""),)), certs=(seq(),)))
    for size in range(len(full)):
        with pytest.raises(OcspError):
            decode(full[:size])
    assert decode(full).responses_total == 1


def test_indefinite_lengths() -> None:
    plain = decode(response(basic(single(cert_id(7)))))
    tbs = indefinite(0x30, by_key(), gtime("20260528000000Z"), indefinite(0x30, single(cert_id(7))))
    inner = indefinite(0x30, tbs, seq(oid("1.2.840.10045.4.3.2")), tlv(3, b"\0signature"))

    def outer(behind: bytes) -> bytes:
        chopped = indefinite(0x24, octets(inner[:30]), octets(inner[30:] + behind))
        return seq(tlv(10, b"\0"), tlv(0xA0, indefinite(0x30, oid("1.3.6.1.5.5.7.48.1.1"), chopped)))

    found = decode(outer(b"") + b"??")
    assert found.responses == plain.responses
    assert found.tbs_der == plain.tbs_der
    assert (found.ber, found.trailing_bytes) == (True, 2)
    with pytest.raises(OcspError, match="response: unexpected element"):
        decode(outer(b"!"))
    within = decode(response(inner))  # DER outside, BER inside
    assert (within.responses, within.ber) == (plain.responses, True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"<\0", "OCSPResponse: tag 3c"),
        (seq(integer(0)), "responseStatus: tag 02"),
        (seq(tlv(10)), "INTEGER: length"),
        (seq(tlv(10, b"\0"), b"\5\0"), "responseBytes: tag 05"),
        (response(b""), "truncated"),
        (response(basic() + b"\5\0"), "response: unexpected element"),
        (response(basic(responder=b"\5\0")), "ResponderID: tag 05"),
        (response(basic(single(cert_id(), b"\5\0"))), "certStatus: tag 05"),
        (response(basic(seq(cert_id(), GOOD))), "truncated"),
        (response(basic(seq(single(cert_id())[2:], b"\5\0"))), "singleExtensions: tag 05"),
        (response(basic(single(cert_id(), revoked() + b""), certs=(b"\5\0",))), "Certificate: tag 05"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(OcspError) as caught:
        decode(data)
    assert (caught.value.reason, caught.value.limit) == (reason, False)


@pytest.mark.parametrize("limits", [{"max_bytes": 100}, {"max_elements": 20}])
def test_limits(limits: dict[str, int]) -> None:
    with pytest.raises(OcspError) as caught:
        decode(response(basic(single(cert_id()))), **limits)
    assert caught.value.limit
