"""Small things every app may keep: the outbox of messages that leave with a transaction.

Must not know what a message means: it holds a task's name and plain arguments, ids only.
"""

from __future__ import annotations

from django.db import models


class OutboxMessage(models.Model):
    """A task to be sent to the workers, written in the transaction that made it necessary.

    The message on the broker is a hint; whoever receives it claims the work in the database.
    """

    task = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["published_at", "id"], name="outbox_unpublished")]

    def __str__(self) -> str:
        return f"{self.task} {self.arguments}"
