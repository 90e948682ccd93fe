"""Rows CF10, CF11, L2, D6, D7 and S1 to S6: a sensor that runs. Most are tested where they are started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.rows import REPOSITORY, Guard, NotHere, Row

LIVE = "cli/test_faults.py::"
PRIVILEGES = "sensor/service/privileges.py"
ROWS = {
    "CF10": Row(
        "packets that the kernel drops",
        ("capture.ring_bytes", "health.too_many_drops"),
        ("pkts_dropped", "PacketFilter::Dropped_Packets"),
        tests=(
            "capture/live/test_ring.py::test_an_overrun_ring_counts_what_it_lost",
            "health/test_measures.py::TestNotices::test_dropped_packets",
        ),
        guards=(
            Guard("sensor/capture/live/ring.py", "self._counts[place] += count", "self._counts[place] = count"),
            Guard("sensor/capture/live/ring.py", "seen - dropped, dropped, freezes,", "seen - dropped, 0, freezes,"),
            Guard("sensor/health/measures.py", "dropped >= settings.too_many_drops * link:", "dropped >= link:"),
        ),
    ),
    "CF11": Row(
        "an interface that goes down and up, or away",
        tests=(
            "cli/test_faults_interfaces.py::test_an_interface_that_goes_down_and_up_is_ridden_out",
            "cli/test_faults_interfaces.py::test_an_interface_that_is_made_anew_is_listened_to_again",
        ),
        guards=(
            Guard("sensor/capture/live/presence.py", "                self.is_replaced = True\n", ""),
            Guard(
                "sensor/capture/live/ring.py",
                "self._socket.take_error()",
                "self.stop()",
                "an interface that is down is the end",
            ),
        ),
    ),
    "L2": Row(
        "a VLAN tag that the card took off",
        tests=("capture/live/test_ring.py::test_the_tag_that_the_kernel_takes_off_is_there_again",),
        guards=(Guard("sensor/capture/live/blocks.py", "if status & _TAG_VALID or tci:", "if False:"),),
    ),
    "D6": NotHere(
        "one packet that takes long",
        "No clock on the packet path: every loop has a limit, and systemd's watchdog ends what hangs (S6)",
    ),
    "D7": Row(
        "days of it",
        tests=("bench/test_soak.py::test_the_soak_of_two_minutes", "bench/test_soak.py::test_a_short_soak"),
        guards=(
            Guard(
                "sensor/capture/live/presence.py",
                "        for name in self._names:\n            now",
                "        self._socket.dup().detach()\n        for name in self._names:\n            now",
                "a descriptor is left open every second",
            ),
            Guard(
                "sensor/flow/tracker.py",
                "        if self.born > 2",
                "        self.kept = [*getattr(self, 'kept', ()), bytes(1 << 17)]\n        if self.born > 2",
                "each flow leaves 128 KiB behind",
            ),
        ),
        note="An hour: `tests/bench/README.md`; in CI two minutes",
    ),
    "S1": Row(
        "what a running parser may still do",
        tests=(
            "cli/test_rights.py::test_root_becomes_somebody_and_the_parser_holds_no_log",
            "service/test_privileges.py::test_started_as_root_it_becomes_nobody_and_can_do_nothing_else",
            "service/test_privileges.py::test_started_with_cap_net_raw_alone_it_needs_nothing_else",
        ),
        guards=(
            Guard(PRIVILEGES, "        become(account)\n", ""),
            Guard(PRIVILEGES, "        capabilities.drop_all()\n", "        pass\n"),
            Guard(PRIVILEGES, "bounded = capabilities.drop_bounding_set()", "bounded = True"),
            Guard(
                PRIVILEGES, "            _landlock(writable, readable, connects, done, lacks)\n", "            pass\n"
            ),
            Guard(PRIVILEGES, "        _seccomp(settings, connects, done, lacks)\n", ""),
            Guard(PRIVILEGES, "    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n", ""),
        ),
    ),
    "S2": Row(
        "started without rights, as root, without Landlock, for a user that is not there",
        tests=(
            "cli/test_rights.py::test_without_the_capability_it_says_what_is_missing",
            "cli/test_rights.py::test_root_is_refused_without_an_account_and_nothing_is_opened",
            "service/test_privileges.py::test_what_is_switched_off_is_said",
        ),
        guards=(
            Guard(
                PRIVILEGES,
                "        if caller is None or settings.user != ServiceSettings().user:\n            raise\n",
                "",
            ),
            Guard(PRIVILEGES, 'lacks.append("Landlock (service.landlock is off)")', "pass"),
            Guard("sensor/capture/live/packet_socket.py", "the capability CAP_NET_RAW is missing", "not permitted"),
        ),
    ),
    "S3": Row(
        "an import behind the sandbox",
        tests=("cli/test_rights.py::test_nothing_is_imported_or_opened_once_packets_are_parsed",),
        guards=(Guard("sensor/cli/rights.py", "        import_module(name)\n", "        pass\n"),),
    ),
    "S4": Row(
        "settings with unknown keys, wrong types, YAML bombs and tags; a file that everyone may write",
        guards=(Guard("sensor/settings_file.py", "if self.depth >= _MAX_DEPTH:", "if False:"),),
    ),
    "S5": Row(
        "a process that is killed",
        tests=(
            LIVE + "test_kill_9_of_the_parser_loses_no_line_that_was_written",
            LIVE + "test_kill_9_of_everything_leaves_at_most_one_cut_line_which_the_next_start_mends",
        ),
        guards=(
            Guard("sensor/logs/sinks/live_file.py", "cut = 0 if is_fifo else repair(fd)", "cut = 0"),
            Guard("sensor/logs/sinks/live_file.py", "os.O_RDWR | os.O_CREAT", "os.O_RDWR | os.O_CREAT | os.O_TRUNC"),
        ),
        note="systemd starts it anew (Restart=on-failure)",
    ),
    "S6": Row(
        "a parser that is stuck",
        tests=(LIVE + "test_the_service_manager_is_told",),
        guards=(Guard("sensor/service/notify.py", 'self._say("WATCHDOG=1")', "pass"),),
        note="systemd's watchdog",
    ),
}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
BAD = {
    "unknown key": "flow:\n  max_flowz: 5\n",
    "unknown branch": "flows:\n  max_flows: 5\n",
    "wrong type": "flow:\n  max_flows: many\n",
    "out of range": "flow:\n  max_flows: -1\n",
    "huge": "flow:\n  max_flows: 1" + "0" * 400 + "\n",
    "no mapping": "- 1\n- 2\n",
    "no YAML": "flow: [\n",
    "a tag": "flow: !!python/object/apply:os.system ['touch owned']\n",
    "a bomb": BOMB,
    "deep": "[" * 5000,
    "large": "# " + "x" * 2_000_000,
    "binary": "\x00\x01\x02",
    "twice": "flow:\n  max_flows: 5\nflow:\n  max_flows: 6\n",
}


@pytest.mark.parametrize("name", BAD)
def test_s4_settings_that_are_no_settings(name: str, tmp_path: Path) -> None:
    """Exit code 2 and a line that names the file; nothing is run, and it takes no time."""
    path = tmp_path / "settings.yaml"
    path.write_text(BAD[name])
    argv = [sys.executable, "-m", "sensor.cli.main", "--config", str(path), "config"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2, done.stdout
    assert "settings.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "owned").exists()


def test_s4_a_file_that_everyone_may_write(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("flow:\n  max_flows: 5\n")
    path.chmod(0o666)
    argv = [sys.executable, "-m", "sensor.cli.main", "--config", str(path), "config"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "everybody may write" in done.stderr
