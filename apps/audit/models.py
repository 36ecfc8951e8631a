"""The append-only record. Rows are written by `audit.actions.record` and never changed."""

from __future__ import annotations

from django.db import models


class Outcome(models.TextChoices):
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class AuditEvent(models.Model):
    """Who did what to which object, chained: `hash` = SHA-256 over `prev_hash` and the row.

    The actor is kept by value: the record outlives the account. `via` says how they came
    (`browser`, `api`, `worker`, `command`). `detail` is small JSON without secrets.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=20)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=60, db_index=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=300, blank=True)
    cluster = models.CharField(max_length=63, blank=True, db_index=True)
    summary = models.CharField(max_length=500)
    detail = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-seq"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class AuditCheckpoint(models.Model):
    """The head of the chain at some moment, signed. A copy kept elsewhere finds a cut-off or rewritten
    record; `key` says which key signed, by the first 16 hex digits of the public key's SHA-256."""

    seq = models.BigIntegerField(primary_key=True)  # of the last row
    count = models.BigIntegerField()  # of all rows up to it
    hash = models.CharField(max_length=64)  # of the last row
    at = models.DateTimeField()
    key = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)  # base64

    class Meta:
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"checkpoint {self.seq}"
