"""Saying of a draft when its effect ends, and whether its revert is approved together with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import duties, transitions
from apps.changes.gates import spelled
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common import clock
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError

LONGEST = timedelta(days=366)


def time_box(
    *, actor: User, change: ChangeSet, ends_at: datetime | None, auto_revert: bool = False
) -> ChangeSet:
    """Sets, changes or (with None) takes away the end of a draft. It is part of what is approved. For those
    with a hand in the change. Raises InvalidInputError or WrongStateError."""
    if actor.pk not in duties.hands(change):
        raise PermissionDeniedError(f"Only those with a hand in {change.number} set its end.")
    if ends_at is None and auto_revert:
        raise InvalidInputError("Say when it ends.", field="ends_at")
    if ends_at is not None and not clock.now() < ends_at <= clock.now() + LONGEST:
        raise InvalidInputError("The end has to lie ahead, at most a year.", field="ends_at")
    with transaction.atomic():
        moved = ChangeSet.objects.filter(pk=change.pk, state=State.DRAFT).update(
            ends_at=ends_at, auto_revert=auto_revert
        )
        if not moved:
            raise WrongStateError(f"{change.number} is no draft any more: edit it first.")
        how = "its revert runs then" if auto_revert else "its revert is proposed then"
        text = f"Ends at {spelled(ends_at)}; {how}." if ends_at else "It does not end by itself."
        transitions.note(change, actor=actor, kind="time_boxed", text=text)
        audit.record(
            actor=actor,
            action="change.time_box",
            summary=f"{change.number}: {text}",
            object_type="change",
            object_id=change.number,
            detail={"ends_at": str(ends_at or ""), "auto_revert": auto_revert},
        )
    change.refresh_from_db()
    return change
