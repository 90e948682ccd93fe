"""What is lost is missing and nothing else: each frame in turn, the beginning, the end, one direction."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.invariance.replay import by_request, captures, frames_of, inside, made_up, replay, whole

LOOKS_LIKE_A_REPLY = {"ocsp/curl-garbage.pcap"}
"""OpenSSL's responder answers garbage with two replies, one as the body of the other. Without the first one's status
line the second one is found, as it should be."""


@pytest.mark.parametrize("name", captures())
def test_t4_each_frame_lost_in_turn(name: str) -> None:
    """At most one transaction is hurt, it is marked, and what is told of it is true; all others are as they were."""
    frames, full = list(frames_of(name)), whole(name)
    groups = by_request(full)
    for lost in range(len(frames)):
        seen = replay(frames[:lost] + frames[lost + 1 :])
        if seen.told() == full.told():
            continue
        tcp = inside(frames[lost])
        assert tcp is not None
        assert tcp.payload, f"frame {lost} carried no data"
        assert seen.accounts.gap_bytes or tcp.flags & 1, f"frame {lost}: nothing says that something is missing"
        after = by_request(seen)
        hurt = [ts for ts, exchanges in groups.items() if after.get(ts) != exchanges]
        assert len(hurt) <= 1, f"frame {lost}: {hurt}"
        if name not in LOOKS_LIKE_A_REPLY:
            assert made_up(seen, name) == [], f"frame {lost}"


@pytest.mark.parametrize("name", captures())
def test_t7_joined_at_each_frame(name: str) -> None:
    """Nothing is made of half a message, and every question that begins later is there with its answer."""
    frames, groups = list(frames_of(name)), by_request(whole(name))
    for start in range(1, len(frames)):
        seen = replay(frames[start:])
        if name not in LOOKS_LIKE_A_REPLY:
            assert made_up(seen, name) == [], f"from frame {start}"
        after = by_request(seen)
        later = {ts: exchanges for ts, exchanges in groups.items() if ts >= frames[start].ts // 1000}
        assert {ts: after.get(ts) for ts in later} == later, f"from frame {start}"


@pytest.mark.parametrize("name", captures())
def test_the_end_of_the_capture_at_each_frame(name: str) -> None:
    """Prefix stability: what is told of the beginning is told of the whole, and more and more of it."""
    frames, full = list(frames_of(name)), whole(name)
    complete: Counter[object] = Counter()
    everything = Counter(full.told())
    for stop in range(1, len(frames) + 1):
        seen = replay(frames[:stop])
        assert made_up(seen, name) == [], f"to frame {stop}"
        both = Counter(seen.told()) & everything
        assert not complete - both - Counter(e for e in complete if getattr(e, "evidence", "") != "both"), stop
        complete = both
    assert complete == everything


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("who", ["client", "server"])
def test_t6_one_direction_only(name: str, who: str) -> None:
    """Requests alone are requests, replies alone are replies, all of them, and each said to be alone."""
    frames, full = frames_of(name), whole(name).exchanges
    opener = {}
    for frame in frames:
        tcp = inside(frame)
        if tcp is not None:
            opener.setdefault(tcp.flow, tcp.src)
    kept = [
        frame
        for frame in frames
        if (tcp := inside(frame)) is not None and (opener[tcp.flow] == tcp.src) == (who == "client")
    ]
    seen = replay(kept)
    assert made_up(seen, name) == []
    if who == "client":
        asked = [
            e.serial for e in full if e.evidence != "response" and not (e.evidence == "mismatch" and e.cert_status)
        ]
        assert sorted(map(str, asked)) == sorted(str(e.serial) for e in seen.exchanges)
        assert {e.evidence for e in seen.exchanges} <= {"request"}
    else:
        told = [(e.serial, e.cert_status) for e in full if e.cert_status]
        assert sorted(map(str, told)) == sorted(str((e.serial, e.cert_status)) for e in seen.exchanges if e.cert_status)
        assert {e.evidence for e in seen.exchanges} <= {"response"}
