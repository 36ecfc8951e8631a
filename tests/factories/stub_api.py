"""A tiny HTTPS server that answers what a test tells it to, byte for byte."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec

from apps.clusters.connection import Connection, Secret
from tests.factories.certificates import Pair, ca_pem, pair

TOKEN = "canary-token-0123456789abcdef"


@dataclass
class Reply:
    """`body` bytes are sent as they are, anything else as JSON. `silent` closes without an answer."""

    body: Any = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Asked], Reply]


@dataclass
class Stub:
    """`asked` is everything that came in, in order."""

    port: int
    asked: list[Asked]
    secret: Secret

    def connection(self, *, host: str = "127.0.0.1", ca: str = "test-ca", name: str = "") -> Connection:
        return Connection(f"https://{host}:{self.port}", ca_pem(ca), self.secret, name)


@contextmanager
def stub_api(
    answer: Answer, *, certificate: Pair | None = None, secret: Secret | None = None
) -> Iterator[Stub]:
    """Serves on a free port of loopback until the block ends."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Asked(self.command, self.path, dict(self.headers.items()), body)
            asked.append(request)
            reply = answer(request)
            if reply.silent:
                self.close_connection = True
                return
            data = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
            self.send_response(reply.status)
            for key, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        used = certificate or pair()
        file.write(used.certificate + used.key)
        file.flush()
        context.load_cert_chain(file.name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Stub(server.server_address[1], asked, secret or Secret(token=TOKEN))
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
