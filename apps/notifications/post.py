"""One POST to a webhook: address checked and pinned, no redirect, no proxy, time-outs, a bounded answer.

Knows HTTP and the address policy; nothing of notifications.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from django.conf import settings

from apps.clusters.addresses import AddressPolicy, AddressRefusedError, pinned
from apps.common import redaction

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
READ_LIMIT = 2048  # bytes of the answer that are looked at
EXCERPT = 200  # characters of it that are kept
URL_LIMIT = 2000
ONLY_HTTPS = "Only https:// is dialled: what is sent must stay between the two of us."
DEFAULT_PORTS = {"https": 443, "http": 80}


class NotDeliveredError(Exception):
    """No answer came; one sentence says why. It never holds the address's path."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be dialled."""

    scheme: str
    host: str
    port: int
    path: str
    address: IPv4Address | IPv6Address

    @property
    def origin(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}" + (
            f":{self.port}" if self.port != DEFAULT_PORTS[self.scheme] else ""
        )


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    excerpt: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


def target(url: str) -> Target:
    """The checked address of a URL. Raises NotDeliveredError with what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise NotDeliveredError("This is not a URL.") from None
    if len(url) > URL_LIMIT or not url.isascii() or not url.isprintable() or " " in url:
        raise NotDeliveredError("A URL has printable ASCII characters only, at most 2000.")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise NotDeliveredError("The URL has to begin with https:// and a host.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise NotDeliveredError("The URL may hold neither a user name nor a password nor a fragment.")
    if parts.scheme == "http" and not settings.MESHCONSOLE_WEBHOOK_HTTP_LOOPBACK:
        raise NotDeliveredError(ONLY_HTTPS)
    try:
        address = pinned(parts.hostname, port, AddressPolicy.of(settings.MESHCONSOLE_CLUSTER_NETWORKS))
    except AddressRefusedError as refusal:
        raise NotDeliveredError(str(refusal)) from None
    if parts.scheme == "http" and not address.is_loopback:
        raise NotDeliveredError(ONLY_HTTPS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path, address)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Sends the body and gives what was answered. Raises NotDeliveredError."""
    to = target(url)
    try:
        with _connected(to) as sock:
            connection = http.client.HTTPConnection(to.host, to.port)
            connection.sock = sock
            connection.request(
                "POST", to.path, body, {**headers, "User-Agent": "meshconsole", "Connection": "close"}
            )
            response = connection.getresponse()
            said = response.read(READ_LIMIT).decode("utf-8", "replace")
            return Answer(response.status, _excerpt(said))
    except ssl.SSLCertVerificationError:
        raise NotDeliveredError(f"The certificate of {to.origin} does not hold.") from None
    except TimeoutError:
        raise NotDeliveredError(f"{to.origin} did not answer in {TOTAL_SECONDS:.0f} seconds.") from None
    except (OSError, http.client.HTTPException):
        raise NotDeliveredError(f"The connection to {to.origin} failed or broke.") from None


@contextmanager
def _connected(to: Target) -> Iterator[socket.socket]:
    """A connection to the checked address that ends after TOTAL_SECONDS, whatever drips in."""
    plain = socket.create_connection((str(to.address), to.port), timeout=CONNECT_SECONDS)
    sock = plain
    if to.scheme == "https":
        try:
            sock = _trust().wrap_socket(plain, server_hostname=to.host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise
    sock.settimeout(TOTAL_SECONDS)
    late = threading.Event()
    watch = threading.Timer(TOTAL_SECONDS, _end, (sock, late))
    watch.daemon = True
    watch.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        yield sock
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        sock.close()


def _end(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.MESHCONSOLE_WEBHOOK_CA:
        context.load_verify_locations(cafile=settings.MESHCONSOLE_WEBHOOK_CA)
    return context


def _excerpt(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text)
    return redaction.text(" ".join(shown.split()))[:EXCERPT]
