"""What the web sites of the office morning serve: pages, images, archives; small, and to be known by their content."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

VOCABULARY = """
council market harbour weather bridge school budget library garden railway museum festival clinic
mayor ferry bakery concert storm election orchard parish traffic harvest theatre lighthouse
"""
WORDS = VOCABULARY.split()


def _text(dice: random.Random, count: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(count))


def png(width: int, height: int, seed: int) -> bytes:
    """A noisy picture."""
    dice = random.Random(seed)
    rows = b"".join(b"\0" + dice.randbytes(width * 3) for _ in range(height))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(seed: int, size: int) -> bytes:
    """Starts and ends like a JPEG file; between is noise."""
    body = random.Random(seed).randbytes(size).replace(b"\xff", b"\xfe")
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + body + b"\xff\xd9"


GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
    b'<circle cx="20" cy="20" r="18"/></svg>\n'
)
ICO = bytes.fromhex("000001000100101010000100040028010000160000002800000010000000200000000100040000000000") + bytes(260)
PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\n"
    b"endobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
)


def _zip(dice: random.Random) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("minutes.txt"), _text(dice, 900))
        archive.writestr(zipfile.ZipInfo("agenda.txt"), _text(dice, 300))
    return packed.getvalue()


def write_sites(folder: Path) -> None:
    """news/, intranet/ and files/ below `folder`."""
    dice = random.Random(2026)
    links = "".join(f'<p><a href="/story{number}.html">{_text(dice, 5)}</a></p>' for number in range(6))
    head = (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Morning News</title>'
        '<link rel="stylesheet" href="/style.css"><script src="/app.js"></script></head>\n<body>'
    )
    images = "".join(f'<img src="/{name}">' for name in ("masthead.png", "photo1.jpg", "logo.svg", "dot.gif"))
    front = f"{head}{images}{links}</body></html>\n"
    intranet = f"<html><head><title>Intranet</title></head><body>{_text(dice, 120)}</body></html>\n"
    files: dict[str, bytes] = {
        "news/index.html": front.encode(),
        "news/style.css": b"body { font-family: serif; margin: 2em }\nimg { max-width: 100% }\n" * 6,
        "news/app.js": b"document.addEventListener('DOMContentLoaded', function () { fetch('/weather.json'); });\n",
        "news/weather.json": b'{"place": "Harbour Dale", "celsius": 11, "sky": "overcast", "wind": "SW 4"}\n',
        "news/masthead.png": png(90, 40, 1),
        "news/photo1.jpg": jpeg(2, 6_000),
        "news/photo2.jpg": jpeg(3, 4_000),
        "news/logo.svg": SVG,
        "news/dot.gif": GIF,
        "news/favicon.ico": ICO,
        "intranet/index.html": intranet.encode(),
        "intranet/menu.pdf": PDF + b"%" + _text(dice, 500).encode(),
        "intranet/phones.json": b'[{"name": "Reception", "extension": 100}, {"name": "Payroll", "extension": 114}]\n',
        "intranet/proxy.pac": b'function FindProxyForURL(url, host) { return "PROXY proxy.office.example:3128"; }\n',
        "files/minutes.zip": _zip(dice),
        "files/readings.csv.gz": gzip.compress(("time,level\n" + "09:00,1.42\n" * 400).encode(), mtime=0),
        "files/firmware.bin": dice.randbytes(12_000),
        "files/readme.txt": (_text(dice, 200) + "\n").encode(),
    }
    for number in range(6):
        page = f'{head}<h1>{_text(dice, 4)}</h1><img src="/photo2.jpg"><p>{_text(dice, 220)}</p></body></html>\n'
        files[f"news/story{number}.html"] = page.encode()
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
