"""A server on loopback that says what a test wants, octet by octet."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

Script = Callable[[socket.socket], None]


class ScriptedServer:
    """Each request is answered by the next script, the last one ever after. A script is bytes to send, or a function.

    `requests` are the heads of requests as they came; `connections` counts those accepted.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.scripts: list[bytes | Script] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/"
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def drip(self, head: bytes, every_s: float = 0.02) -> Script:
        """Sends `head`, then one octet after another until whoever reads has gone."""

        def script(sock: socket.socket) -> None:
            sock.sendall(head)
            while not self._closed.wait(every_s):
                sock.sendall(b"x")

        return script

    def hang(self, sock: socket.socket) -> None:
        """Says nothing."""
        sock.recv(1)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(sock):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            with contextlib.closing(sock):
                while head := _head(sock):
                    script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
                    self.requests.append(head)
                    if callable(script):
                        script(sock)
                        return
                    sock.sendall(script)
                    if b"Content-Length" not in script:
                        return


def _head(sock: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        octets = sock.recv(4096)
        if not octets:
            return b""
        head += octets
    return head


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
