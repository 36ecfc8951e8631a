"""What a webhook keeps secret, encrypted at rest and bound to its row: its address and its signing secret."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from apps.clusters.secrets import current_key, rotated, seal_text, unseal_text
from apps.notifications.models import Webhook


@dataclass(frozen=True, slots=True)
class Sealed:
    """Not shown by `repr`, so that no trace of a failure holds it."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


def seal(webhook_id: int, kept: Sealed) -> str:
    """The ciphertext for the row of this id."""
    return seal_text(_owner(webhook_id), json.dumps({"url": kept.url, "secret": kept.secret}))


def unseal(webhook: Webhook) -> Sealed:
    """What was sealed. Raises SecretUnreadableError."""
    return Sealed(**json.loads(unseal_text(_owner(webhook.pk), webhook.ciphertext)))


def rotate() -> int:
    """Puts every webhook under the newest key; how many were not. Raises SecretUnreadableError."""
    moved = 0
    for webhook in Webhook.objects.all():
        if not current_key(webhook.ciphertext):
            fresh = rotated(webhook.ciphertext)
            moved += Webhook.objects.filter(pk=webhook.pk, ciphertext=webhook.ciphertext).update(
                ciphertext=fresh
            )
    return moved


def _owner(webhook_id: int) -> str:
    return f"webhook:{webhook_id}"
