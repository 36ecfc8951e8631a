"""The plain server of the benchmark: sends prepared bytes over TLS, compressed where that is asked for.

Runs as a process of its own; its first line of output is JSON: port, CA, sizes. Ends with its input.
"""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bench.data import Served, served


def handler(prepared: Served) -> type[BaseHTTPRequestHandler]:
    """A request handler that knows only these answers."""

    class Prepared(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body leave together
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            found = prepared.bodies.get(_key(parts.path, query, prepared))
            self._send(*(found or (b'{"kind":"Status","code":404}', b"")), status=200 if found else 404)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b'{"status":{"allowed":true,"userInfo":{"username":"bench"}}}'
            self._send(body, b"", status=201)

        def _send(self, plain: bytes, packed: bytes, *, status: int) -> None:
            zipped = bool(packed) and "gzip" in self.headers.get("Accept-Encoding", "")
            body = packed if zipped else plain
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if zipped:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    return Prepared


def _key(path: str, query: dict[str, str], prepared: Served) -> str:
    if "fieldSelector" in query:
        named = f"{path}?name={query['fieldSelector'].partition('=')[2]}"
        return named if named in prepared.bodies else f"{path}?name="
    if "limit" in query:
        return f"{path}?page={query.get('continue', '0')}"
    return path


def _certificate() -> tuple[str, str]:
    """A certificate for loopback that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return certificate.public_bytes(Encoding.PEM).decode(), private


def main() -> None:
    """Serves until standard input closes."""
    prepared = served()
    certificate, key = _certificate()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(prepared))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate + key)
        file.flush()
        context.load_cert_chain(file.name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    facts = {
        "port": server.server_address[1],
        "ca": certificate,
        "pods": prepared.pods,
        "workloads": prepared.workloads,
        "pod_bytes": prepared.pod_bytes,
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
