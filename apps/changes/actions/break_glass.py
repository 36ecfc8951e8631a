"""Declaring an emergency: fewer approvals and no waiting, never without the dry run, the preconditions of
the writes, a second pair of eyes (unless the policy says otherwise) and a review afterwards."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.accounts.reauthentication import Confirmation, require_confirmed
from apps.audit import actions as audit
from apps.changes import access, approvals, decisions, transitions
from apps.changes.actions.complete import complete
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet, Revision
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import InvalidInputError, WrongStateError

REASON_LIMIT = 4000


def break_glass(*, actor: User, change: ChangeSet, reason: str, confirmation: Confirmation) -> ChangeSet:
    """Marks the change as an emergency; approvals given so far are void, because they were not given to
    one. Whoever declares it can never approve it. Raises PermissionDeniedError, InvalidInputError or
    WrongStateError."""
    revision = current_revision(change)
    access.require_everywhere(actor, Permission.BREAK_GLASS, access.places(revision))
    require_confirmed(actor, confirmation)
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise InvalidInputError(f"Say why, in at most {REASON_LIMIT} characters.", field="reason")
    with transaction.atomic():
        row = decisions.locked(change)
        if row.emergency_by_id is not None:
            raise WrongStateError(f"{row.number} is an emergency already.")
        revision = current_revision(row)
        _declare(row, actor, reason)
        if revision.digest:
            _bind(revision)
        standing = approvals.standing(row, revision)
        if row.state == State.PENDING and standing.met:
            complete(row, revision, standing)
    return row


def _declare(row: ChangeSet, actor: User, reason: str) -> None:
    transitions.move(
        row,
        Event.BREAK_GLASS,
        actor=actor,
        text=f"Emergency declared: {reason}",
        tone="bad",
        emergency_by=actor,
        emergency_at=clock.now(),
        emergency_reason=reason,
        approved_digest="",
        opens_at=None,
    )
    audit.record(
        actor=actor,
        action="change.emergency",
        summary=f"{row.number}: emergency declared: {reason}"[:500],
        object_type="change",
        object_id=row.number,
        detail={"revision": row.revision_number, "reason": reason},
    )


def _bind(revision: Revision) -> None:
    """What is approved from now on is the emergency: another digest."""
    revision.refresh_from_db()
    revision.digest = approvals.digest_of(revision)
    revision.save(update_fields=["digest"])
