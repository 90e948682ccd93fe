"""sensor.service.asking: a process that answers, is slow, dies, or never starts; and that ends with its clients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Forks: so in a program of its own, which has one thread.
BEFORE = """
import os, signal, sys, threading, time
from sensor.service.asking import AskingError, AskingProcess

def serve(question):
    if question == b"pid":
        return str(os.getpid()).encode()
    if question.startswith(b"sleep"):
        time.sleep(float(question[5:]))
    if question == b"die":
        os._exit(1)
    if question == b"bug":
        raise RuntimeError("a bug")
    return question[::-1]

def refused(line, question, within_s=None):
    try:
        return line.ask(question, within_s)
    except AskingError as error:
        return str(error)

def is_gone(pid):
    for _ in range(1000):
        try:
            state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
"""


def run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_several_clients_are_answered() -> None:
    code = """
process = AskingProcess(lambda: (b"hello", serve), 3)
print(process.greeting.decode())
for line in process.lines:
    print(line.ask(b"abc").decode())
big = b"x" * 5_000_000
print(process.lines[0].ask(big) == big)
pid = int(process.lines[1].ask(b"pid"))
print(pid != os.getpid())
process.wait()
print(is_gone(pid), refused(process.lines[0], b"abc"))
"""
    assert run(code) == ["hello", "cba", "cba", "cba", "True", "True", "True the process that asks has gone"]


def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    code = """
process = AskingProcess(lambda: (b"", serve))
(line,) = process.lines
print(refused(line, b"sleep1", 0.2))
print(line.ask(b"abc", 30).decode())
"""
    assert run(code) == ["the process that asks gives no answer", "cba"]


def test_one_that_reads_no_more_is_given_up() -> None:
    code = """
process = AskingProcess(lambda: (b"", serve))
(line,) = process.lines
pid = int(line.ask(b"pid"))
os.kill(pid, signal.SIGSTOP)
told = {refused(line, b"x" * 200_000, 0.05) for _ in range(20)}
os.kill(pid, signal.SIGCONT)
print(sorted(told))
"""
    assert run(code) == ["['the process that asks gives no answer', 'the process that asks has gone']"]


def test_one_that_dies() -> None:
    code = """
process = AskingProcess(lambda: (b"", serve), 2)
print(refused(process.lines[0], b"die"))
print(refused(process.lines[1], b"abc"))
"""
    assert run(code) == ["the process that asks has gone"] * 2


def test_one_that_does_not_start() -> None:
    code = """
def fail():
    raise AskingError("no password")
def bug():
    raise RuntimeError("a bug")
for make in (fail, bug):
    try:
        AskingProcess(make)
    except AskingError as error:
        print(error)
"""
    assert run(code) == ["no password", "the process that asks did not start"]


def test_it_ends_with_its_master_in_the_middle_of_a_question() -> None:
    code = """
process = AskingProcess(lambda: (b"", serve))
(line,) = process.lines
pid = int(line.ask(b"pid"))
child = os.fork()
if not child:
    threading.Thread(target=lambda: refused(line, b"sleep600"), daemon=True).start()
    time.sleep(0.2)
    os._exit(0)
line.leave()
os.waitpid(child, 0)
print(is_gone(pid))
"""
    assert run(code) == ["True"]


def test_another_thread_is_told_when_a_line_is_hung_up() -> None:
    code = """
process = AskingProcess(lambda: (b"", serve))
(line,) = process.lines
told = []
thread = threading.Thread(target=lambda: told.append(refused(line, b"sleep600")))
thread.start()
time.sleep(0.1)
line.hang_up()
thread.join(20)
print(told)
process.wait()
"""
    assert run(code) == ["['the process that asks has gone']"]


def test_not_while_other_threads_run() -> None:
    code = """
over = threading.Event()
threading.Thread(target=over.wait).start()
try:
    AskingProcess(lambda: (b"", serve))
except AskingError as error:
    print(error)
over.set()
"""
    (told,) = run(code)
    assert "other threads" in told
