"""sensor.capture.live.presence: interfaces of the kernel's, taken down, taken away, and made anew."""

from __future__ import annotations

import socket
import subprocess

import pytest

from sensor.capture.live.presence import Presence

pytestmark = pytest.mark.needs("root", "namespaces", "ip")


def link(words: str) -> None:
    subprocess.run(["ip", "link", *words.split()], check=True)


def test_what_changes_is_said_once(network: None) -> None:
    link("add p0 type veth peer p1")
    presence = Presence(["p0", "any", "lo"])
    assert presence.look() == []
    link("set p0 up")
    assert presence.look() == ["p0 is up"]
    link("set p0 down")
    assert presence.look() == ["p0 is down"]
    assert presence.look() == []
    link("del p0")
    assert presence.look() == ["p0 is gone"]
    assert presence.look() == [] and not presence.is_replaced
    link("add p0 type veth peer p1")
    assert presence.look() == ["p0 is there again, but another interface"]
    assert presence.is_replaced and presence.look() == []
    assert presence.numbers == {"p0": socket.if_nametoindex("p0"), "lo": 1}
    presence.accept()
    link("set p0 up")
    assert presence.look() == ["p0 is up"] and not presence.is_replaced
    presence.close()


def test_one_that_was_never_there_is_watched_for(network: None) -> None:
    presence = Presence(["p0"])
    assert presence.look() == []
    link("add p0 type veth peer p1")
    assert presence.look() == ["p0 is there again, but another interface"]
    presence.close()
