"""A log of our own on loopback, by either API; it tells the truth unless a test makes it lie."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from tests.ports import free_ports
from tests.sync.ct_log import START_MS, CtLog

Lie = Callable[[str, bytes], "bytes | int"]
"""Path and query, and the true answer, to what is answered: a body, or a status."""


class LogServer:
    """Serves the first `size` entries of a log. `lie` may be set at any time; `asked` are the paths asked for."""

    def __init__(self, log: CtLog, tiled: bool, step: int = 256) -> None:
        self.log = log
        self.tiled = tiled
        self.size = log.size
        self.at_ms = START_MS
        self.lie: Lie | None = None
        self.asked: list[str] = []
        self._step = step
        self._tiles: dict[int, dict[str, bytes]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server.asked.append(self.path)
                body: bytes | int | None = server.answer(self.path)
                if body is not None and server.lie is not None:
                    body = server.lie(self.path, body)  # type: ignore[arg-type]
                status = body if isinstance(body, int) else 404 if body is None else 200
                content = body if isinstance(body, bytes) else b""
                self.send_response(status)
                if len(content) > 1000:
                    content = gzip.compress(content, 1)
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(content)))
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Whoever asked was killed: says nothing; what else goes wrong here, the test sees as no answer."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        log.origin = self.url.partition("://")[2].rstrip("/")
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def listed(self, **more: object) -> dict[str, object]:
        return self.log.listed(self.url, tiled=self.tiled, **more) | (
            {"submission_url": self.url} if self.tiled else {}
        )

    def answer(self, target: str) -> bytes | None:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/")
        if path == "ct/v1/get-roots":
            return _json(certificates=[_b64(der) for der in self.log.roots])
        if self.tiled:
            return self._tiled(path)
        return self._rfc6962(path.removeprefix("ct/v1/"), query)

    def _tiled(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return self.log.checkpoint(self.size, self.at_ms)
        if self.size not in self._tiles:
            self._tiles[self.size] = self.log.tiles(self.size)
        return self._tiles[self.size].get(path)

    def _rfc6962(self, verb: str, query: dict[str, str]) -> bytes | None:
        if verb == "get-sth":
            return self.log.sth(self.size, self.at_ms)
        if verb == "get-entries":
            start, end = int(query["start"]), int(query["end"]) + 1
            end = min(end, start - start % self._step + self._step, self.size)
            if start >= end:
                return None
            entries = self.log.entries[start:end]
            return _json(entries=[{"leaf_input": _b64(each.leaf), "extra_data": _b64(each.extra)} for each in entries])
        if verb == "get-sth-consistency":
            proof = self.log.consistency(int(query["first"]), int(query["second"]))
            return _json(consistency=[_b64(each) for each in proof])
        if verb == "get-proof-by-hash":
            index = self.log.levels[0].index(base64.b64decode(query["hash"]))
            path = self.log.inclusion(index, int(query["tree_size"]))
            return _json(leaf_index=index, audit_path=[_b64(each) for each in path])
        return None


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1000; gzip_comp_level 1;
    server {{ listen 127.0.0.1:{port}; root {root}; location = /ct/v1/get-roots {{ default_type application/json; }} }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path, folder: Path) -> Iterator[str]:
    """Debian's nginx serving `root`; its address. Ask for "nginx" by the mark."""
    (port,) = free_ports(1)
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, root=root, port=port))
    program = shutil.which("nginx") or "nginx"
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), urlopen(url + "checkpoint", timeout=5):  # noqa: S310 (our own)
                break
            time.sleep(0.02)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def write_static(log: CtLog, root: Path, size: int | None = None, at_ms: int = START_MS) -> None:
    """What nginx serves: the tiles, and get-roots beside them."""
    log.write_static(root, size, at_ms)
    roots = root / "ct" / "v1" / "get-roots"
    roots.parent.mkdir(parents=True, exist_ok=True)
    roots.write_bytes(_json(certificates=[_b64(der) for der in log.roots]))
