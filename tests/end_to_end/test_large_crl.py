"""A CRL of a million entries from the wire to the log: in time, and in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

ENTRIES = 1_000_000

PROGRAM = """
    import json, random, resource, sys
    from sensor.ct.memory import MemoryLookup
    from sensor.fetch.stage import FetchStage
    from sensor.http.reader import HttpReader
    from sensor.settings import Settings
    from sensor.weird import FlowId
    import sensor.pki.x509

    def tlv(tag, size):
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes((tag, 0x80 | len(octets))) + octets

    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

    count = int(sys.argv[1])
    entry = 2 + 18 + 15 + 14
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    name = bytes.fromhex("30123110300e06035504030c074d696c6c696f6e")
    entries = tlv(0x30, count * entry)
    head = b"\\2\\1\\1" + algorithm + name + b"\\x17\\x0d260301120000Z\\x17\\x0d260308120000Z" + entries
    outside = algorithm + tlv(3, 257) + bytes(257)
    tbs = tlv(0x30, len(head) + count * entry)
    start = tlv(0x30, len(tbs) + len(head) + count * entry + len(outside)) + tbs + head

    settings = Settings()
    stage = FetchStage(settings.crl, settings.audit, MemoryLookup())
    out = []
    flow = FlowId("Cx", "10.0.0.1", 50000, "192.0.2.80", 80)
    reader = HttpReader(flow, out, settings.http, probation=False, new_tap=stage.new_tap)
    reader.data(True, b"GET /a.crl HTTP/1.1\\r\\nHost: x.example\\r\\n\\r\\n", 0)
    size = len(start) + count * entry + len(outside)
    reader.data(False, b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % size + start, 1)
    rnd = random.Random(1)
    rest = b"\\x17\\x0d260228120000Z0\\x0c0\\x0a\\6\\3U\\x1d\\x15\\4\\3\\x0a\\1\\4"
    before, peak = resident(), 0
    for i in range(0, count, 1000):
        block = b"".join(b"\\x30\\x2f\\2\\x10\\x41" + rnd.randbytes(15) + rest for _ in range(1000))
        for pos in range(0, len(block), 1460):
            reader.data(False, block[pos : pos + 1460], 2)
        peak = max(peak, resident())
    reader.data(False, outside, 3)
    (transaction,) = out
    (event,) = stage.feed(transaction)
    peak = max(peak, resident())
    crl = event.crl
    print(json.dumps([crl.end.value, crl.entries, len(crl.serials), crl.octets - size, (peak - before) / (1 << 20)]))
"""


def test_a_million_entries_in_bounded_memory() -> None:
    words = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(ENTRIES)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    end, entries, remembered, missing, grown = json.loads(done.stdout)
    assert (end, entries, remembered, missing) == ("whole", ENTRIES, ENTRIES, 0)
    assert grown == pytest.approx(10, abs=10), "MiB: eight of them are the serials that are remembered"
