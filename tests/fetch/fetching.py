"""HTTP transactions that fetch something, as the HTTP reader makes them."""

from __future__ import annotations

from sensor.ct.memory import MemoryLookup
from sensor.fetch.stage import FetchStage
from sensor.flow.stream import FIN
from sensor.http.reader import HttpReader
from sensor.http.transaction import HttpTransaction
from sensor.settings import AuditSettings, CrlSettings, HttpSettings
from sensor.weird import FlowId

FLOW = FlowId("CHhAvVGS1DHFjwGM9", "10.0.0.1", 49152, "192.0.2.5", 80)
SECOND = 10**9
NOW = 1772370000 * SECOND  # an hour after tests.pki.crls.START


def make_stage(
    settings: CrlSettings = CrlSettings(),  # noqa: B008  (frozen)
    lookup: MemoryLookup | None = None,
) -> FetchStage:
    return FetchStage(settings, AuditSettings(), lookup or MemoryLookup())


def transaction(
    stage: FetchStage,
    body: bytes | None,
    target: bytes = b"/shard/17.crl",
    fields: bytes = b"",
    status: bytes = b"200 OK",
    step: int = 1460,
    cut: int | None = None,
    gap_at: int = -1,
    host: bytes = b"CRL.Example",
    ts: int = NOW,
) -> HttpTransaction:
    """GET `target`; `body` in segments of `step`, up to octet `cut`, without the segment that holds `gap_at`."""
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False, new_tap=stage.new_tap)
    reader.data(True, b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: curl/8\r\n\r\n" % (target, host), ts)
    if body is not None:
        head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n" % (status, len(body), fields)
        reader.data(False, head, ts + SECOND)
        for pos in range(0, len(body) if cut is None else cut, step):
            piece = body[pos : pos + step] if cut is None else body[pos : min(pos + step, cut)]
            if pos <= gap_at < pos + step:
                reader.gap(False, len(piece), ts + SECOND, 0)
            else:
                reader.data(False, piece, ts + SECOND + pos)
    reader.closed(True, FIN, ts + 2 * SECOND, ts, 0)
    reader.closed(False, FIN, ts + 2 * SECOND, ts, 0)
    (found,) = (item for item in out if isinstance(item, HttpTransaction))
    return found
