"""Looking over an emergency afterwards: by somebody who neither wrote, declared nor approved it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import access, decisions, duties, transitions
from apps.changes.lifecycle import REVIEWABLE, Event, State
from apps.changes.models import ChangeSet
from apps.changes.refusals import recorded
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import InvalidInputError, WrongStateError

COMMENT_LIMIT = 4000


def review(*, actor: User, change: ChangeSet, comment: str) -> ChangeSet:
    """Review due → applied. One that stopped half-way keeps its state and owes no review any more. Raises
    InvalidInputError without a comment, PermissionDeniedError or WrongStateError."""
    comment = comment.strip()
    if not comment or len(comment) > COMMENT_LIMIT:
        raise InvalidInputError(
            f"Say what you found, in at most {COMMENT_LIMIT} characters.", field="comment"
        )
    with recorded(actor=actor, action="change.review", change=change), transaction.atomic():
        row = decisions.locked(change)
        duties.require_examiner(actor, row, access.places(current_revision(row)))
        if row.emergency_by_id is None or row.reviewed_at is not None or State(row.state) not in REVIEWABLE:
            raise WrongStateError(f"{row.number} owes no review now.")
        found = {"reviewed_by": actor, "reviewed_at": clock.now(), "review_comment": comment}
        text = f"Emergency reviewed: {comment}"
        if row.state == State.REVIEW_DUE:
            # It was finished when it was confirmed, not now.
            transitions.move(
                row, Event.REVIEW, actor=actor, text=text, tone="ok", finished_at=row.finished_at, **found
            )
        else:
            _keep(row, actor, text, found)
    return row


def _keep(row: ChangeSet, actor: User, text: str, found: dict[str, object]) -> None:
    ChangeSet.objects.filter(pk=row.pk).update(**found)
    transitions.note(row, actor=actor, kind=Event.REVIEW.value, text=text, tone="ok")
    audit.record(
        actor=actor,
        action="change.review",
        summary=f"{row.number}: {text}"[:500],
        object_type="change",
        object_id=row.number,
        detail={"state": row.state},
    )
    row.refresh_from_db()
