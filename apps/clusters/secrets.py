"""Encryption at rest of cluster credentials, and of what others above keep secret. Keys come from the
environment, newest first.

What is encrypted says which cluster and which kind it belongs to, and decrypting checks that: a
ciphertext moved to another row is refused. Only `connect` asks for the plain secret.
"""

from __future__ import annotations

import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.clusters.connection import Secret


class SecretUnreadableError(Exception):
    """The ciphertext was made with a key that is gone, was altered, or belongs to another row."""


def seal(cluster_id: int, secret: Secret) -> str:
    """The ciphertext of a secret, bound to its cluster and kind."""
    body = json.dumps({"cluster": cluster_id, "kind": secret.kind, "secret": secret.parts()})
    return _fernet().encrypt(body.encode()).decode()


def unseal(cluster_id: int, kind: str, ciphertext: str) -> Secret:
    """The secret. Raises SecretUnreadableError without saying anything of what it holds."""
    try:
        body = json.loads(_fernet().decrypt(ciphertext.encode()))
    except (InvalidToken, ValueError):
        raise SecretUnreadableError(
            "The stored credential cannot be decrypted with the present keys. Replace the credential."
        ) from None
    if body.get("cluster") != cluster_id or body.get("kind") != kind:
        raise SecretUnreadableError(
            "The stored credential belongs to another cluster. Replace the credential."
        )
    return Secret(**body["secret"])


def seal_text(owner: str, text: str) -> str:
    """The ciphertext of a text, bound to its owner, such as `webhook:7`."""
    return _fernet().encrypt(json.dumps({"owner": owner, "text": text}).encode()).decode()


def unseal_text(owner: str, ciphertext: str) -> str:
    """The text. Raises SecretUnreadableError for another owner's, without saying what it holds."""
    try:
        body = json.loads(_fernet().decrypt(ciphertext.encode()))
    except (InvalidToken, ValueError):
        raise SecretUnreadableError("The stored secret cannot be decrypted. Give it again.") from None
    if body.get("owner") != owner:
        raise SecretUnreadableError("The stored secret belongs to something else. Give it again.")
    return str(body["text"])


def current_key(ciphertext: str) -> bool:
    """Whether the newest key made it."""
    try:
        Fernet(_keys()[0]).decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True


def rotated(ciphertext: str) -> str:
    """The same content under the newest key. Raises SecretUnreadableError."""
    try:
        return _fernet().rotate(ciphertext.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError("No present key decrypts this credential.") from None


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in _keys()])


def _keys() -> list[str]:
    keys: list[str] = settings.MESHCONSOLE_ENCRYPTION_KEYS
    if not keys:
        raise ImproperlyConfigured(
            "Set MESHCONSOLE_ENCRYPTION_KEYS: cluster credentials are encrypted with it."
        )
    return keys
