"""sensor.ct.memory: that it can stand in for a store; the rest of what it promises is in tests/contract."""

from __future__ import annotations

from sensor.ct.lookup import Found, Issuer, NotFound
from sensor.ct.memory import MemoryLookup
from sensor.pki.certificates import Certificate
from sensor.pki.name_text import decode_name
from tests.ct.pki import Ca, decoded, make_root


def test_it_needs_no_certificate_to_know_one() -> None:
    """Tests of others make their own Certificates and issuers out of thin air."""
    facts = Certificate("0A", "CN=CA", "CN=a", "a", ("a.example",), (), (), 0, 1, False, False, (), ())
    ca = make_root("CA")
    ca_decoded = decoded(ca.der)
    issuer = Issuer(1, "CN=CA", "CA")
    lookup = MemoryLookup()
    lookup.add_issuer(issuer, ca_decoded.subject_der, ca_decoded.key_octets)
    lookup.add(issuer, facts, source="thin air", learned_at=7)
    assert lookup.lookup([ca.cert_id(10), ca.cert_id(11)]) == [Found(facts, issuer, "thin air", 7), NotFound(issuer)]


def test_an_issuer_added_later_is_trusted_by_what_was_refused_before(root: Ca) -> None:
    lookup = MemoryLookup()
    sub = root.intermediate("Sub")
    assert lookup.issuer_from_traffic(sub.der) is None
    ca = decoded(root.der)
    lookup.add_issuer(Issuer(1, decode_name(ca.subject_der), "Root One"), ca.subject_der, ca.key_octets, root.der)
    assert lookup.issuer_from_traffic(sub.der) is not None
