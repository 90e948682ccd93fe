"""sensor.logs.repeats: a notice once an hour, a weird once for a flow, a flood in samples, every one counted."""

from __future__ import annotations

from sensor.logs.repeats import CertificateMemory, NoticeMemory, WeirdSampler
from sensor.settings import LogSettings
from sensor.weird import FlowId, Weird
from tests.logs.observations import EXCHANGE, FLOW, LEAK, TS, S, changed

MINUTE = 60 * S


def told(memory: NoticeMemory, **fields: object) -> bool:
    return memory.is_new(changed(LEAK, **fields))


def test_the_same_client_and_certificate_are_told_once_within_the_window() -> None:
    memory = NoticeMemory(LogSettings(suppress_for_s=3600.0))
    assert told(memory)
    assert not told(memory, ts=TS + 59 * MINUTE)
    assert not told(memory, ts=TS + 3600 * S - 1)
    assert told(memory, ts=TS + 3600 * S)
    assert not told(memory, ts=TS + 3601 * S)


def test_another_client_serial_or_issuer_is_another_matter() -> None:
    memory = NoticeMemory(LogSettings())
    assert told(memory)
    assert told(memory, flow=changed(FLOW, orig_h="10.0.0.9"))
    assert told(memory, serial_number="02")
    assert told(memory, issuer="CN=Other")
    assert not told(memory, flow=changed(FLOW, orig_p=1, resp_h="10.0.0.1"))


def test_an_unknown_issuer_is_known_by_its_key() -> None:
    memory = NoticeMemory(LogSettings())
    cert_id = EXCHANGE.cert_id
    assert cert_id is not None
    other = changed(EXCHANGE, cert_id=changed(cert_id, issuer_key_hash=b"other"))
    assert told(memory, issuer=None)
    assert not told(memory, issuer=None)
    assert told(memory, issuer=None, exchange=other)
    assert told(memory, issuer=None, exchange=changed(EXCHANGE, cert_id=None))


def test_time_that_goes_back_is_no_reason_to_be_silent_for_ever() -> None:
    memory = NoticeMemory(LogSettings())
    assert told(memory, ts=TS)
    assert told(memory, ts=TS - 1)


def test_the_oldest_is_forgotten_beyond_the_limit() -> None:
    memory = NoticeMemory(LogSettings(max_suppressed=2))
    assert [told(memory, serial_number=serial) for serial in "123"] == [True] * 3
    assert not told(memory, serial_number="3")
    assert told(memory, serial_number="1")


def test_what_is_told_again_is_young_again() -> None:
    memory = NoticeMemory(LogSettings(max_suppressed=2))
    assert told(memory, serial_number="1")
    assert told(memory, serial_number="2")
    assert told(memory, serial_number="1", ts=TS + 3600 * S)
    assert told(memory, serial_number="3", ts=TS + 3600 * S)  # in the place of 2
    assert not told(memory, serial_number="1", ts=TS + 3601 * S)


def weird(name: str = "odd", ts: int = TS, flow: FlowId | None = FLOW) -> Weird:
    return Weird(ts, name, flow)


def test_a_flow_has_each_weird_once_in_ten_minutes() -> None:
    sampler = WeirdSampler(LogSettings())
    assert sampler.admit(weird())
    assert not any(sampler.admit(weird(ts=TS + minute * MINUTE)) for minute in range(10))
    assert not any(sampler.admit(weird()) for _ in range(2000))
    assert sampler.admit(weird(ts=TS + 10 * MINUTE))
    assert sampler.admit(weird("other"))
    assert sampler.admit(weird(flow=changed(FLOW, uid="C2")))
    assert sampler.totals == {"odd": 2013, "other": 1}


def test_repeats_are_sampled_if_asked_for() -> None:
    sampler = WeirdSampler(LogSettings(weird_repeats=True))
    logged = [number for number in range(1, 3100) if sampler.admit(weird())]
    assert logged == [*range(1, 26), 1025, 2025, 3025]
    assert sampler.totals == {"odd": 3099}


def test_weirds_of_no_flow_are_sampled() -> None:
    sampler = WeirdSampler(LogSettings(weird_burst=2, weird_rate=3))
    assert [sampler.admit(weird(flow=None)) for _ in range(9)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert sampler.admit(weird(flow=None, ts=TS + 10 * MINUTE))


def test_what_zeek_ignores_is_only_counted() -> None:
    sampler = WeirdSampler(LogSettings())
    assert not sampler.admit(weird("FIN_after_reset"))
    assert sampler.totals == {"FIN_after_reset": 1}


def test_what_zeek_logs_for_each_originator_is_logged_once_a_day() -> None:
    sampler = WeirdSampler(LogSettings(weird_repeats=True))
    assert sampler.admit(weird("SYN_with_data"))
    assert not sampler.admit(weird("SYN_with_data", ts=TS + 60 * MINUTE, flow=changed(FLOW, uid="C2")))
    assert sampler.admit(weird("SYN_with_data", flow=changed(FLOW, orig_h="10.0.0.9")))
    assert sampler.admit(weird("SYN_with_data", ts=TS + 24 * 60 * MINUTE))


def test_the_table_of_weirds_is_bounded() -> None:
    sampler = WeirdSampler(LogSettings(weirds_per_s=100_000))
    for number in range(70_000):
        assert sampler.admit(weird(flow=changed(FLOW, uid=f"C{number}")))
    assert not sampler.admit(weird(flow=changed(FLOW, uid="C69999")))
    assert sampler.admit(weird(flow=changed(FLOW, uid="C0")))
    assert sampler.forgotten == 70_001 - 65_536


def burst(sampler: WeirdSampler, count: int, ts: int, first: int = 0) -> int:
    """How many of so many flows' weirds are logged."""
    return sum(sampler.admit(weird(ts=ts, flow=changed(FLOW, uid=f"C{first + n}"))) for n in range(count))


def test_all_together_have_so_many_lines_a_second() -> None:
    sampler = WeirdSampler(LogSettings(weirds_per_s=10))
    assert burst(sampler, 30, TS) == 10
    assert sampler.is_excessive is False  # the eleventh was, see below
    assert burst(sampler, 30, TS + S - 1, 100) == 0
    assert burst(sampler, 30, TS + S, 200) == 10
    assert (sampler.totals, sampler.beyond) == ({"odd": 90}, 70)


def test_the_first_that_has_no_room_says_so() -> None:
    sampler = WeirdSampler(LogSettings(weirds_per_s=2))
    told = []
    for number in range(5):
        sampler.admit(weird(flow=changed(FLOW, uid=f"C{number}")))
        told.append(sampler.is_excessive)
    assert told == [False, False, True, False, False]


def test_what_comes_late_counts_in_the_second_that_it_is_found_in() -> None:
    """Else old and new ones in turn would begin a second each."""
    sampler = WeirdSampler(LogSettings(weirds_per_s=10))
    assert sum(burst(sampler, 1, TS - (n % 2) * 5 * S, n) for n in range(100)) == 10
    assert burst(sampler, 100, TS + S, 1000) == 10


def test_a_clock_set_back_does_not_silence() -> None:
    sampler = WeirdSampler(LogSettings(weirds_per_s=10))
    assert burst(sampler, 30, TS + 10**18) == 10
    assert burst(sampler, 30, TS, 100) == 10
    assert burst(sampler, 30, TS + S, 200) == 10


def test_sampled_out_weirds_take_no_room() -> None:
    sampler = WeirdSampler(LogSettings(weirds_per_s=10, weird_burst=3))
    assert sum(sampler.admit(weird(flow=None)) for _ in range(900)) == 3
    assert burst(sampler, 30, TS) == 7


def test_memories_count_what_they_forget() -> None:
    memory = NoticeMemory(LogSettings(max_suppressed=2))
    known = CertificateMemory(LogSettings(max_known_certificates=2))
    for number in range(5):
        assert memory.is_new_number(number, TS)
        assert known.is_new_number(number, TS)
    assert (memory.forgotten, known.forgotten) == (3, 3)
