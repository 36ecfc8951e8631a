"""Leaving it as others made it: what has drifted is watched no longer."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import access, decisions, transitions, watches
from apps.changes.models import ChangeSet, Watch
from apps.changes.selectors import current_revision
from apps.common.errors import InvalidInputError, WrongStateError

REASON_LIMIT = 2000


def accept_drift(*, actor: User, change: ChangeSet, reason: str) -> ChangeSet:
    """Stops watching the objects of the change that have drifted; the others stay watched. Raises
    InvalidInputError without a reason, PermissionDeniedError, WrongStateError when nothing has drifted."""
    access.require_everywhere(actor, Permission.PROPOSE, access.places(current_revision(change)))
    reason = reason.replace("\x00", "").strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise InvalidInputError(f"Say why, in at most {REASON_LIMIT} characters.", field="reason")
    with transaction.atomic():
        locked = decisions.locked(change)
        drifted = watches.drifted(locked)
        if not drifted:
            raise WrongStateError(watches.nothing_drifted(locked) or "It was put back meanwhile.")
        Watch.objects.filter(pk__in=[one.pk for one in drifted]).delete()
        ChangeSet.objects.filter(pk=change.pk).update(drifted_at=None)
        names = [f"{one} on {one.cluster.name}" for one in drifted]
        text = f"Left as others made it: {reason} ({', '.join(names)})"
        transitions.note(change, actor=actor, kind="drift_accepted", text=text)
        audit.record(
            actor=actor,
            action="change.accept_drift",
            summary=f"{change.number}: {text}"[: transitions.TEXT_LIMIT],
            object_type="change",
            object_id=change.number,
            detail={"objects": names[:50], "reason": reason},
        )
    change.drifted_at = None
    return change
