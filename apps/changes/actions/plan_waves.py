"""Saying of a draft in which waves it is written. Part of what is approved."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import duties, transitions, waves
from apps.changes.decisions import locked
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError


def plan_waves(*, actor: User, change: ChangeSet, plan: waves.Plan) -> ChangeSet:
    """Sets the waves, the pause between them and what a failure stops. For those with a hand in the change.
    Raises InvalidInputError (`waves`), PermissionDeniedError or WrongStateError."""
    if actor.pk not in duties.hands(change):
        raise PermissionDeniedError(f"Only those with a hand in {change.number} set its waves.")
    with transaction.atomic():
        row = locked(change)
        if row.state != State.DRAFT:
            raise WrongStateError(f"{row.number} is no draft any more: edit it first.")
        revision = current_revision(row)
        names = set(revision.items.values_list("cluster__name", flat=True))
        revision.plan = waves.plain(checked(plan, names))
        revision.save(update_fields=["plan"])
        text = f"Planned: {waves.told(revision.waves)}"
        transitions.note(row, actor=actor, kind="planned", text=text)
        audit.record(
            actor=actor,
            action="change.plan",
            summary=f"{row.number}: {text}"[:500],
            object_type="change",
            object_id=row.number,
            detail={"plan": revision.plan},
        )
    return row


def checked(plan: waves.Plan, names: set[str]) -> waves.Plan:
    """The plan for these clusters. Raises InvalidInputError (`waves`)."""
    try:
        return waves.checked(plan, names)
    except waves.PlanError as error:
        raise InvalidInputError(str(error), field="waves") from error
