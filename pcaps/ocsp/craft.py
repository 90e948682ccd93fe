"""Crafted OCSP: clients not to be had here, and messages at the edge of RFC 6960. python -m pcaps.ocsp.craft"""

from __future__ import annotations

import shutil
from pathlib import Path

from pcaps.lab import crafting, fennwick
from pcaps.ocsp import craft_clients, craft_replies, craft_requests

WORKSHOP = crafting.Workshop("ocsp")
for _module in (craft_clients, craft_requests, craft_replies):
    WORKSHOP.pieces |= _module.WORKSHOP.pieces

if __name__ == "__main__":
    certs = Path(__file__).parent / "certs" / "crafted"
    shutil.rmtree(certs, ignore_errors=True)
    certs.mkdir(parents=True)
    for file, pem in fennwick.certificates().items():
        (certs / file).write_bytes(pem)
    crafting.run(WORKSHOP)
