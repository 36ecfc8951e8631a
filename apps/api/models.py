"""What the API itself has to remember: requests that must not happen twice."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import User


class IdempotentRequest(models.Model):
    """The answer to a create that carried an Idempotency-Key, so that a repeat gets the same answer.

    `fingerprint` is a keyed hash over method, path and body; the body itself is not kept. `status` is
    NULL while the first request is under way.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_request_a_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user}"
