"""Rejecting a change, with a reason. One rejection ends it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.changes import decisions, transitions
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet, Decision
from apps.changes.refusals import recorded
from apps.common.errors import InvalidInputError


def reject(*, actor: User, change: ChangeSet, revision: int, digest: str, comment: str) -> ChangeSet:
    """Raises what `approve` raises, and InvalidInputError without a reason."""
    if not comment.strip():
        raise InvalidInputError("Say why, so that the author can do better.", field="comment")
    with recorded(actor=actor, action="change.reject", change=change), transaction.atomic():
        row = decisions.locked(change)
        current = decisions.guard(
            actor, row, event=Event.REJECT, revision=revision, digest=digest, comment=comment
        )
        decisions.write(row, current, actor, Decision.Verdict.REJECT, comment)
        transitions.move(
            row,
            Event.REJECT,
            actor=actor,
            text=f"Rejected: {comment.strip()}",
            tone="bad",
            state_message=comment.strip(),
        )
    return row
