"""Why our logs differ from Zeek's, where they do: each difference is claimed by the first reason here that names it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, NamedTuple

_SURI: Final = "OISF_suricata-verify/tests/"
_NDPI: Final = "ntop_nDPI/tests/cfgs/default/pcap/"
_ARKIME: Final = "arkime_arkime/tests/pcap/"


class Reason(NamedTuple):
    """`right`: we are; else it is a gap of ours that we know.

    It claims a difference if its log, its capture (a pattern), and the field (or missing, extra) are named; empty
    fields are all of them.
    """

    right: bool
    title: str
    text: str
    logs: tuple[str, ...]
    captures: tuple[str, ...]
    fields: tuple[str, ...] = ()

    def claims(self, log: str, capture: str, field: str) -> bool:
        return (
            log in self.logs
            and (not self.fields or field in self.fields)
            and any(fnmatchcase(capture, pattern) for pattern in self.captures)
        )


REASONS: Final = (
    Reason(
        True,
        "Community ID of equal addresses",
        "Where both addresses are the same the ports decide the order. Zeek compares them in host byte order, against "
        "the specification; the package communityid gives what we give (a test asks it about each).",
        ("conn",),
        ("*",),
        ("community_id",),
    ),
    Reason(
        True,
        "Two SYN/ACKs",
        "A server answers one SYN twice, by two numbers; the client takes the first, and so goes the reply. Zeek takes "
        "the second, and has no reply then; we read by either (http.log; conn.log counts as Zeek's).",
        ("http", "files"),
        (_NDPI + "KakaoTalk_talk.pcap",),
        ("resp_fuids", "resp_mime_types", "response_body_len", "extra"),
    ),
    Reason(
        True,
        "Bodies that hide (HTTP Evader)",
        "Replies made to be misread: odd chunk sizes, line ends, versions, codings and lengths, NUL and blanks in "
        "fields. A browser reads the body, and so do we: the 68 bytes of EICAR (test_evader.py names the ten cases "
        "where we do not). Zeek logs no body, the coded one, or a part of it; where the status is no number it says 0.",
        ("http", "files"),
        (_SURI + "http-evader/*",),
    ),
    Reason(
        True,
        "MIME types that Zeek has no signature for",
        "DER certificates and CRLs, and OCSP error replies, which Zeek leaves without a type: one record each, paired "
        "with none because zeekdiff pairs files by type.",
        ("files",),
        (
            _SURI + "tls/tls-subjectaltname/*",
            _NDPI + "tls_certificate_too_long.pcap",
            _NDPI + "http_invalid_server.pcap",
        ),
    ),
    Reason(
        True,
        "Brotli",
        "Zeek does not undo `br`; it logs the coded length and no type.",
        ("http", "files"),
        (_SURI + "http-brotli-ce/*",),
    ),
    Reason(
        True,
        "Messages in captures whose clock runs back",
        "Records lie seconds to years behind those before them. Zeek's timers are then due at once, and it cuts a "
        "connection into pieces of one packet, without HTTP. conn.log says the same for us, but the "
        "stream goes on, and so its messages are whole.",
        ("http", "files"),
        (
            _SURI + "transform-base64-7296/*",
            _ARKIME + "arkime_synthetic.pcap",
            _ARKIME + "y2038-bgp.pcap",
            _NDPI + "jsonrpc.pcap",
            _NDPI + "steam.pcapng",
        ),
    ),
    Reason(
        True,
        "A packet's own time",
        "The two directions were not recorded in order, by microseconds or more. Zeek dates by the latest time it has "
        "reached, we by the packet that carried the bytes.",
        ("http", "files"),
        (
            _SURI + "bug-7842-01/*",
            _SURI + "lua/lua-transform-1*",
            "zeek/http/261/*",
            "zeek/http/content-length-in-request-body.pcap",
            "zeek/http/http-inner-transfer-encoding-reproducer.pcap",
            "zeek/http/http-single-conn-22.pcap",
            "zeek/tunnels/vxlan-encapsulated-http.pcap",
        ),
        ("ts", "duration"),
    ),
    Reason(
        True,
        "HTTP without a handshake, or of one direction only",
        "The capture begins in the middle, holds one direction, or data came with the SYN, or is a few made-up "
        "segments. Zeek's analyzer starts only with what it takes for a sound connection; we log the messages that "
        "are there.",
        ("http", "files"),
        (
            _SURI + "alert-max/*",
            _SURI + "alert-testmyids-midstream/*",
            _SURI + "bug-2491-02/*",
            _SURI + "bug-3286-0*",
            _SURI + "detect-bytetest-02/*",
            _SURI + "detect-flowbits/*",
            _SURI + "detect-pcre/*",
            _SURI + "drop-protocol-change/*",
            _SURI + "firewall/*",
            _SURI + "http-response-line/*",
            _SURI + "tcp-fastopen-03/*",
            _SURI + "tcp-stream-after-swap/*",
            _SURI + "uricontent/*",
            _NDPI + "anyconnect-vpn.pcap",
            _NDPI + "mpeg-dash.pcap",
            "zeek/tcp/no-handshake.pcap",
            "zeek/tcp/payload-synack.pcap",
            "zeek/tunnels/gre-aruba.pcap",
            "zeek/wikipedia.pcap",
        ),
        ("extra",),
    ),
    Reason(
        True,
        "HTTP behind a SOCKS preamble",
        "A proxy's greeting comes first; Zeek loses the messages behind it, or those after the first.",
        ("http", "files"),
        (_ARKIME + "socks*", _NDPI + "socks.pcap"),
        ("extra",),
    ),
    Reason(
        True,
        "IRC taken for HTTP",
        "Zeek reads IRC's `USER ...` as an HTTP/0.9 request, and the chat as its reply.",
        ("conn", "http", "files"),
        (_ARKIME + "irc.pcap",),
    ),
    Reason(
        True,
        "A request without a version, a reply with a status line",
        "`GET /HTTP/1.1` and `GET /bad.html` are HTTP/0.9 by their form. Where the server answers with a status line "
        "nevertheless, Zeek takes the head for body (status 0, `<empty>`); we read it. Where it answers with a body "
        "alone there is no status to log, and no second transaction.",
        ("http", "files"),
        (
            "zeek/http/methods.pcap",
            "zeek/http/no-version.pcap",
            "zeek/http/http-09-content-length-confusion.pcap",
            "zeek/ipv6-http-atomic-frag.pcap",
        ),
    ),
    Reason(
        True,
        "A body with line ends at its edges",
        "Zeek counts two bytes beyond the Content-Length of multipart bodies without a last line end, and of a body "
        "until close that goes on after a line without one; or for parts of a body whatever it makes of the line ends.",
        ("http", "files"),
        (
            _SURI + "bug-4953/*",
            _SURI + "http-event-chunk/*",
            _ARKIME + "http-tcp-seq-issue.pcap",
            _ARKIME + "gre-erspan-vxlan.pcap",
            "zeek/http/http-single-conn-22.pcap",
        ),
    ),
    Reason(
        True,
        "Codings and headers inside a body",
        "A MIME body may look like a message (message/rfc822, multipart): Zeek obeys Transfer-Encoding and "
        "Content-Length found inside it. They are content: only the message's own head frames it (RFC 9112 section 6).",
        ("http", "files"),
        (
            _SURI + "engine-state/*",
            "zeek/http/content-length-in-request-body.pcap",
            "zeek/http/http-inner-transfer-encoding-*",
            "zeek/http/smuggle-http-request.pcap",
        ),
    ),
    Reason(
        True,
        "Two Content-Lengths",
        "The first counts for us, the last for Zeek. Here the next request begins where the first one ends the body.",
        ("http", "files"),
        (_SURI + "http-multiple-cl/*",),
    ),
    Reason(
        True,
        "A coding that is claimed, and is not there",
        "Content-Encoding says gzip and the body is plain: Zeek logs no body, we log it as it is.",
        ("http", "files"),
        (_SURI + "http-encoding-gzip-uncompressed/*",),
    ),
    Reason(
        True,
        "Range replies are one file each",
        "Zeek joins the parts of one URL, across transactions, into one file that times out, and counts as missing "
        "what lies before the range (up to 2 GiB of it). We log what each reply carried.",
        ("http", "files"),
        (
            "zeek/http/206_example_a.pcap",
            "zeek/http/byteranges.pcap",
            "zeek/http/concurrent-range-requests.pcap",
            "zeek/http/content-range-gap*.pcap",
            "zeek/http/http-bad-content-range-01.pcap",
            "zeek/http/http-large-gap.pcap",
            _NDPI + "windowsupdate_over_http.pcap",
            "zeek/tunnels/gtp/gtp1_gn_normal_incl_fragmentation.pcap",
        ),
        (
            "missing",
            "extra",
            "missing_bytes",
            "timedout",
            "seen_bytes",
            "duration",
            "ts",
            "resp_fuids",
            "response_body_len",
        ),
    ),
    Reason(
        True,
        "Messages behind a hole",
        "Segments are lost. Zeek gives the connection up, or takes the rest of a lost message for one; we find the "
        "next message and log it, and a body's bytes on both sides of a hole with what is missing between them.",
        ("http", "files"),
        (
            _SURI + "http-gap-*",
            _SURI + "bug-5392/*",
            _SURI + "http-async/*",
            "zeek/http/putty-upload.pcap",
            _NDPI + "ndpi_match_string_subprotocol__error.pcapng",
            _NDPI + "netflix.pcap",
        ),
        (
            "missing_bytes",
            "timedout",
            "missing",
            "extra",
            "ts",
            "request_body_len",
            "response_body_len",
            "resp_fuids",
            "orig_fuids",
            "orig_mime_types",
            "seen_bytes",
            "duration",
        ),
    ),
    Reason(
        True,
        "A reply that is delivered before its request",
        "The server's frames come first in the capture. We join the two, Zeek logs two transactions; and where the "
        "client repeats the request after the connection is over we log that as one of its own.",
        ("http",),
        (_ARKIME + "CVE-2018-6794.pcap",),
    ),
    Reason(
        True,
        "Split handshake",
        "A SYN in answer to a SYN is one connection (RFC 793 figure 8, and the issue); Zeek makes it two.",
        ("conn",),
        (_SURI + "tcp-split-handshake-01-4whs/*",),
    ),
    Reason(
        True,
        "Bytes that are in the capture",
        "Zeek has 0 bytes for a few segments without handshake or acknowledgement, leaves out data on a handshake's "
        "last packet, and has 4 GB where a sequence number went back below zero; we count what is there.",
        ("conn",),
        (
            _SURI + "http-response-line/*",
            _NDPI + "ossfuzz_seed_fake_traces_1.pcapng",
            _NDPI + "KakaoTalk_talk.pcap",
            _NDPI + "tls_invalid_reads.pcap",
        ),
        ("orig_bytes", "resp_bytes", "history", "orig_pkts", "orig_ip_bytes", "duration"),
    ),
    Reason(
        False,
        "Flows in captures whose clock runs back or ahead",
        "Which records are one flow depends on timers that run by the capture's clock, and which of them zeekdiff "
        "pairs on their order in time; ours are not cut at exactly the same packets.",
        ("conn",),
        (_SURI + "transform-base64-7296/*", _ARKIME + "y2038-bgp.pcap"),
    ),
    Reason(
        False,
        "One atomic fragment more",
        "A connection's bytes differ by one IPv6 packet of 40 bytes, in one of the four.",
        ("conn",),
        ("zeek/ipv6-http-atomic-frag.pcap",),
    ),
    Reason(
        False,
        "Bodies that time out",
        "Zeek waits for the rest of some bodies after the connection's end and says `timedout`; we never do.",
        ("files",),
        (_NDPI + "emotet.pcap", _NDPI + "mpeg-dash.pcap"),
        ("timedout",),
    ),
    Reason(
        False,
        "TLS that does not begin a connection",
        "conn.log says `ssl` for us only if both directions begin with a hello. Not after STARTTLS, SOCKS or CONNECT, "
        "not for SSL 2, and not where the server's hello is missing (an alert in its place, a lost segment).",
        ("conn",),
        ("*",),
        ("service",),
    ),
    Reason(
        False,
        "History letter X",
        "Zeek marks that it stopped to analyse a connection; we have no such mark.",
        ("conn",),
        (_ARKIME + "ssh2*", _ARKIME + "tcpdump-geneve.pcap", "zeek/tunnels/tunnel-direct-bypass.pcap"),
        ("history",),
    ),
    Reason(
        False,
        "Names of tunnels",
        "Of nested tunnels we name the innermost only, and not those whose outer protocol we do not open as Zeek does.",
        ("conn",),
        (_ARKIME + "tcpdump-geneve.pcap", "zeek/tunnels/tunnel-direct-bypass.pcap"),
        ("tunnel_parents",),
    ),
    Reason(
        False,
        "Holes at the end of a connection",
        "Whether bytes that never came count as missed when the connection ends by FIN or RST, and how many of them: "
        "Zeek counts those before a FIN that nobody acknowledged, and not those that lie behind an acknowledgement "
        "of a half it has not seen.",
        ("conn",),
        (
            _SURI + "tcp-rst-unacked-stream-12/*",
            _ARKIME + "kafka.pcap",
            _NDPI + "ndpi_match_string_subprotocol__error.pcapng",
            "zeek/tcp/timestamp.pcap",
        ),
        ("missed_bytes", "history"),
    ),
    Reason(
        True,
        "Bytes that came after their acknowledgment",
        "Acknowledged before they were seen, and seen a moment later: not missed. Zeek goes on counting them.",
        ("conn",),
        (_SURI + "bug-5392/*",),
        ("missed_bytes",),
    ),
    Reason(
        False,
        "A connection's last packet",
        "Less than 0.2 ms in the duration of a connection whose last packets come after it was over.",
        ("conn",),
        (_NDPI + "tls_heur__vmess-websocket.pcapng",),
        ("duration",),
    ),
    Reason(
        False,
        "No PE analyzer",
        "files.log names Zeek's analyzers of Windows programs; we have none.",
        ("files",),
        ("*",),
        ("analyzers",),
    ),
    Reason(
        False,
        "Bodies that are mostly holes",
        "A mirror that lost segments by the dozen. Zeek counts into response_body_len what is missing, too, and opens "
        "a file for a body of which nothing was seen; we count what came.",
        ("http", "files"),
        ("zeek/erspan.pcap",),
    ),
)


def reason_for(log: str, capture: str, field: str) -> Reason | None:
    """The first that claims it."""
    return next((reason for reason in REASONS if reason.claims(log, capture, field)), None)
