"""A receiver of webhooks on loopback, over TLS, as somebody would write one: it checks the signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.factories.certificates import pair

TOLERANCE = 300  # seconds


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    genuine: bool

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """`answers` are given in order, then 204; a number of seconds below one is a pause without answer."""

    secret: str
    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    says: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False


def genuine(secret: str, header: str, body: bytes, now: float) -> bool:
    """What docs/operations/notifications.md tells receivers to do; a test holds the two together."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    if abs(now - int(parts["t"])) > TOLERANCE:
        return False
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


@contextmanager
def receiving(secret: str, folder: Path, *, tls: bool = True) -> Iterator[Receiver]:
    """A receiver that answers until the block ends."""
    receiver = Receiver(secret)
    server = _Server(("127.0.0.1", 0), _handler(receiver))
    if tls:
        server.socket = _wrapped(server, folder)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hook/s3cr3t-path"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who hangs up in the middle is what some tests are about."""


def _wrapped(server: ThreadingHTTPServer, folder: Path) -> ssl.SSLSocket:
    made = pair("receiver.test")
    path = folder / "receiver.pem"
    path.write_text(made.certificate + made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context.wrap_socket(server.socket, server_side=True)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = self.headers.get("X-Meshconsole-Signature", "t=0,v1=")
            good = genuine(receiver.secret, signed, body, time.time())
            receiver.got.append(Got(self.path, dict(self.headers.items()), body, good))
            if receiver.drips:
                self._drip()
                return
            status = receiver.answers.pop(0) if receiver.answers else 204
            said = b"" if status == 204 else receiver.says
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _drip(self) -> None:
            """A byte now and then, so that no single read ever times out."""
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
