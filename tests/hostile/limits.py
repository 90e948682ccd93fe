"""Every limit, and what is told when it is reached: writes docs/limits.md; test_limits.py compares it with the code.

python -m tests.hostile.limits
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sensor.settings import Settings
from tests.hostile.rows import REPOSITORY

DOCUMENT: Final = REPOSITORY / "docs" / "limits.md"
LOG: Final = "ocspwatch_limits"
"""Counted by its key: in that log, in the metrics (`ocspwatch_limits_reached_total`) and in the summary of replay."""
NOTICE: Final = "Sensor::Limit_Reached"


class Limit(NamedTuple):
    """`beyond`: what gives way; `counted` and `told`: weirds (weird_stats.log and the metrics count them), fields of
    logs, notices, findings."""

    beyond: str
    counted: tuple[str, ...]
    told: tuple[str, ...]


def own(beyond: str) -> Limit:
    """Counted by its key."""
    return Limit(beyond, (LOG,), (NOTICE,))


def odd(beyond: str, *names: str) -> Limit:
    """Told by weirds, which are counted."""
    return Limit(beyond, names, names)


def also(limit: Limit, *names: str) -> Limit:
    """... and by these."""
    return Limit(limit.beyond, limit.counted, (*names, *limit.told))


_EMERGENCY: Final = "emergency_mode"
_ASN1: Final = "asn1_limit"
_OFFLINE: Final = (
    "of verbs that ask or import, not of traffic: refused, with a message and a count in what the verb prints"
)
LIMITS: Final[dict[str, Limit]] = {
    "capture.max_record_bytes": odd("the record is damage; the next believable one is looked for", "pcap_bad_record"),
    "capture.max_expanded_bytes": odd("the rest of the input is not read", "input_bomb"),
    "capture.max_expansion_ratio": odd("the rest of the input is not read", "input_bomb"),
    "capture.max_decoder_bytes": odd("the input is not read", "input_corrupt"),
    "capture.max_resync_bytes": odd("the rest of the file is given up", "pcap_bad_record"),
    "capture.max_damage_reports": Limit("no more weirds for this file", ("summary: Not readable",), ("exit code 3",)),
    "capture.ring_bytes": Limit("the kernel drops packets", ("pkts_dropped",), ("PacketFilter::Dropped_Packets",)),
    "flow.max_flows": also(
        own(
            "what conn.log has already goes (`unfinished`), then closed flows, half-open ones, the oldest; those that "
            "spoke HTTP later, OCSP last"
        ),
        _EMERGENCY,
    ),
    "flow.max_half_open": also(own("the oldest half-open flow goes"), _EMERGENCY),
    "flow.max_older_flows": also(
        own("one of which nothing was read is given up, else the last one; a SYN that finds no room is not followed"),
        "excessive_SYN_numbers",
    ),
    "flow.max_ooo_bytes": also(own("the hole is given up, what waited is read"), "gap_bytes"),
    "flow.max_ooo_segments": also(own("likewise"), "excessive_out_of_order_segments", "gap_bytes"),
    "flow.max_reassembly_bytes": also(
        own("likewise, in whichever flow comes next"), "excessive_reassembly_bytes", "gap_bytes"
    ),
    "flow.max_kept_bytes": also(own("flows that keep much go, those idle longest first"), _EMERGENCY),
    "flow.hole_wait_bytes": also(own("the hole is given up"), "above_hole_data_without_any_acks", "gap_bytes"),
    "flow.hole_wait_s": Limit("the hole is given up", (LOG,), ("gap_bytes",)),
    "flow.reorder_wait_s": Limit("what was acknowledged is a gap", (LOG,), ("gap_bytes",)),
    "flow.max_fragment_datagrams": also(own("the oldest datagram goes"), "excessive_fragmented_datagrams"),
    "flow.max_fragments": odd("the datagram is given up", "excessive_fragments"),
    "flow.max_fragment_bytes": also(own("the oldest datagrams go"), "excessive_fragment_bytes"),
    "flow.fragment_timeout_s": Limit("the datagram is given up", (LOG, "fragments_expired"), ("incomplete_fragments",)),
    "flow.max_tunnel_depth": odd("the packet is not opened", "exceeded_tunnel_max_depth"),
    "flow.max_ip6_extensions": odd("the packet is not opened", "excess_ext_headers"),
    "http.max_line_bytes": odd("the field is cut, its framing kept", "contentline_size_exceeded"),
    "http.max_target_bytes": odd("what follows is looked through for the next message", "HTTP_header_too_large"),
    "http.max_header_bytes": odd("likewise", "HTTP_header_too_large"),
    "http.max_headers": odd("fields beyond are not kept, but for those of cleartext.log", "HTTP_too_many_headers"),
    "http.max_search_bytes": odd("a message is looked for where a segment begins", "HTTP_search_cut"),
    "http.max_second_reading_bytes": odd("the second reading ends", "HTTP_second_reading_cut"),
    "http.max_second_readings": odd(
        "no further one begins; `ambiguous` is said all the same", "HTTP_second_reading_cut"
    ),
    "http.max_pending": odd("the requests are told without replies", "HTTP_excessive_pipelining"),
    "http.max_informational": odd("further ones are passed over", "HTTP_excessive_informational"),
    "http.max_tunnels": odd("what the tunnel carries is counted, not read", "HTTP_excessive_tunnels"),
    "http.max_request_body_bytes": odd("counted, not kept: no OCSP request is read from it", "ocsp_message_too_large"),
    "http.max_form_bytes": own("counted, not looked through"),
    "http.max_response_body_bytes": odd("counted, not kept: no OCSP reply is read from it", "ocsp_message_too_large"),
    "http.max_inflated_bytes": odd("the body is not kept", "HTTP_compression_bomb"),
    "http.max_counted_inflated_bytes": odd("the rest is not counted", "HTTP_compression_bomb"),
    "http.max_inflate_ratio": odd("the body is not kept", "HTTP_compression_bomb"),
    "http.max_codings": odd("the body is taken as it is", "HTTP_too_many_codings"),
    "http.max_chunk_extension_bytes": odd("the framing is taken for a lie", "HTTP_bad_chunk_size"),
    "http.max_trailer_bytes": odd("the message ends", "HTTP_trailer_too_large"),
    "http.max_parts": odd("further parts are no files", "HTTP_too_many_parts"),
    "http.max_cleartext_items": odd("the first ones are named", "log_container_field_truncated"),
    "ocsp.max_bytes": odd("not decoded", "ocsp_message_too_large"),
    "ocsp.max_depth": odd("not decoded further", _ASN1),
    "ocsp.max_elements": odd("not decoded further", _ASN1),
    "ocsp.max_cert_ids": odd("the first ones are told, all counted", _ASN1),
    "ocsp.max_serial_octets": odd("a digest stands for the rest", _ASN1),
    "ocsp.max_get_bytes": odd("its end is tried as OCSP", "ocsp_message_too_large"),
    "crl.max_bytes": odd("decoded up to there", _ASN1),
    "crl.max_part_bytes": odd("decoded up to there", _ASN1),
    "crl.max_in_file": odd("those behind are counted", "crl_more_follow"),
    "crl.max_names": odd("the first ones are logged", "log_container_field_truncated"),
    "crl.max_issuers": odd("entries of further issuers are not remembered", "crl_not_remembered"),
    "crl.max_remembered": also(own("the CRL remembered first goes"), "crl_not_remembered"),
    "crl.max_crls": own("the CRL remembered first goes"),
    "crl.max_asked": own("the certificate asked about first goes; counted once there is a CRL"),
    "crl.max_certificates": odd("further ones are not logged", "x509_more_follow"),
    "crl.max_san_names": odd("the first ones are logged", "log_container_field_truncated"),
    "crl.max_told": Limit("the first ones are named", ("asked_total",), ("asked_total",)),
    "ct.max_waiting": Limit("not looked up", (LOG, "lookups_refused"), (NOTICE,)),
    "ct.memory_entries": own("the answer longest unused goes: it costs a look-up"),
    "ct.max_names": Limit("the first ones are kept, all counted", ("names_total",), ("names_total",)),
    "ct.max_certificate_bytes": own("refused; of traffic it makes no issuer known"),
    "audit.signatures_per_s": Limit("the signature is not checked", (LOG,), ("signature_not_checked:budget", NOTICE)),
    "audit.max_verdicts": own("the verdict longest unused goes: it costs a check"),
    "audit.max_certificates": own("what was said of the certificate longest unseen goes"),
    "privacy.max_names_logged": Limit("the first ones are logged", ("names_total",), ("names_total",)),
    "privacy.max_tracked": own("the pair longest unseen goes: `times_seen` begins anew"),
    "privacy.max_waiting_bytes": Limit("logged at once, without the answer", (LOG, "lookups_unavailable"), (NOTICE,)),
    "privacy.max_pseudonyms": own("the one longest unused is computed anew: it costs time"),
    "logs.max_field_bytes": Limit(
        "the text is cut", ("log_fields_cut", "log_string_field_truncated"), ("log_string_field_truncated",)
    ),
    "logs.weird_burst": Limit("sampled from there on, as Zeek does", ("num_seen",), ("num_seen",)),
    "logs.weird_rate": Limit("one in so many is logged", ("num_seen",), ("num_seen",)),
    "logs.weirds_per_s": also(own("counted only"), "excessive_weirds"),
    "logs.max_weirds": own("the oldest pair goes: its next weird is logged again"),
    "logs.max_known_certificates": own("the one longest unseen goes: it is logged again"),
    "logs.max_suppressed": own("the oldest pair goes: its next notice is told again"),
    "logs.max_queued_bytes": Limit("lines are dropped", ("log_lines_dropped",), ("exit code 2",)),
    "rules.max_suppressed": own("the oldest goes: its next notice is told again"),
    "rules.max_groups": also(own("the group longest untouched goes"), "correlation_state_forgotten"),
    "rules.max_correlated_events": also(own("likewise"), "correlation_state_forgotten"),
    "rules.max_group_events": own("the oldest event goes; no condition may ask for more"),
    "service.max_memory_bytes": also(
        own("the connection or message goes that there is no memory for; elsewhere the process ends and begins anew"),
        "internal_error",
    ),
}
NO_LIMITS: Final = {
    r"flow\.(attempt_timeout|close_linger|partial_close|idle_timeout)_s": "when a flow is over: conn.log has it then",
    r"flow\.unfinished_wait_s": "how long a message that is open when its flow is over waits for the rest; "
    "`flow.max_flows` bounds how many",
    r"flow\.emergency_\w+": "what emergency mode does: `emergencies` counts it",
    r"logs\.(weird_window|suppress_for|relog_certificates|rotate_every|sync_every)_s": "a period",
    r"logs\.(rotate_bytes|keep_days)": "when log files are put aside and deleted",
    r"audit\.(skew|min_validity|max_validity)_s": "what counts as unsound",
    r"health\.\w+": "when something is told",
    r"capture\.(window_bytes|workers)": "how work is cut into pieces",
    r"ct\.(busy_timeout_ms|answer_within_ms|retry_for_s)": "how long is waited: it is unavailable then, or late",
    r"service\.stop_within_s": "how long is waited at the end; what is not looked at is told as lost",
    r"ct\.max_document_bytes|rules\.max_(file_bytes|rules)": "of files that the user names: refused with a message",
    r"(sync|online|cluster)\.\w+": _OFFLINE,
}
"""Settings that are numbers and bound nothing that traffic could exhaust, and why they are not among the limits."""

_CACHE: Final = "a cache: what is forgotten is worked out anew, which costs time"
_FORMAT: Final = (
    "the format's own, or its standard's: nothing sound is longer, and what is longer is refused with a reason"
)
_SHOWN: Final = "how much of it is shown; the whole counts"
_WORK: Final = "how work is cut into pieces: nothing is lost"
_ASKED: Final = "of verbs that ask or import: refused, with a message; no traffic comes there"
_SCREEN: Final = "of the summary and the screen: what is beyond is added up, and said to be"
_RULE: Final = "of rules, which the user wrote: refused with file and line"
CONSTANTS: Final[dict[str, str]] = {
    # reason: where, and which
    _CACHE: """audit/caching.py _MAX_PARSED; audit/identity.py _MAX_KNOWN; audit/stage.py _MAX_STANDING_BYTES _MAX_SETS;
        cluster/issuers.py MAX_ISSUERS; cluster/push.py _MAX_SHARED; crtsh/lookup.py _MAX_SETTLED;
        crtsh/resolver.py _MAX_MET; flow/state.py _MAX_SPARE; ct/bulk.py _MAX_COUNTED;
        ct/deferred.py _MAX_FRESH _MAX_JUDGED;
        ct/importing.py _MAX_REMEMBERED; ct/reader.py _MAX_REMEMBERED; ct/store.py _MAX_REMEMBERED;
        ct/store_lookup.py _MAX_OFFERED_BYTES; ct/traffic.py _MAX_JUDGED_BYTES; fetch/audit.py _MAX_VERDICTS;
        http/content.py _MEMO_FILES _MEMO_BYTES _MAX_TEXT_BYTES; http/grammar.py _MEMO_LINES _MEMO_BYTES;
        http/head.py _MEMO_LINES _MEMO_BYTES; logs/disclosures.py _MAX_REMEMBERED_BYTES _MAX_HASH_BYTES;
        logs/local_nets.py _MAX_REMEMBERED; logs/parts.py _MAX_REMEMBERED _MAX_REMEMBERED_BYTES;
        ocsp/exchange.py _MEMO_MESSAGES _MEMO_BYTES; privacy/attribution.py _MAX_VERDICTS;
        privacy/pseudonyms.py _MAX_REMEMBERED_TEXT; privacy/software.py _MAX_REMEMBERED; report/facts.py _MAX_GRAVE;
        rules/index.py _MAX_REMEMBERED _MAX_REMEMBERED_BYTES; sync/clients.py _KEPT_TILES; sync/entry.py _MAX_CHAINS;
        sync/issuers.py _MAX_REMEMBERED""",
    _WORK: """capture/live/scapy_socket.py MAX_BATCH_FRAMES; capture/reader.py MAX_BATCH_FRAMES;
        capture/scapy_formats.py MAX_BATCH_FRAMES SNIFF_BYTES; ct/bulk.py MAX_MONTHS _MAX_LIFETIME_S;
        ct/deferred.py _MAX_BATCH; ct/partitions.py MAX_RUNS; cluster/remote.py _MAX_TOGETHER; logs/script.py _LONGEST;
        sync/clients.py _MOST_LEAVES _MOST_PATIENCE; sync/log_reader.py _MAX_IN_HAND; rules/literals.py _MOST;
        capture/index.py MAX_TAIL_STEPS; health/shared.py MAX_BYTES; inject.py MEMORY_CAP""",
    _SHOWN: """ct/importing.py _MAX_REASONS _MAX_NAMED; ct/store_sink.py _MAX_SUBJECT_CHARS; ct/verifying.py _MAX_LINES;
        cluster/lookup.py _MAX_REASONS; cluster/node.py _MAX_TEXT; crtsh/desk.py _MAX_REASONS;
        crtsh/remembered.py _MAX_REASON; http/messages.py _MAX_DETAIL; http/outline.py _MAX_NAME;
        ocsp/request.py _MAX_SHOWN_OCTETS;
        ocsp/response.py _MAX_SHOWN_OCTETS; pki/certificates.py _MAX_SUBJECT_CHARS; pki/der.py MAX_OID_TEXT;
        pki/crl_parts.py _MAX_TEXT; online/fetching.py _MAX_MEDIA_TYPE; rules/document.py _MAX_MISTAKES _MAX_SHOWN
        _MAX_NOTES; service/notify.py _MAX_STATUS; sync/entry.py _MAX_REASONS; cli/watch.py _MAX_HELD;
        health/metrics.py MAX_LABELS""",
    _SCREEN: """report/board.py MAX_LATEST; report/merged.py _FARTHEST; report/render.py MAX_WIDTH _MAX_BAR;
        report/screen.py MAX_WIDTH; report/summary.py MAX_KEYS MAX_RESPONDERS MAX_ANSWERS MAX_TOLD MAX_DAMAGE
        MAX_DISTINCT""",
    _RULE: """rules/condition.py MAX_LENGTH MAX_DEPTH; rules/correlations.py _MAX_RULES _MAX_GROUP_FIELDS;
        rules/detection.py MAX_VALUES; rules/document.py MAX_DEPTH MAX_VALUES; rules/encodings.py MAX_DASHES;
        rules/heading.py MAX_TITLE _MAX_SPAN_S; rules/regex.py _MAX_BYTES; rules/template.py MAX_LENGTH;
        rules/values.py MAX_TEXT; settings_file.py _MAX_FILE_BYTES _MAX_DEPTH""",
    _ASKED: """cli/rights.py _MAX_SEALED_BYTES; cluster/entries.py MAX_SERIAL_BYTES _MAX_URLS;
        cluster/issuers.py _MAX_NAMESAKES; cluster/nodes.py _MAX_REDIRECTS; cluster/password.py _MAX_BYTES;
        cluster/replies.py _MAX_LINE _MAX_DEPTH _MAX_ELEMENTS; crtsh/database.py _MOST; crtsh/desk.py _MAX_SERIAL;
        crtsh/pace.py _LONGEST_S; crtsh/resolver.py _MAX_ISSUER_CERTIFICATES; ct/importing.py _MAX_ROUNDS;
        ct/run_file.py _MAX_BITS _MAX_SERIAL_BYTES; ct/schema.py _MAX_VALUE_BYTES; ct/sources/crtsh.py _MAX_LINES;
        ct/sources/der.py _MAX_ELEMENTS _MAX_DEPTH; ct/sources/exported.py _MAX_ISSUERS;
        ct/sources/json_text.py _MAX_CHAIN; ct/sources/log_entries.py _MAX_CHAIN; ct/sources/pem.py _MAX_LABEL;
        ct/sources/zeek.py _MAX_FIELDS; ct/store_sink.py _MAX_POSITIONS_BYTES; online/connecting.py _MOST;
        online/fetching.py _MAX_RETRY_AFTER_S; privacy/key_file.py _MAX_BYTES; service/asking.py _MAX_BYTES;
        service/scrape.py MAX_CONNECTIONS MAX_REQUEST_BYTES; sync/clients.py _MAX_HEAD_BYTES _MAX_PROOF_BYTES;
        sync/entry.py _MAX_SERIAL _MAX_ISSUER; sync/heads.py _MAX_SIZE _MAX_TIME _MAX_SIGNATURES;
        sync/issuers.py MAX_CHAIN; sync/log_list.py _MAX_LOGS; sync/merkle.py MAX_PROOF; sync/run.py _MAX_LIST_BYTES
        _MAX_KEY_BYTES _MAX_SIGNATURE_BYTES""",
    _FORMAT: """audit/caching.py _MAX_SECONDS _MAX_VALUE_BYTES _MAX_DIGITS; audit/stage.py _MAX_NONCE_OCTETS;
        capture/live/bpf.py MAX_INSTRUCTIONS; capture/live/scapy_socket.py MAX_FRAME_BYTES; capture/pcapfile.py
        MAX_SECONDS; capture/pcapng.py INT64_MAX UINT64_MAX MAX_BLOCK_BYTES MAX_INTERFACES;
        capture/scapy_formats.py MAX_RECORD_BYTES; flow/fragment.py _MAX_DATAGRAM;
        http/body.py _MOST_WINDOW; http/dates.py _MAX_BYTES;
        http/grammar.py _MAX_NUMBER MAX_DIGITS MAX_HEX_DIGITS; http/multipart.py _MAX_DELIMITER_LINE;
        http/refusal.py MAX_METHOD _SOCKS_VERSIONS; http/resync.py _LONGEST; ocsp/oddities.py _MAX_SERIAL_DIGITS;
        pki/certificates.py _MAX_ISSUER_BYTES _MAX_HEADERS; pki/crl_parts.py _MAX_HEAD_ELEMENTS _MAX_ELEMENTS
        _MAX_ISSUER_BYTES _MAX_SERIAL_OCTETS; pki/der.py _MAX_OID_OCTETS _MAX_TIME_OCTETS;
        pki/extensions.py _MAX_URLS; pki/name_text.py _MAX_ELEMENTS; pki/names.py MAX_NAME_BYTES _MAX_ELEMENTS;
        pki/openssl_name.py _MAX_ELEMENTS; pki/pem.py _LONGEST_LABEL; pki/serial.py _MAX_TEXT;
        pki/signatures.py MAX_RSA_BITS _MAX_RSA_EXPONENT_BITS _MAX_SALT _MAX_KEY_BYTES _MAX_ALGORITHM_BYTES;
        pki/x509.py _MAX_ELEMENTS _MAX_SERIAL_OCTETS _MAX_NUMBER_OCTETS; privacy/sites.py MAX_HOST_CHARS;
        recent.py _MOST""",
    "tags and tunnels that the kernel looks behind to share packets out: what is deeper goes to one worker": """
        capture/live/fanout.py MAX_TUNNELS; capture/live/headers.py MAX_TAGS MAX_MPLS_LABELS""",
    "what of a direction a retransmission is compared with, and copies that differ: a window without scaling": """
        flow/delivery.py _RECENT_SEGMENTS _RECENT_BYTES; flow/copies.py _MAX_COPIES _MAX_BYTES""",
    "first octets of a side: those remembered that are no HTTP, and those that wait for what the other side says": """
        flow/beginning.py _MAX_AGAINST""",
    "jumps remembered in case what was given up comes: of more the first and the last ones": """
        flow/lost.py _MAX_LOST""",
    "farther than any buffer reaches: `segment_out_of_window`, unless four come one behind the other": """
        flow/reassembly.py _FAR _FAR_RUN""",
    "how far what is no HTTP is looked through for a beginning: `non_http_on_port_80`, `bad_HTTP_request`": """
        flow/sniff.py _MAX_EMPTY; http/reader.py _SOCKS_BYTES; http/refusal.py _MAX_JUNK""",
    "replies that wait for their request: the oldest is told without it, `unmatched_HTTP_reply`": """
        http/pairing.py _MAX_EARLY""",
    "halves of transactions that are told apart: `HTTP_second_reading_cut`": "http/second.py _MAX_TOLD",
    "places where a body may end: `HTTP_second_reading_cut` with the second that a message stands at": """
        http/framings.py _MAX_TURNS""",
    "octets of empty lines before a request that stands where another framing has one: behind more there is none": """
        http/framings.py _MAX_EMPTY""",
    "members and headers of one gzip body: `HTTP_content_coding_cut`": """
        http/codings.py _MAX_MEMBERS _MAX_GZIP_HEADER""",
    "Content-Lengths that differ: `HTTP_bad_content_length` with the second already": "http/head.py _MAX_LENGTHS",
    "what of a body decides its type, as Zeek's default_file_bof_buffer_size": """
        http/mime.py SNIFF_BYTES _MAX_CLOSERS""",
    "how deep and how long an expression that attacks is followed: what is deeper is told as far as it was read": """
        http/attacks.py MAX_TEXT; http/cleartext.py _MAX_NAME _MAX_CREDENTIALS; http/lookups.py MAX_TEXT MAX_FOUND
        MAX_LOOKUP _MAX_DEPTH _MAX_ROUNDS""",
    "spellings of one GET that are tried: `ocsp_get_undecodable`": """
        ocsp/carriage.py _MAX_WORK _MAX_PLACEMENTS _MAX_UNQUOTINGS _MAX_MISSING _MAX_MISSING_UNPADDED""",
    "extensions of one list: `asn1_limit`": "ocsp/elements.py MAX_EXTENSIONS",
    "certificates and keys that are tried: `signature_not_checked:too_many_signers`, `:signer_unreadable`": """
        audit/signature.py _MAX_CERTS _MAX_TRIED; audit/signer.py _MAX_BYTES _MAX_ELEMENTS;
        fetch/audit.py _MAX_TRIED""",
    "seconds of `audit.signatures_per_s` that add up": """
        audit/signature.py _BURST_S; fetch/audit.py _BURST_S; workers/crls.py _BURST_S""",
    "of an address in leak.log and crl.log, before `logs.max_field_bytes` cuts it": "fetch/stage.py _MAX_URL",
    "Zeek's own, of files of one message and of a file's name: `log_string_field_truncated`": """
        logs/render.py _MAX_FILES _MAX_FILENAME_BYTES; logs/fetches.py _MAX_NAME_BYTES; rules/probes.py _MAX_FILES""",
    "issuers that traffic makes known: a trusted CA has signed each, and there are fewer; others stay unknown": """
        ct/traffic.py _MAX_ISSUERS _MAX_SIGNERS _MAX_BUNDLED; ct/deferred.py _MAX_OFFERED_BYTES""",
    "certificates that name one CRL: the line says that there are more": "ct/lookup.py MAX_CRL_USE",
    "what of a value makes a group or an identifier, and of a user agent a guess": """
        rules/correlating.py _MAX_KEY; rules/notices.py _MAX_TEXT _MAX_KEY; rules/windows.py _MAX_TIMES;
        privacy/software.py _MAX_AGENT_BYTES""",
}
"""Constants that bound something and have no settings key, by the reason."""


def reasons() -> dict[str, str]:
    """Of each constant, by module and name, why it has no key."""
    found: dict[str, str] = {}
    for reason, places in CONSTANTS.items():
        for place in places.split(";"):
            module, *names = place.split()
            found |= {f"{module} {name}": reason for name in names}
    return found


def settings() -> Iterator[tuple[str, object]]:
    """Every key with a number, and its default."""
    for branch in Settings.__struct_fields__:
        tree: Any = getattr(Settings(), branch)
        for name in tree.__struct_fields__:
            default = getattr(tree, name)
            if isinstance(default, int | float) and not isinstance(default, bool):
                yield f"{branch}.{name}", default


_ARITHMETIC: Final = (ast.Constant, ast.BinOp, ast.operator)
_NAME: Final = re.compile(
    r"(^|_)(MAX|MOST|LONGEST|REMEMBERED|MEMO|RECENT|FAR|SEARCH_BYTES|SOCKS|SNIFF_BYTES|KEPT|BURST)"
)


def constants() -> list[str]:
    """Module and name of the constants that are numbers and, by their names, bound something."""
    found: list[str] = []
    for path in sorted((REPOSITORY / "sensor").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id.isupper() and _NAME.search(target.id) and _is_number(value):
                found.append(f"{path.relative_to(REPOSITORY / 'sensor')} {target.id}")
    return found


def _is_number(value: ast.expr | None) -> bool:
    return value is not None and all(isinstance(each, _ARITHMETIC) for each in ast.walk(value))


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" if re.fullmatch(r"[\w:]+", word) else word for word in words) or "-"


def render() -> str:
    """docs/limits.md."""
    text = [
        "# Limits",
        "",
        "Made by `python -m tests.hostile.limits`; a test compares. Whatever a stranger could make large has a limit "
        "here. *Counted by* names a weird (its count, logged or not, is in weird_stats.log and in the metrics, as "
        "`ocspwatch_weirds_total`), a field of a log, or `ocspwatch_limits`: that log, the metrics "
        "(`ocspwatch_limits_reached_total`) and the summary of `replay` have it by its key. *Told by* are weirds, "
        "notices, findings and fields; the notice `Sensor::Limit_Reached` comes once in `logs.suppress_for_s` for each "
        "key. The logs about the sensor itself are written by `live`, and by `replay` with `health.in_replay`.",
        "",
        "| setting | default | beyond it | counted by | told by |",
        "|---|---|---|---|---|",
    ]
    defaults = dict(settings())
    for key, limit in LIMITS.items():
        text.append(
            f"| `{key}` | {defaults[key]:,} | {limit.beyond} | {_words(limit.counted)} | {_words(limit.told)} |"
        )
    text += ["", "Settings with a number that are no limits:", ""]
    for pattern, why in NO_LIMITS.items():
        keys = [key for key, _ in settings() if re.fullmatch(pattern, key) and key not in LIMITS]
        text.append(f"- {', '.join(f'`{key}`' for key in keys)}: {why}.")
    text += [
        "",
        "## Limits without a setting",
        "",
        "Constants in the source, with the reason why nobody need turn them.",
        "",
    ]
    for why, places in CONSTANTS.items():
        listed = "; ".join(" ".join(place.split()) for place in places.split(";"))
        text.append(f"- {why[0].upper()}{why[1:]}. ({listed})")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(render())
