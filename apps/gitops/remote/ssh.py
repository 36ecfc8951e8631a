"""One command on an SSH server, as Dulwich wants to talk to it. The key stays in memory.

The address is checked and pinned like that of a cluster; the host key has to be one that was given; there is
no agent, no configuration file, no password and no forwarding. Everything ends at a deadline.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import paramiko
from django.conf import settings
from dulwich.client import SSHVendor

from apps.clusters.addresses import AddressPolicy, AddressRefusedError, pinned
from apps.gitops.addresses import SshAddress
from apps.gitops.remote.failures import RemoteError

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
WORDS_LIMIT = 300


class Vendor(SSHVendor):
    """Opens a connection for each command; `deadline` is a time of the monotonic clock."""

    def __init__(
        self,
        address: SshAddress,
        key: paramiko.PKey,
        host_keys: Mapping[str, paramiko.PKey],
        deadline: float,
    ) -> None:
        self._address, self._key, self._host_keys, self._deadline = address, key, host_keys, deadline

    def run_command(self, host: str, command: bytes, **ignored: object) -> Conversation:  # type: ignore[override]
        """Runs the command. Raises RemoteError when the server is not the right one or does not let us in."""
        transport = paramiko.Transport(self._connected())
        try:
            kinds = [kind for kind in self._kinds(transport) if kind]
            transport.get_security_options().key_types = kinds
            transport.start_client(timeout=CONNECT_SECONDS)
            self._check(transport.get_remote_server_key())
            transport.auth_publickey(self._address.user, self._key)
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            channel.settimeout(ANSWER_SECONDS)
            channel.exec_command(command)
        except paramiko.AuthenticationException:
            transport.close()
            raise RemoteError(
                f"{self._address.host} does not let «{self._address.user}» in with this key. "
                "Give the public half of it the right to write."
            ) from None
        except (paramiko.SSHException, OSError, EOFError) as failure:
            transport.close()
            raise RemoteError(f"{self._address.host}: {_said(failure)}") from None
        except BaseException:
            transport.close()
            raise
        return Conversation(transport, channel, self._deadline)

    def _connected(self) -> socket.socket:
        address = self._address
        policy = AddressPolicy.of(settings.MESHCONSOLE_CLUSTER_NETWORKS)
        try:
            target = pinned(address.host, address.port, policy)
            return socket.create_connection((str(target), address.port), timeout=CONNECT_SECONDS)
        except AddressRefusedError as refusal:
            raise RemoteError(str(refusal)) from None
        except OSError as failure:
            said = f"{address.host} does not answer on port {address.port}: {_said(failure)}"
            raise RemoteError(said) from None

    def _kinds(self, transport: paramiko.Transport) -> list[str]:
        """The ways of signing that fit the known keys; a key of kind RSA signs with SHA-2."""
        known = set(self._host_keys)
        if "ssh-rsa" in known:
            known |= {"rsa-sha2-512", "rsa-sha2-256"}
        kinds = [kind for kind in transport.get_security_options().key_types if kind in known]
        if not kinds:
            raise RemoteError("The kinds of the known host keys are too old to be used. Give another one.")
        return kinds

    def _check(self, shown: paramiko.PKey) -> None:
        known = self._host_keys.get(shown.get_name())
        if known is None or known.asbytes() != shown.asbytes():
            raise RemoteError(
                f"{self._address.host} shows another host key than the known one ({shown.fingerprint}). "
                "Nothing was sent. Find out why before you change known_hosts."
            )


class Conversation:
    """Standard input and output of the command, with a deadline."""

    def __init__(self, transport: paramiko.Transport, channel: paramiko.Channel, deadline: float) -> None:
        self._transport, self._channel, self._deadline = transport, channel, deadline
        self._out = channel.makefile("rb")
        self.stderr = _Complaints(channel)

    def read(self, size: int = -1) -> bytes:
        """As a file reads. Raises RemoteError at the deadline."""
        if time.monotonic() > self._deadline:
            raise RemoteError("The repository took too long; nothing was pushed.")
        data: bytes = self._out.read(size)
        return data

    def write(self, data: bytes) -> int:
        self._channel.sendall(data)
        return len(data)

    def can_read(self) -> bool:
        """Whether something came that was not read."""
        return bool(self._channel.recv_ready())

    def close(self) -> None:
        self._channel.close()
        self._transport.close()


class _Complaints:
    """What the command said on standard error, as far as a sentence needs it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def readlines(self) -> list[bytes]:
        said: bytes = self._channel.makefile_stderr("rb").read(WORDS_LIMIT)
        return said.splitlines()


def _said(failure: Exception) -> str:
    text = " ".join(str(failure).split())[:WORDS_LIMIT] or type(failure).__name__
    return text if text.endswith(".") else f"{text}."
