"""Looking at a diverged change once more: what has settled since may confirm it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, transitions
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.outbox import enqueue

VERIFY_TASK = "pipeline.verify_change"


def verify_again(*, actor: User, change: ChangeSet) -> ChangeSet:
    """Diverged → verifying; a worker reads the clusters anew."""
    access.require_everywhere(actor, Permission.PROPOSE, access.places(current_revision(change)))
    with transaction.atomic():
        transitions.move(
            change,
            Event.VERIFY_AGAIN,
            actor=actor,
            text="Verification asked for again.",
            tone="run",
            lease_until=None,
            finished_at=None,
        )
        enqueue(VERIFY_TASK, change_id=change.pk)
    return change
