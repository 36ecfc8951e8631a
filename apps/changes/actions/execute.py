"""Queueing an approved change for the workers, and resuming one that stopped half-way."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, transitions
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.outbox import enqueue

APPLY_TASK = "pipeline.apply_change"


def execute(*, actor: User, change: ChangeSet) -> ChangeSet:
    """By hand: what the quorum queues by itself, after a stop or after trouble."""
    access.require_everywhere(actor, Permission.EXECUTE, access.places(current_revision(change)))
    return queue(change, actor=actor, text="Queued for the workers.")


def queue(change: ChangeSet, *, actor: User | None, text: str) -> ChangeSet:
    """State, timeline, audit and message in one transaction; the worker checks everything again."""
    with transaction.atomic():
        transitions.move(
            change,
            Event.EXECUTE,
            actor=actor,
            text=text,
            tone="run",
            lease_until=None,
            finished_at=None,
            cancel_requested_at=None,
        )
        enqueue(APPLY_TASK, change_id=change.pk)
    return change
