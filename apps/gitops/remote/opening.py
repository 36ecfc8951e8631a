"""A repository row → a Git client for it. The only place that decrypts a private key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dulwich.client import GitClient, LocalGitClient, SSHGitClient

from apps.gitops import sealed
from apps.gitops.addresses import Address, LocalAddress, parse
from apps.gitops.models import Repository
from apps.gitops.remote.failures import RemoteError
from apps.gitops.remote.hostkeys import host_keys
from apps.gitops.remote.ssh import Vendor


def opened(repository: Repository, *, roots: Sequence[str], deadline: float) -> tuple[GitClient, bytes]:
    """A client and the path to ask it for; nothing is dialled yet. Raises RemoteError,
    SecretUnreadableError, AddressError or KeyRefusedError."""
    address = parse(repository.url)
    if isinstance(address, LocalAddress):
        return LocalGitClient(thin_packs=False, quiet=True), local_path(address, roots).encode()
    known = host_keys(address, repository.known_hosts)
    vendor = Vendor(address, sealed.unseal(repository), known, deadline)
    client = SSHGitClient(
        address.host, port=address.port, username=address.user, vendor=vendor, thin_packs=False, quiet=True
    )
    return client, address.path.encode()


def local_path(address: Address, roots: Sequence[str]) -> str:
    """Where a local repository really lies. Raises RemoteError unless that is a bare repository below one
    of the folders that the operator allows."""
    if not isinstance(address, LocalAddress):
        raise RemoteError("This is no path on the console's machine.")
    real = Path(address.path).resolve()
    allowed = [Path(root).resolve() for root in roots if root]
    if not any(real.is_relative_to(root) and real != root for root in allowed):
        raise RemoteError(
            "The path lies outside of the folders for repositories. "
            "The operator of this console can allow one in MESHCONSOLE_GIT_ROOTS."
        )
    if not all((real / part).exists() for part in ("HEAD", "objects", "refs")):
        raise RemoteError("There is no bare Git repository at this path.")
    return str(real)
