"""What becomes of each field of each log where persons are not to be named: a closed table.

What stays is a number, a time, a flag or a word of ours; everything else off the wire is replaced. A field that is not
in the table is left out of the line, and a test fails, so that a new one cannot tell by mistake. For people:
docs/privacy.md.
"""

from __future__ import annotations

import enum
from typing import Final

from sensor.logs.records import STREAMS
from sensor.pki.oids import HASH_NAMES, SIGNATURE_NAMES
from sensor.privacy.software import VOCABULARY


class Treatment(enum.Enum):
    """Of a value, or of each value of a list."""

    keep = "as it is"
    word = "as it is if it is a word that is in everybody's traffic; else a digest"
    text = "a digest"
    address = "another address, with the same prefixes"
    name = "a digest, as a name; an address as one, a port stays"
    uid = "a digest, as a uid"
    uri = "a digest, as a path"
    url = "its host as a name, the rest as a path"
    mail = "a digest, as a mail address"
    serial = "a digest, as a serial number"
    fingerprint = "a digest, as a hash of the same length"
    subject = "a digest, as a distinguished name"
    signer = "a digest, as what it was: a name or a hash"
    proxy = "the header's name; of its value a digest"
    place = "what stands before the colon; of the rest a digest"
    hour = "the hour it is in"
    day = "the day it is in"
    community = "computed anew, of the new addresses"
    sentence = "its own words; of what was filled in digests"


_T = Treatment
_KEEP: Final = """
_path _write_ts ts ts_delta peer id.orig_p id.resp_p p n proto service duration orig_bytes resp_bytes conn_state
local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes ip_proto vlan inner_vlan
trans_depth request_body_len response_body_len status_code info_code tags orig_mime_types resp_mime_types source depth
analyzers mime_type is_orig seen_bytes total_bytes missing_bytes overflow_bytes timedout certStatus notice
file_mime_type note actions email_dest suppress_for rule_id rule_level request_signed http_status response_status
cert_status nonce_echoed on_crl_verified on_crl_newer audit ambiguous verified response_delay evidence ocsp_claims
channel names_total sites_total grade times_seen foreign_responder decoded size entries only_contains only_some_reasons
indirect_crl certificate_issuers asked_total certificate.version certificate.key_length basic_constraints.ca
basic_constraints.path_len host_cert client_cert
mem pkts_proc bytes_recv pkts_dropped pkts_link pkt_lag events_proc events_queued active_tcp_conns active_udp_conns
active_icmp_conns tcp_conns udp_conns icmp_conns timers active_timers files active_files dns_requests
active_dns_requests reassem_tcp_size reassem_file_size reassem_frag_size reassem_unknown_size gaps acks percent_lost
emergency emergencies pkts_lost_by_interface pkts_tcp pkts_fragment pkts_other pkts_odd half_open_conns evicted_conns
fragments_expired payload_bytes delivered_bytes duplicate_bytes discarded_bytes discarded_behind_fin_bytes
discarded_out_of_window_bytes discarded_too_late_bytes discarded_with_reset_bytes discarded_before_start_bytes cut_bytes
gap_bytes transactions exchanges leaks
weirds lookups_found lookups_not_found lookups_unavailable lookups_late lookups_refused lookups_waiting leaks_waiting
log_lines log_fields_cut log_lines_dropped log_queue_bytes internal_errors cpu num_seen limit cost times
"""
_OTHERS: Final = {
    _T.word: """method version status_msg info_msg hashAlgorithm hash_algorithm signature_algorithm revokereason
        revocation_reason software content_type resp_content_type certificate.key_alg certificate.sig_alg
        certificate.key_type certificate.exponent certificate.curve credentials""",
    _T.text: """user_agent username orig_filenames resp_filenames filename addl requestor_name cookies set_cookies
        lookups found_in""",
    _T.address: "id.orig_h id.resp_h src dst san.ip",
    _T.name: "host site names san.dns",
    _T.uid: "uid fuid orig_fuids resp_fuids orig_fuid resp_fuid parent_fuid tunnel_parents",
    _T.uri: "uri",
    _T.url: "referrer origin url file_desc on_crl distribution_points freshest_crl san.uri",
    _T.mail: "san.email",
    _T.serial: "serialNumber serial_number nonce crl_number base_crl_number asked_serials certificate.serial",
    _T.fingerprint: "md5 sha1 sha256 fingerprint issuerNameHash issuerKeyHash issuer_name_hash issuer_key_hash "
    "authority_key_id",
    _T.subject: "issuer certificate.subject certificate.issuer",
    _T.signer: "responder_id",
    _T.proxy: "proxied",
    _T.place: "suspect",
    _T.hour: "thisUpdate nextUpdate this_update next_update produced_at",
    _T.day: "revoketime revocation_time not_before not_after certificate.not_valid_before certificate.not_valid_after",
    _T.community: "community_id",
    _T.sentence: "msg sub",
}
_MEANING: Final = {
    field: treatment for treatment, fields in _OTHERS.items() for field in fields.split()
} | dict.fromkeys(_KEEP.split(), _T.keep)
"""Fields by name; one that is in several logs is the same in all, but for these."""
_OWN: Final = {
    ("ocsp", "id"): _T.uid,
    ("weird", "name"): _T.keep,
    ("weird_stats", "name"): _T.keep,
    ("crl", "version"): _T.keep,
}


def treatments(stream: str) -> dict[str, Treatment]:
    """Of each field of one log that is in the table."""
    found = {}
    for name in STREAMS[stream].__struct_encode_fields__:
        treatment = _OWN.get((stream, name)) or _MEANING.get(name)
        if treatment is not None:
            found[name] = treatment
    return found


def known_words() -> frozenset[str]:
    """What `Treatment.word` lets stand."""
    return frozenset(
        {
            *_WORDS.split(),
            *_PHRASES.splitlines(),
            *HASH_NAMES.values(),
            *SIGNATURE_NAMES.values(),
            *VOCABULARY,
            *(f"{made} (claims {claimed})" for made in VOCABULARY for claimed in VOCABULARY),
            *(f"{place}:{kind}" for place in _PLACES.split() for kind in _SECRETS.split()),
        }
    )


_WORDS: Final = """
GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND 0.9 1.0 1.1 2.0
keyCompromise cACompromise affiliationChanged superseded cessationOfOperation certificateHold removeFromCRL
privilegeWithdrawn aACompromise unspecified
rsa dsa ecdsa rsaEncryption dsaEncryption id-ecPublicKey ED25519 ED448 3 17 65537 prime256v1 secp384r1 secp521r1
application/ocsp-request application/ocsp-response application/pkix-crl application/pkix-cert application/x-pkcs7-crl
application/x-x509-ca-cert application/pkcs7-mime application/octet-stream application/x-www-form-urlencoded
application/json application/xml text/html text/plain text/xml multipart/form-data
"""
_PHRASES: Final = """OK
Created
Accepted
No Content
Reset Content
Partial Content
Continue
Switching Protocols
Processing
Early Hints
Multiple Choices
Moved Permanently
Found
Moved Temporarily
See Other
Not Modified
Temporary Redirect
Permanent Redirect
Bad Request
Unauthorized
Forbidden
Not Found
Method Not Allowed
Not Acceptable
Proxy Authentication Required
Request Timeout
Conflict
Gone
Length Required
Precondition Failed
Payload Too Large
URI Too Long
Unsupported Media Type
Range Not Satisfiable
Expectation Failed
Too Many Requests
Internal Server Error
Not Implemented
Bad Gateway
Service Unavailable
Gateway Timeout
HTTP Version Not Supported"""
# As http.cleartext writes them; a parameter's name that is spelled otherwise is a digest.
_PLACES: Final = "header proxy query form json xml uri"
_SECRETS: Final = """
basic digest bearer ntlm negotiate hoba mutual vapid aws4-hmac-sha256 apikey token oauth scram-sha-256 userinfo
api-key private-token x-access-token x-amz-security-token x-api-key x-auth-token x-vault-token password passwd passwort
passphrase passwor pass pwd pin secret client_secret api_key access_token auth_token refresh_token id_token session_id
sessionid jsessionid phpsessid
"""
