"""A real SSH server in this process for bare repositories, served by `git` where there is one, or Dulwich."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from dulwich.protocol import ReceivableProtocol
from dulwich.server import FileSystemBackend, ReceivePackHandler, UploadPackHandler
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_UNKNOWN_CHANNEL_TYPE,
    OPEN_SUCCEEDED,
)

GIT = shutil.which("git")


class Upload(UploadPackHandler):
    """As git serves it: a client may do without thin packs."""

    @classmethod
    def required_capabilities(cls) -> tuple[bytes, ...]:
        return ()


SERVICES = {"git-upload-pack": Upload, "git-receive-pack": ReceivePackHandler}


@dataclass(slots=True)
class Server(paramiko.ServerInterface):
    """Lets one public key in as `git`; knows every command that it was asked to run."""

    root: Path
    client: paramiko.PKey
    host: paramiko.PKey
    port: int = 0
    commands: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    silent: bool = False  # says nothing on a channel
    git: str | None = GIT

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host.get_name()} {self.host.get_base64()}"

    def url(self, name: str) -> str:
        return f"ssh://git@127.0.0.1:{self.port}/{name}"

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.tried.append(key.get_base64())
        good = username == "git" and key.asbytes() == self.client.asbytes()
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        threading.Thread(target=self._serve, args=(channel, command.decode()), daemon=True).start()
        return True

    def _serve(self, channel: paramiko.Channel, command: str) -> None:
        if self.silent:
            return
        name, path = shlex.split(command)
        try:
            self._by_git(channel, name, path) if self.git else self._by_dulwich(channel, name, path)
        except Exception as failure:
            with contextlib.suppress(OSError, EOFError):
                channel.sendall_stderr(f"fatal: {type(failure).__name__}\n".encode())
        finally:
            with contextlib.suppress(OSError, EOFError):
                channel.close()

    def _by_git(self, channel: paramiko.Channel, name: str, path: str) -> None:
        words = [str(self.git), name.removeprefix("git-"), f"{self.root}{path}"]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as program:
            assert program.stdin
            assert program.stdout
            assert program.stderr
            threading.Thread(target=self._feed, args=(channel, program), daemon=True).start()
            while data := program.stdout.read(32768):
                channel.sendall(data)
            channel.sendall_stderr(program.stderr.read())

    def _feed(self, channel: paramiko.Channel, program: subprocess.Popen[bytes]) -> None:
        assert program.stdin
        with contextlib.suppress(OSError):
            while data := channel.recv(32768):
                program.stdin.write(data)
            program.stdin.close()

    def _by_dulwich(self, channel: paramiko.Channel, name: str, path: str) -> None:
        def write(data: bytes) -> int:
            channel.sendall(data)
            return len(data)

        protocol = ReceivableProtocol(channel.recv, write)
        SERVICES[name](FileSystemBackend(str(self.root)), [f"{self.root}{path}"], protocol).handle()


@contextlib.contextmanager
def serving(root: Path, client: paramiko.PKey, host: paramiko.PKey) -> Iterator[Server]:
    """Answers on a port of the loopback until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(root, client, host, port=listener.getsockname()[1])
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(host)
            with contextlib.suppress(Exception):  # who does not like our key hangs up
                transport.start_server(server=server)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(10)
