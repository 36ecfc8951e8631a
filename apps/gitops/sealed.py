"""The private key of a repository: read, checked, and encrypted at rest, bound to its row."""

from __future__ import annotations

import io

import paramiko

from apps.clusters.secrets import current_key, rotated, seal_text, unseal_text
from apps.gitops.models import Repository

PrivateKey = paramiko.PKey
KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
SHORTEST_RSA = 2048


class KeyRefusedError(ValueError):
    """A private or host key that cannot be used; the message says why and nothing of the key."""


def read_key(text: str) -> PrivateKey:
    """The private key of a text in OpenSSH's or PEM form. Raises KeyRefusedError."""
    body = text.strip().replace("\r\n", "\n") + "\n"
    for kind in KINDS:
        try:
            key: PrivateKey = kind.from_private_key(io.StringIO(body))
        except paramiko.PasswordRequiredException:
            raise KeyRefusedError("The key is protected by a passphrase. Give one without.") from None
        except Exception:  # noqa: S112 - the library raises many kinds of error for another kind's key
            continue
        if isinstance(key, paramiko.RSAKey) and key.get_bits() < SHORTEST_RSA:
            raise KeyRefusedError(f"An RSA key has at least {SHORTEST_RSA} bits.")
        return key
    raise KeyRefusedError("This is no private key of kind Ed25519, ECDSA or RSA in OpenSSH's or PEM form.")


def public_half(key: PrivateKey) -> str:
    """The line for the server: `ssh-ed25519 AAAA…`."""
    return f"{key.get_name()} {key.get_base64()}"


def seal(repository_id: int, text: str) -> str:
    """The ciphertext for the row of this id."""
    return seal_text(_owner(repository_id), text)


def unseal(repository: Repository) -> PrivateKey:
    """The key that was sealed. Raises SecretUnreadableError."""
    return read_key(unseal_text(_owner(repository.pk), repository.ciphertext))


def rotate() -> int:
    """Puts every key under the newest encryption key; how many were not. Raises SecretUnreadableError."""
    moved = 0
    for row in Repository.objects.exclude(ciphertext=""):
        if not current_key(row.ciphertext):
            fresh = rotated(row.ciphertext)
            moved += Repository.objects.filter(pk=row.pk, ciphertext=row.ciphertext).update(ciphertext=fresh)
    return moved


def _owner(repository_id: int) -> str:
    return f"repository:{repository_id}"
