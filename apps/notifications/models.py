"""What is to be told (an outbox), to which channel, and how that went. Rows only; nothing is sent here."""

from __future__ import annotations

import uuid

from django.db import models

from apps.accounts.models import User
from apps.changes.models import ChangeEvent, ChangeSet


class Webhook(models.Model):
    """A receiver that an administrator named. Its address is a secret too (a Slack address lets anybody
    post), so both are in `ciphertext`; `origin` is what may be shown."""

    class Format(models.TextChoices):
        JSON = "json", "JSON"
        SLACK = "slack", "Slack-compatible"

    name = models.CharField(max_length=100, unique=True)
    origin = models.CharField(max_length=300)
    ciphertext = models.TextField()
    format = models.CharField(max_length=10, choices=Format.choices, default=Format.JSON)
    events = models.JSONField(default=list)  # values of events.Event
    environments = models.JSONField(default=list)  # none: all of them
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Preference(models.Model):
    """What a person wants as mail. Without a row the defaults hold."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="preference")
    to_decide = models.BooleanField(default=True)
    mine = models.BooleanField(default=True)
    trouble = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"preference of {self.user}"


class Notification(models.Model):
    """One event, to be told once to every channel that wants it. `timeline` is unique: a step of a change
    is told once, however often it is looked at; so is `key`, of what is no step. `payload` is made when the
    channels are chosen."""

    event = models.CharField(max_length=30)
    at = models.DateTimeField()
    change = models.ForeignKey(ChangeSet, null=True, on_delete=models.CASCADE, related_name="+")
    timeline = models.OneToOneField(
        ChangeEvent, null=True, on_delete=models.CASCADE, related_name="notification"
    )
    key = models.CharField(max_length=60, blank=True)
    actor = models.CharField(max_length=150)
    state = models.CharField(max_length=20, blank=True)  # of the change, after the event
    extra = models.JSONField(default=dict)
    payload = models.JSONField(default=dict)
    spread_at = models.DateTimeField(null=True)  # when the channels were chosen

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["spread_at", "id"], name="notification_waiting")]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=~models.Q(key=""), name="told_once_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.change or ''}".strip()

    @property
    def label(self) -> str:
        return self.event.replace("_", " ")


class Delivery(models.Model):
    """One notification to one channel: a webhook, or a person's mail. `attempts` fences: a result is only
    written by the attempt that is the newest."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Delivered"
        DEAD = "dead", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, null=True, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    status = models.IntegerField(null=True)  # the answer's, where there was one
    said = models.CharField(max_length=300, blank=True)  # a short excerpt of the answer, or why none came

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "webhook"], name="one_delivery_a_webhook"),
            models.UniqueConstraint(fields=["notification", "recipient"], name="one_delivery_a_person"),
        ]
        indexes = [models.Index(fields=["state", "next_at"], name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.notification} to {self.webhook or self.recipient}"


class Cursor(models.Model):
    """How far the timeline has been looked through, and who is at it. One row."""

    after = models.BigIntegerField(default=0)
    busy_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"after {self.after}"
