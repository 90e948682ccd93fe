"""Emergency mode: shorter timeouts while there is more traffic than the sensor has room or time for.

It begins when the flow table is full, or when whoever watches the capture says that packets are lost (`overload`), and
ends when neither was so for a while and the table is well below its limit. Both are told by a weird, emergency_mode.
In it attempts, closed flows and idle ones are given up sooner, but not idle flows that are read as HTTP: an OCSP client
keeps its connection open. Suricata's flow.emergency-recovery is the model.
"""

from __future__ import annotations

from sensor.flow.tcp import TcpMachine
from sensor.settings import FlowSettings
from sensor.weird import Weird


class EmergencyMode:
    """Shortens the timeouts of `machine` and gives them back. Time is packet time, in nanoseconds."""

    def __init__(self, settings: FlowSettings, machine: TcpMachine, out: list[object]) -> None:
        self.is_on = False
        self.times = 0  # how often it began
        self._machine = machine
        self._out = out
        self._attempt_ns = int(min(settings.attempt_timeout_s, settings.emergency_attempt_timeout_s) * 1e9)
        self._linger_ns = int(min(settings.close_linger_s, settings.emergency_close_linger_s) * 1e9)
        self._idle_ns = max(1, int(settings.emergency_idle_timeout_s * 1e9))
        self._ordinary = (machine.attempt_ns, machine.linger_ns)
        self._hold_ns = int(settings.emergency_hold_s * 1e9)
        self._max_flows = int(settings.max_flows * settings.emergency_below)
        self._max_half_open = int(settings.max_half_open * settings.emergency_below)
        self._overloaded = False
        self._since = 0

    def enter(self, ts: int, why: str) -> None:
        """There is a reason for it, now."""
        self._since = ts
        if self.is_on:
            return
        self.is_on = True
        self.times += 1
        machine = self._machine
        machine.attempt_ns, machine.linger_ns, machine.unread_idle_ns = self._attempt_ns, self._linger_ns, self._idle_ns
        self._out.append(Weird(ts, "emergency_mode", None, f"entered: {why}", "FLOW"))

    def overload(self, ts: int, overloaded: bool) -> None:
        """From outside: whether packets are being lost. It holds until the opposite is said."""
        self._overloaded = overloaded
        if overloaded:
            self.enter(ts, "packets are lost")

    def look(self, ts: int, flows: int, half_open: int) -> None:
        """Is it over? Called once in a second of packet time, with how many flows there are."""
        self._since = min(self._since, ts)  # the clock may have been set back
        if self._overloaded or ts - self._since < self._hold_ns:
            return
        if flows > self._max_flows or half_open > self._max_half_open:
            return
        self.is_on = False
        machine = self._machine
        machine.attempt_ns, machine.linger_ns = self._ordinary
        machine.unread_idle_ns = 0
        self._out.append(Weird(ts, "emergency_mode", None, "left", "FLOW"))
