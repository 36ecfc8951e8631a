"""Addresses of Git repositories: a path on the console's machine, or an SSH server. Pure.

Nothing else is taken: no HTTP, no `ext::`, no password in an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

SSH_PORT = 22
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"[A-Za-z0-9._~+/@-]+")
_SCP = re.compile(r"(?:(?P<user>[^@:/]+)@)?(?P<host>\[[^\]]+\]|[^@:/]+):(?P<path>[^:]+)")
WAYS = "Give a path such as file:///srv/git/mesh.git, or an SSH address such as ssh://git@git.example.com/mesh.git."


class AddressError(ValueError):
    """An address that is not taken; the message says why, without the address."""


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A bare repository on the console's machine."""

    path: str


@dataclass(frozen=True, slots=True)
class SshAddress:
    """`path` as the server gets it; one without a slash in front begins in the user's home."""

    host: str
    port: int
    user: str
    path: str


Address = LocalAddress | SshAddress


def parse(text: str) -> Address:
    """Reads an address. Raises AddressError."""
    if text.startswith("/"):
        return LocalAddress(_path(text))
    if "://" not in text:
        return _scp(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressError(f"The address cannot be read. {WAYS}") from None
    if parts.password is not None:
        raise AddressError("The address holds a password. Leave it out, and give a private key instead.")
    if parts.query or parts.fragment:
        raise AddressError(f"The address has a query or fragment, which Git does not know. {WAYS}")
    if parts.scheme == "file" and not parts.netloc:
        return LocalAddress(_path(parts.path))
    if parts.scheme == "ssh":
        return SshAddress(
            _host(parts.hostname or ""), port or SSH_PORT, _user(parts.username), _path(parts.path)
        )
    raise AddressError(f"Only file and ssh addresses are taken. {WAYS}")


def _scp(text: str) -> SshAddress:
    found = _SCP.fullmatch(text)
    if found is None:
        raise AddressError(f"This is no address of a repository. {WAYS}")
    return SshAddress(_host(found["host"].strip("[]")), SSH_PORT, _user(found["user"]), _path(found["path"]))


def _host(host: str) -> str:
    if not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        raise AddressError(f"The host's name cannot be used. {WAYS}")
    return host


def _user(user: str | None) -> str:
    if user is not None and not _USER.fullmatch(user):
        raise AddressError("The user in the address has letters, digits and . _ - only.")
    return user or "git"


def _path(path: str) -> str:
    parts = path.strip("/").split("/")
    if not _PATH.fullmatch(path) or path.startswith("-") or not parts[0] or {".", "..", ""} & set(parts):
        raise AddressError(
            "The path has letters, digits and . _ ~ + @ - between single slashes, and no «..»."
        )
    return path
