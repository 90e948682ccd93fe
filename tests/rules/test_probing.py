"""An observation, asked by number, says what the functions of `sensor.rules.probes` say of it."""

from __future__ import annotations

from sensor.rules.probes import PROBED, http_raw
from sensor.rules.probing import HttpProbe, Probe, WeirdProbe
from sensor.weird import Weird
from tests.rules.test_events import FLOW, TRANSACTION


def test_a_transaction() -> None:
    probe = HttpProbe(TRANSACTION)
    found = {name: probe.raw(code) for name, (code, _) in PROBED["http"].items()}
    assert found["method"] == b"GET" and found["host"] == b"h\xff" and found["status_code"] is None
    for name, (code, _) in PROBED["http"].items():
        assert found[name] == http_raw(FLOW, TRANSACTION.request, None, code)


def test_a_weird_of_no_flow() -> None:
    weird = Weird(1, "truncated_IP", None, "", "IP")
    probe = WeirdProbe(weird)
    assert [probe.raw(code) for code in (1, 10, 11, 12)] == [None, "truncated_IP", None, "IP"]


def test_what_is_nothing_says_nothing() -> None:
    assert Probe().raw(1) is None
