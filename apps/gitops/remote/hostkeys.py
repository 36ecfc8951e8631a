"""Which host keys a server may show: exactly those of the known_hosts lines that were given."""

from __future__ import annotations

import paramiko

from apps.gitops.addresses import SSH_PORT, SshAddress
from apps.gitops.sealed import KeyRefusedError


def host_keys(address: SshAddress, known_hosts: str) -> dict[str, paramiko.PKey]:
    """The keys for this host by kind. Raises KeyRefusedError when there is none."""
    keys = paramiko.HostKeys()
    for text in known_hosts.splitlines():
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("@"):
            raise KeyRefusedError("Lines with @ markers are not taken: give the host's own key.")
        try:
            entry = paramiko.hostkeys.HostKeyEntry.from_line(" ".join(words))
        except Exception:  # the library raises many kinds of error for a line that it cannot read
            entry = None
        if entry is None:
            raise KeyRefusedError("A line of known_hosts reads: host name, kind of key, key in base64.")
        for name in entry.hostnames:
            keys.add(name, entry.key.get_name(), entry.key)
    found = keys.lookup(lookup_name(address))
    if not found:
        raise KeyRefusedError(f"No line of known_hosts is for {lookup_name(address)}.")
    return {kind: found[kind] for kind in found}


def lookup_name(address: SshAddress) -> str:
    """The host as known_hosts spells it."""
    return address.host if address.port == SSH_PORT else f"[{address.host}]:{address.port}"
