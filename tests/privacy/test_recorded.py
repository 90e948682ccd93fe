"""The software guess on requests of real programs, as recorded in pcaps/ocsp."""

from __future__ import annotations

import re
from pathlib import Path

import dpkt
import pytest

from sensor.ocsp.carriage import decode_get
from sensor.ocsp.request import decode_request
from sensor.privacy.software import SoftwareGuesser
from sensor.settings import OcspSettings

PCAPS = Path(__file__).parents[2] / "pcaps" / "ocsp"
LIMITS = OcspSettings()


def sent(capture: Path) -> list[bytes]:
    """What was sent towards each listener, one text for each connection: SYN first, segments by sequence number."""
    streams: dict[tuple[bytes, bytes, int, int], dict[int, bytes]] = {}
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(frame).data
            tcp = ip.data
            if not isinstance(tcp, dpkt.tcp.TCP):
                continue
            key = (ip.src, ip.dst, tcp.sport, tcp.dport)
            if tcp.flags & dpkt.tcp.TH_SYN and not tcp.flags & dpkt.tcp.TH_ACK:
                streams[key] = {}
            if key in streams and tcp.data:
                streams[key][tcp.seq] = tcp.data
    return [b"".join(data for _, data in sorted(stream.items())) for stream in streams.values()]


def requests(stream: bytes) -> list[tuple[bytes, bytes, str, dict[bytes, bytes], bytes]]:
    """Method, target, version, header fields, body."""
    found = []
    while (head := re.match(rb"(GET|POST) (\S+) HTTP/(1\.[01])\r\n(.*?)\r\n\r\n", stream, re.DOTALL)) is not None:
        fields = {n.lower(): v.strip() for n, _, v in (line.partition(b":") for line in head[4].split(b"\r\n"))}
        end = head.end() + int(fields.get(b"content-length", 0))
        found.append((head[1], head[2], head[3].decode(), fields, stream[head.end() : end]))
        stream = stream[end:]
    return found


def guesses(wire, capture: Path) -> list[str]:
    guesser = SoftwareGuesser()
    guessed = []
    for stream in sent(capture):
        for method, target, version, fields, body in requests(stream):
            reading = decode_get(target, LIMITS)
            if body:
                asked = decode_request(body, LIMITS)
            elif reading is not None:
                asked = reading[0]
            else:
                continue
            made = wire.exchange(
                asked.cert_ids[0],
                asked=asked,
                method=method.decode(),
                version=version,
                agent=fields.get(b"user-agent"),
                host=fields.get(b"host"),
            )
            guessed.append(guesser.guess(made))
    return guessed


@pytest.mark.parametrize(
    ("capture", "software"),
    [
        ("openssl-post-good", {"OpenSSL"}),
        ("openssl-sha256-certid", {"OpenSSL or GnuTLS"}),
        ("openssl-signed-request", {"OpenSSL"}),
        ("openssl-port-2560", {"OpenSSL"}),
        ("openssl-ipv6-literal", {"OpenSSL"}),
        ("openssl-no-nonce", {"OpenSSL or GnuTLS"}),
        ("ocsptool-ask", {"OpenSSL or GnuTLS", "GnuTLS"}),
        ("gnutls-cli-https", {"GnuTLS"}),
        ("wget2-https", {"Wget2"}),
        ("stunnel-https", {"stunnel"}),
        ("java-pkix-get", {"Java"}),
        ("java-pkix-post", {"Java"}),
        ("java-pkix-nonce", {"Java"}),
        ("firefox-esr", {"Firefox"}),
        ("chromium", {"Chromium"}),
        ("nss-ocspclnt", {"NSS"}),
        ("dirmngr-gpgsm", {"OpenSSL"}),  # not to be told apart on the wire
        ("nginx-stapling", {"nginx stapling"}),
        ("apache-stapling", {"Apache httpd"}),
        ("curl-get-raw", {"curl"}),
        ("curl-keepalive-two-cas", {"curl"}),
    ],
)
def test_recorded_programs_are_recognised(wire, capture: str, software: set[str]) -> None:
    assert set(guesses(wire, PCAPS / f"{capture}.pcap")) == software
