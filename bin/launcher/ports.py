"""Finds a port of the loopback address that nobody listens on."""

import socket

LOOPBACK = "127.0.0.1"
NEIGHBOURS = 100


def free_port(wanted: int) -> int:
    """`wanted` if it is free, else one of the next hundred, else any; 0 asks for any."""
    for port in range(wanted, wanted + NEIGHBOURS) if wanted else ():
        if _bound(port):
            return port
    return _bound(0)


def _bound(port: int) -> int:
    """The port that binding `port` gives, or 0 when it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return 0
        return int(probe.getsockname()[1])
