"""sensor.workers.pool: real processes, killed, interrupted, held up, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensor.workers.pool import Pool
from tests import conservation
from tests.workers.conftest import PCAPS
from tests.workers.test_reading import command, frames_of, write_pcap

CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"


def test_each_worker_writes_to_its_own_pipe() -> None:
    pool = Pool(3, lambda number, fd, _: (os.write(fd, b"%d" % number), None)[1])
    try:
        assert [os.read(fd, 10) for fd in pool.fds] == [b"0", b"1", b"2"]
        assert [os.read(fd, 10) for fd in pool.fds] == [b"", b"", b""]
        assert pool.died_of(1) == "ended with status 0"
    finally:
        pool.close()


def test_a_bug_in_a_worker_ends_that_worker_only(capfd: pytest.CaptureFixture[str]) -> None:
    def work(number: int, fd: int, _: int) -> None:
        raise KeyError(number, fd)

    pool = Pool(1, work)
    try:
        assert os.read(pool.fds[0], 10) == b""
        assert pool.died_of(0) == "ended with status 70"
    finally:
        pool.close()
    assert "KeyError" in capfd.readouterr().err


def test_what_is_told_of_a_bug_is_not_the_workers_choice(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under --pseudonymize tracebacks have no values (sensor.cli.disguise)."""
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: print(kind.__name__, "was told", file=sys.stderr))
    pool = Pool(1, lambda *_: {}["ocsp.secret-host.example"])
    try:
        assert pool.died_of(0) == "ended with status 70"
    finally:
        pool.close()
    assert capfd.readouterr().err == "KeyError was told\n"


def test_closing_leaves_no_process_behind() -> None:
    pool = Pool(2, lambda *_: time.sleep(600))
    pids = list(pool._pids)
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    pool.close()
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("waits", [False, True])
def test_a_worker_ends_when_nobody_reads_it_any_more(waits: bool) -> None:
    """What becomes of it when the parent is killed: it holds no other worker's pipe open, nor its own."""

    def write(_: int, fd: int, __: int) -> None:
        while True:
            os.write(fd, bytes(1 << 16))

    def wait(_: int, fd: int, back: int) -> None:
        os.write(fd, b"waits")
        if not os.read(back, 1):
            raise BrokenPipeError

    pool = Pool(2, wait if waits else write)
    os.read(pool.fds[1], 10)
    for fd in (*pool.fds, *pool.backs):
        os.close(fd)
    pool.fds, pool.backs = [], []
    assert [pool.died_of(number) for number in (0, 1)] == ["ended with status 0"] * 2


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture that takes a while: one exchange, again and again, each from another port."""
    path = tmp_path_factory.mktemp("long") / "long.pcap"
    once = [data for _, _, data in frames_of(PCAPS / "tcp" / "out-of-order.pcap")]
    client = once[0][34:36]
    frames, now = [], 1_750_000_000 * 10**9
    for number in range(12_000):
        for data in once:
            now += 10**6
            changed = bytearray(data)
            at = 34 if data[34:36] == client else 36
            changed[at : at + 2] = (1024 + number).to_bytes(2, "big")
            changed[26:30] = data[26:30]
            frames.append((now, bytes(changed)))
    write_pcap(path, frames)
    return path


def started(*words: str, **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **conservation.environment(), "OCSPWATCH_PURE": "1"}
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, CI perhaps, has it ignored
    try:
        return subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-c", CODE, *words], env=environment, stderr=subprocess.PIPE, **options
        )
    finally:
        signal.signal(signal.SIGINT, before)


def children_of(pid: int, count: int) -> list[int]:
    """The workers, as soon as all of them are there."""
    for _ in range(1000):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(listed) == count:
            return [int(child) for child in listed]
        time.sleep(0.01)
    raise AssertionError("no workers came")


def wait_for_lines(path: Path) -> None:
    for _ in range(3000):
        if path.exists() and path.stat().st_size:
            return
        time.sleep(0.01)
    raise AssertionError("nothing was written")


def test_a_worker_that_is_killed_is_told_and_its_fellows_end(long: Path, tmp_path: Path) -> None:
    run = started("replay", str(long), "-o", str(tmp_path / "logs"), "--workers", "3", "-q")
    workers = children_of(run.pid, 3)
    wait_for_lines(tmp_path / "logs" / "http.log")
    os.kill(workers[1], signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 3
    assert b"worker 2 of 3 was killed by signal 9 (SIGKILL); the logs are not complete" in errors
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    written = (tmp_path / "logs" / "http.log").read_bytes()
    assert written.endswith(b"}\n")
    assert command("replay", str(long), "-o", str(tmp_path / "all"), "-q").returncode == 0
    assert (tmp_path / "all" / "http.log").read_bytes().startswith(written)


def test_ctrl_c_ends_all(long: Path, tmp_path: Path) -> None:
    run = started("replay", str(long), "-o", str(tmp_path / "logs"), "--workers", "2", "-q", start_new_session=True)
    workers = children_of(run.pid, 2)
    wait_for_lines(tmp_path / "logs" / "http.log")
    os.killpg(run.pid, signal.SIGINT)  # as the terminal does: to the workers, too
    run.communicate(timeout=60)
    assert run.returncode in (-signal.SIGINT, 130, 1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert (tmp_path / "logs" / "http.log").read_bytes().endswith(b"}\n")


def test_a_parent_that_is_killed_leaves_no_worker(long: Path, tmp_path: Path) -> None:
    run = started("replay", str(long), "-o", str(tmp_path / "logs"), "--workers", "2", "-q")
    workers = children_of(run.pid, 2)
    wait_for_lines(tmp_path / "logs" / "http.log")
    run.kill()
    run.communicate()
    for _ in range(3000):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            return
        time.sleep(0.01)
    raise AssertionError("a worker goes on")


def test_whoever_reads_slowly_is_waited_for_in_bounded_memory(long: Path) -> None:
    """Standard output is not read: the workers stop where the pipes are full."""
    run = started("replay", str(long), "--json", "--workers", "2", "-q", stdout=subprocess.PIPE)
    workers = children_of(run.pid, 2)

    def used() -> list[float]:
        return [sum(map(float, Path(f"/proc/{pid}/stat").read_text().split(") ")[1].split()[11:13])) for pid in workers]

    before, still = used(), 0
    for _ in range(600):
        time.sleep(0.1)
        now = used()
        still = still + 1 if now == before and min(now) > 0 else 0
        before = now
        if still >= 10:
            break
    assert still >= 10, "the workers do not stop"
    for pid in (run.pid, *workers):
        peak = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        assert int(peak) < 150_000, f"{peak} kB"
    assert run.stdout is not None
    run.stdout.close()
    run.communicate(timeout=60)
    assert run.returncode == 0  # as for `| head`
