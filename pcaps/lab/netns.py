"""A small network of namespaces: a bridge whose own addresses are the servers, and clients hanging off it.

Everything the clients and servers say to each other crosses the bridge once, and that is where `Lab.record` listens:
the place of a SPAN port. Needs root, iproute2, tcpdump. Nothing here reaches a network outside: there is no way out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

NETNS_ETC = Path("/etc/netns")  # ip-netns(8): files here stand in for those of /etc inside the namespace
GATEWAY_V4, GATEWAY_V6 = "10.20.0.1", "2001:db8:20::1"
OFFLOADS = ("tso", "gso", "gro", "tx", "rx", "sg")  # so that frames have the size and the checksums of a wire


class LabError(RuntimeError):
    """A command of the laboratory failed; the text has its output."""


def sh(*command: str) -> None:
    """Run a set-up command; LabError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")


class Host:
    """One namespace. `run` waits for a command, `start` leaves it running until the lab closes."""

    def __init__(self, lab: Lab, label: str) -> None:
        self.lab = lab
        self.netns = f"{lab.prefix}{label}"

    def _argv(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.netns, *command]

    def run(
        self, *command: str, stdin: bytes | None = None, check: bool = True, timeout_s: float = 60,
        env: dict[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        """Standard output of `command`; LabError on a non-zero exit unless `check` is off."""
        done = subprocess.run(
            self._argv(command), input=stdin, capture_output=True, check=False, timeout=timeout_s,
            env={**self.lab.env, **(env or {})}, cwd=self.lab.folder,
        )  # fmt: skip
        if check and done.returncode:
            raise LabError(f"{' '.join(command)}: exit {done.returncode}: {(done.stderr + done.stdout)[-2000:]!r}")
        return done.stdout

    def start(self, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A server or daemon in its own process group; its output goes to a log in the lab's folder."""
        log = (self.lab.folder / f"{self.netns}-{Path(command[0]).name}.log").open("ab")
        process = subprocess.Popen(
            self._argv(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.lab.folder,
            env={**self.lab.env, **(env or {})}, start_new_session=True,
        )  # fmt: skip
        log.close()
        self.lab.running.append(process)
        return process

    def wait_port(self, port: int, timeout_s: float = 15) -> None:
        """Until something listens on this TCP port; LabError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if f":{port} " in self.run("ss", "-Hltn").decode():
                return
            time.sleep(0.1)
        raise LabError(f"nothing listens on port {port} in {self.netns}")

    def wait_http(self, url: str, timeout_s: float = 15) -> None:
        """Until anything at all is answered there."""
        deadline = time.monotonic() + timeout_s
        while not self.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url, check=False).strip(b"0"):
            if time.monotonic() > deadline:
                raise LabError(f"no answer from {url} in {self.netns}")
            time.sleep(0.2)


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """End a process that `start` began, and what it started."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Lab:
    """The bridge namespace (`servers`) and its clients; use as a context manager. `folder` holds keys and logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"ow{os.getpid() % 100000}"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TMPDIR": str(folder)}
        self.running: list[subprocess.Popen[bytes]] = []
        self.hosts: list[Host] = []
        self._names: dict[str, list[str]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Lab:
        try:
            self.servers = self._namespace("s")
            self._servers_ip("link", "add", "br0", "type", "bridge")
            self._servers_ip("link", "set", "br0", "address", "02:00:5e:10:00:01", "up")
            self._servers_ip("addr", "add", f"{GATEWAY_V4}/24", "dev", "br0")
            self._servers_ip("addr", "add", f"{GATEWAY_V6}/64", "dev", "br0", "nodad")
            self.servers.run(
                "ethtool", "-K", "br0", *(word for name in OFFLOADS for word in (name, "off")), check=False
            )
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what was started, then remove the namespaces."""
        for process in reversed(self.running):
            stop(process)
        self.running.clear()
        self._stack.close()

    def _servers_ip(self, *words: str) -> None:
        sh("ip", "-n", self.servers.netns, *words)

    def _namespace(self, label: str) -> Host:
        host = Host(self, label)
        sh("ip", "netns", "add", host.netns)
        self._stack.callback(sh, "ip", "netns", "del", host.netns)
        etc = NETNS_ETC / host.netns
        etc.mkdir(parents=True)
        self._stack.callback(_remove_etc, etc)
        (etc / "resolv.conf").write_text(f"nameserver {GATEWAY_V4}\noptions timeout:1 attempts:1\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        sh("ip", "-n", host.netns, "link", "set", "lo", "up")
        self.hosts.append(host)
        return host

    def client(self, label: str, v4: str, v6: str | None = None) -> Host:
        """A client with an address in 10.20.0.0/24 (and 2001:db8:20::/64), the bridge as its gateway."""
        host = self._namespace(label)
        port = f"v{label}"
        sh("ip", "link", "add", port, "netns", self.servers.netns, "type", "veth", "peer", "eth0", "netns", host.netns)
        last = int(v4.rsplit(".", 1)[1])
        sh("ip", "-n", host.netns, "link", "set", "eth0", "address", f"02:00:5e:10:20:{last:02x}", "up")
        sh("ip", "-n", host.netns, "addr", "add", f"{v4}/24", "dev", "eth0")
        sh("ip", "-n", host.netns, "route", "add", "default", "via", GATEWAY_V4)
        if v6:
            sh("ip", "-n", host.netns, "addr", "add", f"{v6}/64", "dev", "eth0", "nodad")
            sh("ip", "-n", host.netns, "-6", "route", "add", "default", "via", GATEWAY_V6)
        self._servers_ip("link", "set", port, "master", "br0", "up")
        for namespace, device in ((self.servers, port), (host, "eth0")):
            namespace.run("ethtool", "-K", device, *(word for name in OFFLOADS for word in (name, "off")), check=False)
        self._write_hosts()
        return host

    def span(self, client: Host, label: str = "span") -> Host:
        """A namespace whose `span0` sees a copy of all that passes the client's port, both ways: a SPAN port.

        By tc-mirred(8): what the port receives is mirrored at its ingress, what it sends at a class of htb.
        """
        host = self._namespace(label)
        port, copy = f"v{client.netns.removeprefix(self.prefix)}", f"m{label}"
        sh("ip", "link", "add", copy, "netns", self.servers.netns, "type", "veth", "peer", "span0", "netns", host.netns)
        for namespace, device in ((self.servers, copy), (host, "span0")):
            sh("ip", "-n", namespace.netns, "link", "set", device, "addrgenmode", "none", "arp", "off", "up")
        mirror = f"u32 match u32 0 0 action mirred egress mirror dev {copy}".split()
        for words in (
            ["qdisc", "add", "dev", port, "handle", "ffff:", "ingress"],
            ["filter", "add", "dev", port, "parent", "ffff:", "protocol", "all", *mirror],
            ["qdisc", "add", "dev", port, "handle", "1:", "root", "htb", "default", "1"],
            ["class", "add", "dev", port, "parent", "1:", "classid", "1:1", "htb", "rate", "10gbit"],
            ["filter", "add", "dev", port, "parent", "1:", "protocol", "all", *mirror],
        ):
            self.servers.run("tc", *words)
        return host

    def address(self, *addresses: str) -> None:
        """Give the servers more addresses, outside the clients' networks."""
        for address in addresses:
            if ":" in address:
                self._servers_ip("addr", "add", f"{address}/128", "dev", "br0", "nodad")
            else:
                self._servers_ip("addr", "add", f"{address}/32", "dev", "br0")

    def publish(self, names: dict[str, Sequence[str]]) -> None:
        """Host names for all namespaces, by their hosts files: no DNS in the captures."""
        for name, addresses in names.items():
            self._names[name] = list(addresses)
        self._write_hosts()

    def _write_hosts(self) -> None:
        text = "127.0.0.1 localhost\n::1 localhost\n"
        text += "".join(f"{address} {name}\n" for name, found in self._names.items() for address in found)
        for host in self.hosts:
            (NETNS_ETC / host.netns / "hosts").write_text(text)

    @contextmanager
    def record(self, target: Path, expression: str = "tcp") -> Iterator[None]:
        """Capture what crosses the bridge, as microsecond pcap, while the block runs."""
        tcpdump = self.servers.start(
            "tcpdump",
            "-i",
            "br0",
            "-U",
            "--immediate-mode",
            "-s",
            "262144",
            "-Z",
            "root",
            "-w",
            str(target),
            expression,
        )
        deadline = time.monotonic() + 10
        while not (target.exists() and target.stat().st_size >= 24):
            if time.monotonic() > deadline:
                raise LabError(f"tcpdump did not start for {target.name}")
            time.sleep(0.05)
        time.sleep(0.2)
        try:
            yield
            time.sleep(0.6)  # closing handshakes
        finally:
            stop(tcpdump, signal.SIGINT)
            self.running.remove(tcpdump)


def _remove_etc(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    if not any(NETNS_ETC.iterdir()):
        NETNS_ETC.rmdir()
