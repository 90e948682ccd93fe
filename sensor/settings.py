"""Every knob, once: a frozen tree of typed settings with its defaults; each stage is given its own branch.

A string under a field is its documentation: `ocspwatch config` prints it, and a test demands it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Size = Annotated[int, Meta(ge=1, le=1 << 50)]
Count = Annotated[int, Meta(ge=0, le=1 << 50)]
RingSize = Annotated[int, Meta(ge=1 << 22, le=1 << 31)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Interval = Annotated[float, Meta(ge=0.1, le=86400)]
Share = Annotated[float, Meta(ge=0, le=1)]


_NODE = r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$"
_FAULT = "^(memory_cap|parser_error|queue_full|store_locked|clock_jump)@[1-9][0-9]{0,17}$"


class CaptureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_record_bytes: Size = 262144
    """A capture record that claims to be longer is damage (libpcap's maximum)."""
    max_expanded_bytes: Size = 1 << 40
    """A compressed capture may expand to this many bytes, then it counts as a bomb."""
    max_expansion_ratio: Size = 1000
    """... and, beyond 64 MiB of output, to this many times its size."""
    window_bytes: Size = 1 << 19
    """Bytes of a capture handed to the packet path at a time; half a MiB leaves the flow table room in the cache."""
    max_decoder_bytes: Size = 128 << 20
    """Memory a capture's decompression may take (zstd --long=27, xz -9 take 128 and 65 MiB)."""
    max_resync_bytes: Size = 16 << 20
    """Bytes searched behind a damaged record for the next believable one; then the rest of the file is given up."""
    max_damage_reports: Count = 64
    """Weirds for one capture file; what is skipped beyond is counted only."""
    method: Literal["auto", "ring", "scapy"] = "auto"
    """How packets are taken off an interface: by the kernel's ring, or by scapy's socket, which is slower; auto: by the
    ring where there is one."""
    ring_bytes: RingSize = 128 << 20
    """Memory in which the kernel collects packets for each worker while that is busy: a second of a full gigabit."""
    promiscuous: bool = True
    """Whether an interface is asked for packets that are meant for others, as it must be on a SPAN port."""
    tcp_ports: Annotated[tuple[Port, ...], Meta(max_length=64)] = ()
    """Of an interface, the kernel lets in TCP to and from these ports only, and all tunnels; empty: all TCP."""
    filter: str = ""
    """... and of that only what this lets in (pcap-filter(7), as for tcpdump; needs libpcap); empty: all."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes, each of which keeps a share of the flows. In replay the logs are the same; in live each has a ring, a
    count of what a client disclosed before, and lines of its own in stats.log."""


class FlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_flows: Size = 131072
    """Flows in the table; beyond it closed ones are logged and dropped, then half-open, then the oldest, HTTP later,
    OCSP last."""
    max_half_open: Size = 32768
    """Of these, flows whose handshake is not complete."""
    max_older_flows: Count = 4
    """Flows that are read on beside the newest one between their addresses and ports, where a SYN came in the middle;
    each counts in max_flows. Beyond it the last one is given up."""
    emergency_attempt_timeout_s: Seconds = 1.0
    """attempt_timeout_s in emergency mode, which begins when the table is full, or the kernel drops too much."""
    emergency_close_linger_s: Seconds = 1.0
    """close_linger_s in emergency mode."""
    emergency_idle_timeout_s: Seconds = 20.0
    """idle_timeout_s in emergency mode, but for flows that are read as HTTP."""
    emergency_hold_s: Interval = 10.0
    """Emergency mode ends when there was no reason for it for so long ..."""
    emergency_below: Share = 0.7
    """... and the table is no fuller than this share of max_flows and max_half_open."""
    attempt_timeout_s: Seconds = 5.0
    """A connection attempt without an answer is logged after this (Zeek tcp_attempt_delay)."""
    close_linger_s: Seconds = 5.0
    """A closed connection is kept for late packets (Zeek tcp_close_delay, tcp_reset_delay)."""
    partial_close_s: Seconds = 3.0
    """A connection closed by one side, the other never seen (Zeek tcp_partial_close_delay)."""
    unfinished_wait_s: Seconds = 60.0
    """A flow that conn.log says is over, by a FIN or RST or after attempt_timeout_s, but in the middle of a message, is
    kept for so much longer: if its next segment comes after all, it is read on."""
    idle_timeout_s: Seconds = 300.0
    """Zeek tcp_inactivity_timeout."""
    max_ooo_bytes: Size = 262144
    """Bytes held above a hole, for each direction."""
    max_ooo_segments: Size = 512
    """Segments held above a hole, for each direction."""
    max_reassembly_bytes: Size = 64 << 20
    """Bytes held above holes over all flows."""
    max_kept_bytes: Size = 256 << 20
    """What flows keep in memory of messages under way, unanswered requests, and segments not acknowledged; beyond it
    flows that keep much are logged and dropped, those idle longest first, until they keep three quarters of it."""
    hole_wait_bytes: Size = 65536
    """A hole that the peer has not acknowledged is given up when this many bytes are held above it."""
    hole_wait_s: Seconds = 10.0
    """... or when it is this old."""
    reorder_wait_s: Seconds = 1.0
    """Bytes acknowledged before they are seen may come this much later (a SPAN port reorders)."""
    max_fragment_datagrams: Size = 1024
    """IP datagrams being put together."""
    max_fragments: Size = 64
    """Fragments of one datagram."""
    max_fragment_bytes: Size = 4 << 20
    """Bytes of fragments held."""
    fragment_timeout_s: Seconds = 30.0
    """Packet time after which an incomplete datagram is dropped."""
    max_tunnel_depth: Count = 4
    """Encapsulations opened, one inside the other."""
    max_ip6_extensions: Count = 8
    """IPv6 extension headers skipped."""
    use_vlan: bool = False
    """Whether VLAN tags are part of what makes a flow."""
    local_nets: tuple[str, ...] = (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/24",
        "239.0.0.0/8",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
    )
    """Networks that count as local in local_orig and local_resp; by default those that nobody routes, as in Zeek 8."""
    http_ports: tuple[Port, ...] = (80,)
    """Ports always read as HTTP; on others the first bytes decide."""


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_line_bytes: Size = 8192
    """A header line; a longer one is cut for the log, its framing kept."""
    max_target_bytes: Size = 65536
    """A request line."""
    max_header_bytes: Size = 65536
    """A header block."""
    max_headers: Size = 100
    """Header fields kept; beyond it those in which cleartext.log finds something."""
    max_second_reading_bytes: Size = 262144
    """Octets read in two ways behind a retransmission or a length that says otherwise, but for what is only counted."""
    max_second_readings: Size = 16
    """How often in a flow such a second reading begins; further ones as often as what came is as long as they begin."""
    max_pending: Size = 100
    """Requests without a reply in one flow (Zeek max_pending_requests)."""
    max_informational: Count = 10
    """1xx replies logged for one request."""
    max_tunnels: Count = 2
    """CONNECTs to proxies, one inside the other, whose tunnels are read if they carry HTTP."""
    max_request_body_bytes: Size = 65536
    """An OCSP request kept for decoding."""
    max_form_bytes: Count = 8192
    """What else a request carries, such as a form, kept while it is looked through for cleartext.log; 0 for none. A
    longer one is not looked through: secrets and attacks in it are in no log (http.log has its length, ocspwatch_limits
    counts it)."""
    max_response_body_bytes: Size = 262144
    """An OCSP reply, or a certificate, kept for decoding."""
    max_search_bytes: Size = 65536
    """How far into a direction of a flow that never spoke HTTP a message is looked for anywhere; behind it, where a
    segment begins."""
    max_inflated_bytes: Size = 1 << 20
    """What a compressed body may expand to while it is kept."""
    max_counted_inflated_bytes: Size = 64 << 20
    """What one may expand to that is only counted, as response_body_len is."""
    max_inflate_ratio: Size = 100
    """... and, beyond 64 KiB, how many times its size."""
    max_codings: Size = 2
    """Content codings, one over the other."""
    max_chunk_extension_bytes: Size = 4096
    """A chunk-size line."""
    max_trailer_bytes: Size = 16384
    """A trailer section."""
    max_parts: Size = 64
    """Parts of a multipart body logged as files."""
    max_cleartext_items: Size = 16
    """Cookies, credentials, lookups and the like that cleartext.log names of one request."""
    hash_bodies: Literal["pki", "all", "none"] = "pki"
    """Which bodies get md5, sha1 and sha256 in files.log: pki (OCSP, CRL, certificate), all, none."""


class OcspSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: Size = 262144
    """A message larger than this is not decoded."""
    max_depth: Size = 16
    """Nested ASN.1 elements."""
    max_elements: Size = 4096
    """ASN.1 elements of one message."""
    max_cert_ids: Size = 64
    """CertIDs, or SingleResponses, of one message that are logged; all are counted."""
    max_serial_octets: Size = 64
    """Octets of a serial number that are logged; of a longer one "..." and a digest stand behind them."""
    max_get_bytes: Size = 16384
    """Of a request target that is longer, only so many octets at its end are tried as an OCSP GET. RFC 6960 A.1 wants
    fewer than 255; servers take request lines of 8 KiB (Apache, nginx) to 16 KiB (HAProxy, IIS)."""


class CrlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: Size = 256 << 20
    """A CRL is decoded up to here (the largest in use have some 50 MB)."""
    max_part_bytes: Size = 65536
    """What of a CRL is held at a time: its beginning, one entry, its extensions, its signature."""
    max_in_file: Size = 16
    """CRLs of one file in PEM that are read; those behind them are counted."""
    max_names: Size = 16
    """Names of an IssuingDistributionPoint, and extensions, that are logged."""
    max_issuers: Size = 256
    """Issuers of one indirect CRL whose entries are remembered."""
    max_remembered: Count = 1 << 20
    """Entries of CRLs that are remembered, 8 bytes each: a certificate asked about later is said to be on one."""
    max_crls: Size = 4096
    """CRLs of which entries are remembered; the oldest is forgotten beyond it."""
    max_asked: Size = 65536
    """Certificates asked about by OCSP that are looked for on CRLs which come later; likewise."""
    max_certificates: Size = 64
    """Certificates of one download that are logged in x509.log."""
    max_san_names: Size = 250
    """Names of each kind, of one such certificate, that are logged."""
    max_told: Count = 16
    """Certificates asked about that a line of crl.log names as on the CRL; asked_total has the count."""


class CtSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str | None = None
    """The look-up cache; by default ocspwatch/ct.sqlite in the user's data folder (XDG_DATA_HOME)."""
    busy_timeout_ms: Count = 50
    """How long a look-up waits for a locked cache before it answers Unavailable."""
    answer_within_ms: Count = 25
    """Of a running sensor: how long capture waits for an answer; one that takes longer is logged when it comes."""
    max_waiting: Size = 16384
    """... certificates that may wait for an answer; more are not looked up."""
    retry_for_s: Seconds = 120.0
    """... how long a look-up is tried again before the disclosure is logged without its answer."""
    memory_entries: Size = 65536
    """Answers kept in memory."""
    max_names: Size = 250
    """Names kept of one certificate; all are counted."""
    max_certificate_bytes: Size = 1 << 20
    """A certificate to be imported, or seen in traffic, that is larger is refused."""
    max_document_bytes: Size = 64 << 20
    """A PKCS#7 or JSON file, a tile, or a line of a feed to be imported that is larger is refused."""


class SyncSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log_list: str = "https://www.gstatic.com/ct/log_list/v3/log_list.json"
    """ct sync: the list of CT logs (v3), an address or a file."""
    log_list_key: str = ""
    """... a file with the public key (PEM) that has signed the list (Google's: log_list_pubkey.pem beside it). The
    signature is then got from beside the list, where .sig ends its name, and must be right; else nobody checks it."""
    requests_per_s: Annotated[float, Meta(gt=0, le=1000)] = 4.0
    """... requests a log is asked in a second at most; one that says it is too many is asked less."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 4
    """... requests to one log at a time."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """... a request whose answer is not there as a whole by then has failed."""
    max_response_bytes: Size = 32 << 20
    """... an answer that is larger, decompressed, has failed."""
    max_tries: Size = 8
    """... requests that fail in a way that may pass are made so often, each after a longer wait."""
    max_wait_s: Seconds = 300.0
    """... the longest of these waits, but for what a log asks for (Retry-After)."""
    batch_entries: Annotated[int, Meta(ge=1, le=1 << 20)] = 8192
    """... entries proven to be in the log's tree, and written, at a time."""
    flush_rows: Annotated[int, Meta(ge=1, le=1 << 24)] = 1 << 18
    """... certificates that wait in the cache's tables until they are put into files (docs/ct.md)."""
    poll_every_s: Annotated[float, Meta(ge=1, le=86400)] = 300.0
    """... without --once, how often a log that was read to its end is asked for more."""


class OnlineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Literal["none", "crt.sh"] = "none"
    """Whom replay and live ask about certificates that the cache does not know; `--online` is the same. It learns their
    serial numbers, that is, which sites are visited."""
    crtsh_url: Annotated[str, Meta(pattern="^https://[^?#]+$")] = "https://crt.sh/"
    """crt.sh's address."""
    crtsh_database: Annotated[str, Meta(pattern="^([A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?)?$")] = ""
    """crt.sh's PostgreSQL server, HOST or HOST:PORT (crt.sh:5432 is the public one), to be asked by one query instead
    of by HTTP; nothing proves that it is crt.sh's, so whoever is on the way may learn the same. Empty: by HTTP."""
    requests_per_minute: Annotated[float, Meta(gt=0, le=6000)] = 60.0
    """Requests a minute at most (crt.sh allows 60 an address); a serial number takes one to four."""
    burst: Annotated[int, Meta(ge=1, le=1000)] = 5
    """... of which so many may follow each other at once."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=600)] = 10.0
    """A request whose answer is not there as a whole by then has failed."""
    max_answer_bytes: Size = 8 << 20
    """An answer that is larger, decompressed, has failed."""
    max_rows: Size = 1000
    """One with more rows has failed, too, before they are read."""
    max_tries: Annotated[int, Meta(ge=1, le=10)] = 2
    """Requests that fail in a way that may pass are made so often."""
    max_retry_after_s: Seconds = 60.0
    """A server that wants to be left alone for longer (Retry-After) is not waited for: nobody is asked meanwhile."""
    min_delay_s: Annotated[float, Meta(gt=0, le=86400)] = 5.0
    """A certificate is asked about so much later at least than its serial number was seen ..."""
    max_delay_s: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    """... and the first of a batch so much later at most; a batch is asked about in random order."""
    max_waiting: Size = 1000
    """Certificates that may wait to be asked about; more are not, and counted."""
    max_issuers: Size = 8
    """Issuers with the same serial number whose certificates are looked at; more are a failure."""
    found_ttl_s: Seconds = 86400.0
    """What was found, and is in the cache no more, is asked about again after this."""
    negative_ttl_s: Seconds = 86400.0
    """What was not found is asked about again after this: new certificates come late."""
    failure_ttl_s: Seconds = 600.0
    """What could not be asked is asked again after about this (half as much more, at random)."""
    breaker_failures: Size = 5
    """After so many failures, one behind the other, nothing is asked for breaker_s, and, if it goes on, ever longer."""
    breaker_s: Seconds = 300.0
    """... up to an hour."""
    keep_days: Count = 90
    """What crt.sh answered is taken out of the cache after so many days, and asked again if need be; 0 keeps it."""
    max_remembered: Size = 262144
    """Questions remembered, in a file beside the cache (.asked); the oldest is forgotten beyond it."""
    wait_at_end_s: Seconds = 3600.0
    """replay: how long answers are waited for when all packets are read; Ctrl-C ends that, too."""


class ClusterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nodes: Annotated[tuple[Annotated[str, Meta(pattern=_NODE)], ...], Meta(max_length=64)] = ()
    """Nodes of a Redis or Valkey Cluster that is asked about certificates which the cache does not know, each
    HOST:PORT; from one of them the others are learnt. Empty: none is asked (docs/cluster.md)."""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$")] = "ocspwatch"
    """What all keys in the cluster begin with."""
    user: Annotated[str, Meta(pattern="^[!-~]{0,256}$")] = ""
    """User of the cluster (ACL); empty: its default one."""
    password_file: str = ""
    """File with the password, mode 0600; empty: that of the environment, OCSPWATCH_CLUSTER_PASSWORD, or none."""
    tls: bool = True
    """Whether nodes are talked to by TLS. Without, whoever reads along learns which sites are visited."""
    ca_file: str = ""
    """CAs that may certify nodes, PEM; empty: those of the system."""
    certificate_file: str = ""
    """Certificate that this sensor shows to nodes, PEM; empty: none."""
    key_file: str = ""
    """... and its key; empty: in certificate_file, too."""
    timeout_ms: Annotated[int, Meta(ge=1, le=60000)] = 250
    """Answers of all nodes to a batch of questions that are not there by then are not waited for any longer."""
    retry_s: Annotated[float, Meta(ge=0.05, le=3600)] = 1.0
    """A node that failed is not asked again for so long: its certificates are answered Unavailable meanwhile."""
    believed_s: Seconds = 60.0
    """An answer is asked for again after this."""
    max_answer_bytes: Size = 4 << 20
    """An answer of a node that is larger has failed."""
    max_nodes: Annotated[int, Meta(ge=1, le=16384)] = 1000
    """Nodes that are talked to; a cluster that names more is not asked."""


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = True
    """Whether OCSP replies are audited; the findings are in ocsp_exchange.log, field audit."""
    signatures_per_s: Count = 200
    """New signatures checked in a second of packet time, 25 to 100 µs each; unused ones add up for 10 s. 0: none."""
    max_verdicts: Size = 16384
    """Replies whose signature's verdict is remembered; beyond it the longest unused is forgotten."""
    skew_s: Seconds = 300.0
    """How far clocks may be apart before a time counts as past or ahead (openssl ocsp allows as much)."""
    min_validity_s: Seconds = 28800.0
    """An answer valid for less is told (Baseline Requirements 4.9.9: 8 hours)."""
    max_validity_s: Seconds = 864000.0
    """An answer valid for more is told (Baseline Requirements 4.9.9: 10 days)."""
    max_certificates: Size = 65536
    """Certificates whose newest answer later ones are compared with; beyond it the longest unseen is forgotten."""


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_names_logged: Count = 10
    """Names of a certificate written to leak.log; names_total has the count."""
    max_tracked: Size = 262144
    """(client, certificate) pairs counted for times_seen; the longest unseen is forgotten beyond it."""
    max_waiting_bytes: Size = 32 << 20
    """Of a running sensor: OCSP messages kept while their certificates wait for an answer from the look-up cache.
    Beyond it a disclosure is logged at once, without the answer, and counted as a look-up that was unavailable."""
    pseudonym_key: str = ""
    """File with the key under which addresses, names, serial numbers and whatever else tells who or what become
    pseudonyms in all that is written and shown (docs/privacy.md); `--pseudonymize` is the same. Empty: all in clear."""
    max_pseudonyms: Size = 65536
    """Addresses, and other values, whose pseudonyms are remembered; of more the longest unused is computed anew."""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timestamps: Literal["epoch", "iso8601", "millis"] = "epoch"
    """epoch (seconds with microseconds), iso8601 or millis; for every time field."""
    stream: bool = False
    """Adds _path and _write_ts to every line (Corelight's json-streaming form)."""
    community_id: bool = False
    """Adds community_id to conn.log, as Zeek's policy script does."""
    cleartext: bool = True
    """Writes cleartext.log, of which rules about credentials, cookies and Log4j live."""
    suppress_for_s: Seconds = 3600.0
    """A notice about the same client and certificate is not repeated within this time."""
    max_field_bytes: Size = 1024
    """Text taken off the wire is cut here in our own logs' fields and in weirds; the weird
    `log_string_field_truncated` names the log and the connection."""
    weird_burst: Count = 25
    """Lines a weird name gets for one flow before it is sampled (Zeek Weird::sampling_threshold)."""
    weird_rate: Size = 1000
    """After that one in so many is logged (Zeek Weird::sampling_rate)."""
    weird_window_s: Seconds = 600.0
    """Sampling starts afresh after this (Zeek Weird::sampling_duration)."""
    weirds_per_s: Count = 1000
    """Lines of weird.log in a second of packet time, whatever the names and flows; more are counted only, and the weird
    `excessive_weirds` says so."""
    max_weirds: Size = 65536
    """Pairs of a flow and a weird's name remembered for sampling; the oldest is forgotten beyond it."""
    weird_repeats: bool = False
    """Whether a flow's repeats of a weird are sampled too; Zeek drops them for weird_window_s."""
    relog_certificates_s: Seconds = 86400.0
    """A certificate is logged in x509.log again after this (Zeek relog_known_certificates_after)."""
    max_known_certificates: Size = 65536
    """Certificates remembered for that; the longest unseen is forgotten beyond it."""
    max_suppressed: Size = 65536
    """(client, certificate) pairs remembered for suppress_for_s; the oldest is forgotten beyond it."""
    durable: bool = False
    """Whether the end of a run waits until the disk has all log files."""
    rotate_every_s: Seconds = 3600.0
    """live: a log is put aside under a name with its time at every multiple of this since midnight UTC; 0: never."""
    rotate_bytes: Count = 1 << 30
    """live: ... or when it is this large; 0: never."""
    compress_rotated: bool = True
    """live: whether logs that were put aside are compressed (gzip)."""
    keep_days: Count = 30
    """live: logs that were put aside are deleted after so many days; 0: never."""
    sync_every_s: Seconds = 1.0
    """live: how long a line may wait for the disk at most once it is written; 0: as long as the system likes."""
    max_queued_bytes: Size = 64 << 20
    """live: lines waiting for a slow or full disk; beyond it they are dropped and counted."""


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    peer: str = "ocspwatch"
    """This sensor's name in stats.log, capture_loss.log and ocspwatch_stats.log; of several workers, with a number."""
    interval_s: Interval = 60.0
    """Time between two lines of stats.log, capture_loss.log and ocspwatch_stats.log."""
    in_replay: bool = False
    """Whether `replay` writes these three, too: in packet time, and only what the packets say."""
    too_much_loss: Share = 0.1
    """A notice is raised when so much of an interval's acknowledgments is for data never seen (Zeek too_much_loss)."""
    enough_acks: Count = 100
    """... but of fewer acknowledgments than this none."""
    minimum_acks: Count = 1
    """A running sensor that sees fewer acknowledgments than this in an interval says so (Zeek minimum_acks)."""
    too_many_drops: Share = 0.01
    """A notice is raised when the kernel drops this share of an interval's packets, and at least one; emergency mode
    begins when it drops so many in a second."""


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str = "ocspwatch"
    """live: whom it becomes when root starts it, by name, UID or UID:GID; while there is no user ocspwatch, whoever
    called sudo. Others stay who they are."""
    allow_root: bool = False
    """live: whether packets may be parsed as root; its capabilities are given up all the same."""
    landlock: bool = True
    """live: whether files can be opened only below the folders that are written to (Linux 5.13)."""
    seccomp: bool = True
    """live: whether system calls that a sensor needs no more are refused."""
    stop_within_s: Seconds = 2.5
    """live: how long packets that wait are still looked at once it is told to stop; the rest is told as lost. All that
    follows, logs and look-ups that hang included, takes two seconds more at most."""
    max_memory_bytes: Size = 2 << 30
    """live: memory the process may take (RLIMIT_DATA, without the packet ring): far above what the other limits add up
    to, so that only a mistake meets it."""


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: tuple[str, ...] = ()
    """Rule files and folders of your own that are in force."""
    shipped: bool = False
    """Whether the rules that come with the program are in force, too; `--rules shipped` is the same."""
    max_file_bytes: Size = 1 << 20
    """A rule file that is larger is refused."""
    max_rules: Size = 10000
    """Rules in force."""
    max_suppressed: Size = 65536
    """What rules have told and when, remembered for suppress_for; the oldest is forgotten beyond it."""
    max_groups: Size = 65536
    """Groups of one correlation that are open; the longest untouched is forgotten beyond it."""
    max_group_events: Size = 10000
    """Events of one group that a correlation remembers; the oldest is forgotten beyond it."""
    max_correlated_events: Size = 262144
    """Events that one correlation remembers over all groups; the longest untouched group is forgotten beyond it."""


class InjectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    faults: tuple[Annotated[str, Meta(pattern=_FAULT)], ...] = ()
    """For tests of this program only. replay: faults on purpose, each WHAT@N, at packet N, counted from 1: memory_cap
    (nothing is held back for what is missing), parser_error, queue_full (the packet's log lines are dropped),
    store_locked (nobody can be asked about certificates), clock_jump (the packet's time is a day later)."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    capture: CaptureSettings = CaptureSettings()
    flow: FlowSettings = FlowSettings()
    http: HttpSettings = HttpSettings()
    ocsp: OcspSettings = OcspSettings()
    crl: CrlSettings = CrlSettings()
    ct: CtSettings = CtSettings()
    sync: SyncSettings = SyncSettings()
    online: OnlineSettings = OnlineSettings()
    cluster: ClusterSettings = ClusterSettings()
    audit: AuditSettings = AuditSettings()
    privacy: PrivacySettings = PrivacySettings()
    logs: LogSettings = LogSettings()
    health: HealthSettings = HealthSettings()
    service: ServiceSettings = ServiceSettings()
    rules: RuleSettings = RuleSettings()
    inject: InjectSettings = InjectSettings()
