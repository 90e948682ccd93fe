"""The lines of crl.log and x509.log, field by field."""

from __future__ import annotations

import msgspec

from tests.logs.observations import CERTIFICATE, CERTIFICATE_FETCH, CRL_FETCH, FETCH, FLOW, TS, S, make_writer, records

FLOW_FIELDS = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"]
# Zeek's, in its order: scripts/base/files/x509/main.zeek.
X509 = """
    ts fingerprint certificate.version certificate.serial certificate.subject certificate.issuer
    certificate.not_valid_before certificate.not_valid_after certificate.key_alg certificate.sig_alg
    certificate.key_type certificate.key_length certificate.exponent certificate.curve san.dns san.uri san.email san.ip
    basic_constraints.ca basic_constraints.path_len host_cert client_cert
"""


def test_crl_has_all_that_it_says() -> None:
    (found,) = records("crl", CRL_FETCH)
    assert list(found)[:6] == FLOW_FIELDS
    assert found["uid"] == FLOW.uid
    assert found.pop("community_id").startswith("1:")
    assert {name: value for name, value in found.items() if name not in FLOW_FIELDS} == {
        "fuid": "FCrl",
        "method": "GET",
        "url": "http://crl.example/17.crl",
        "user_agent": "curl/8",
        "http_status": 200,
        "decoded": "whole",
        "size": 2000,
        "version": 2,
        "issuer": "CN=CA",
        "authority_key_id": "ABCD",
        "crl_number": "1267",
        "base_crl_number": "1266",
        "this_update": 1_713_100_000.0,
        "next_update": 1_713_700_000.0,
        "entries": 40,
        "distribution_points": ["http://crl.example/17.crl"],
        "only_contains": ["user_certs"],
        "only_some_reasons": ["keyCompromise"],
        "indirect_crl": True,
        "certificate_issuers": 2,
        "freshest_crl": ["http://crl.example/delta.crl"],
        "signature_algorithm": "ecdsa-with-SHA256",
        "asked_serials": ["0A"],
        "asked_total": 3,
        "audit": ["signature_invalid", "ocsp_good"],
        "response_delay": 1.0,
        "evidence": "both",
    }


def test_a_crl_that_did_not_come() -> None:
    changed = msgspec.structs.replace
    bare = changed(FETCH, method=None, user_agent=None, http_status=None, url="", resp_fuid=None, response_ts=None)
    (found,) = records("crl", changed(CRL_FETCH, fetch=bare, crl=None, asked=(), asked_total=0, audit=None))
    assert list(found)[6:] == ["decoded", "evidence", "community_id"]
    assert found["decoded"] == "none"


def test_x509_has_zeeks_fields_in_zeeks_order() -> None:
    (found,) = records("x509", CERTIFICATE_FETCH)
    assert list(found) == [name for name in X509.split() if name != "certificate.curve"]
    assert found["ts"] == (TS + S) / 1e9
    assert found["certificate.subject"] == "CN=CA\\, Inc."
    assert (found["host_cert"], found["client_cert"]) == (False, False)
    bare = msgspec.structs.replace(
        CERTIFICATE, ca=None, path_length=None, curve="prime256v1", not_before=None, dns_names=(), key_type=None
    )
    (found,) = records("x509", msgspec.structs.replace(CERTIFICATE_FETCH, certificates=(bare,)))
    assert found["certificate.curve"] == "prime256v1"
    missing = {"basic_constraints.ca", "basic_constraints.path_len", "certificate.not_valid_before", "san.dns"}
    assert not missing & set(found)


def test_the_same_certificate_is_logged_once_a_day() -> None:
    day = 86400 * S

    def at(ts: int, fingerprint: str = "00ff") -> object:
        certificate = msgspec.structs.replace(CERTIFICATE, fingerprint=fingerprint)
        return msgspec.structs.replace(CERTIFICATE_FETCH, ts=ts, certificates=(certificate, certificate))

    times = [record["ts"] for record in records("x509", at(TS), at(TS + day - 1), at(TS + day), at(TS + day, "01"))]
    assert times == [TS / 1e9, (TS + day) / 1e9, (TS + day) / 1e9]


def test_so_many_certificates_are_remembered() -> None:
    writer, sink = make_writer(max_known_certificates=2)
    for fingerprint in ("01", "02", "01", "03", "01", "02"):
        certificate = msgspec.structs.replace(CERTIFICATE, fingerprint=fingerprint)
        writer.certificates(msgspec.structs.replace(CERTIFICATE_FETCH, certificates=(certificate,)))
    writer.close()
    assert [record["fingerprint"] for record in sink.records("x509")] == ["01", "02", "03", "02"]
    assert writer.counts["x509"] == 4
