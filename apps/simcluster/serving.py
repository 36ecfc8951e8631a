"""An ASGI application on a loopback port: the socket and the server's settings, with TLS or without.

It knows no cluster.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from apps.simcluster.asgi import Protocol
from apps.simcluster.certificates import TlsFiles

HOST = "127.0.0.1"
BACKLOG = 256


class Server(uvicorn.Server):
    """A server that leaves signals alone: it runs in a thread."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def configured(application: Any, tls: TlsFiles | None = None) -> uvicorn.Config:
    """The loaded settings of a server; with `tls` their `ssl` is what new connections are answered with."""
    options: dict[str, Any] = {
        "http": Protocol,
        "ws": "none",
        "lifespan": "off",
        "loop": "asyncio",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": 1,
        "timeout_keep_alive": 300,
    }
    if tls is not None:
        options |= {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    config = uvicorn.Config(application, **options)
    config.load()
    return config


def bind(port: int) -> socket.socket:
    """A listening socket on the port, or on any other when it is taken."""
    for candidate in (port, 0):
        # Named as TCP, so that asyncio turns Nagle off: otherwise every answer waits 40 ms.
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, candidate))
            bound.listen(BACKLOG)
        except OSError:
            bound.close()
            if candidate == 0:
                raise
        else:
            return bound
    raise OSError("no port")
