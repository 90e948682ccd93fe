"""`ocspwatch interfaces`: what can be listened to, and whether this user may."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec

from sensor.settings import Settings

if TYPE_CHECKING:
    from sensor.capture.live.interfaces import Interface

_HINT = """CAP_NET_RAW is enough, it need not be root: a service gets it by AmbientCapabilities=CAP_NET_RAW (systemd), a
container by --cap-add NET_RAW, a person by sudo."""


class _Line(msgspec.Struct, omit_defaults=True):
    """`interfaces --json`. `method` is how this system captures (ring, scapy), left out if this user may not."""

    name: str
    state: str
    kind: str
    mtu: int
    packets: int
    may_capture: bool
    mac: str | None = None
    method: str | None = None
    why_not: str | None = None


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `interfaces`."""
    parser = subparsers.add_parser(
        "interfaces",
        help="what live can listen to, and whether this user may",
        description="Lists the network interfaces, and says whether this user may capture on them. Captures nothing.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  (every verb is given them)
    """Exit code 0."""
    from sensor.capture.live.interfaces import list_interfaces
    from sensor.capture.live.opening import find_method
    from sensor.capture.source import CaptureError

    method, why_not = None, None
    try:
        method = find_method()
    except CaptureError as error:
        why_not = str(error)
    found = list_interfaces()
    if args.json:
        for one in found:
            line = _Line(
                one.name, one.state, one.kind, one.mtu, one.packets, method is not None, one.mac, method, why_not
            )
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        return 0
    _print_table(found)
    if why_not is not None:
        print(f"{why_not[:1].upper()}{why_not[1:]}.\n{_HINT}" if "CAP_NET_RAW" in why_not else why_not)
    elif method == "ring":
        print("This user may capture on all of them, on any for all at once, by a TPACKET_V3 ring.")
    else:
        print("This user may capture on all of them, by scapy's socket, which is slower: there is no TPACKET_V3 here.")
    return 0


def _print_table(found: list[Interface]) -> None:
    rows = [("interface", "state", "kind", "mtu", "packets seen")]
    rows += [(one.name, one.state, one.kind, str(one.mtu), f"{one.packets:,}") for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for name, state, kind, mtu, packets in rows:
        text = f"{name:<{widths[0]}}  {state:<{widths[1]}}  {kind:<{widths[2]}}"
        print(f"{text}  {mtu:>{widths[3]}}  {packets:>{widths[4]}}")
