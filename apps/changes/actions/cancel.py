"""Stopping a change between two objects. What is written stays written; a revert is another change."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import access, duties, transitions
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import WrongStateError


def cancel(*, actor: User, change: ChangeSet) -> ChangeSet:
    """Queued → canceled at once; while it is applied, the worker stops before the next object."""
    if actor.pk not in duties.hands(change):
        access.require_everywhere(actor, Permission.EXECUTE, access.places(current_revision(change)))
    if change.state == State.APPLYING:
        return _ask(actor, change)
    transitions.move(change, Event.CANCEL, actor=actor, text="Canceled before it began.", tone="warn")
    return change


def _ask(actor: User, change: ChangeSet) -> ChangeSet:
    with transaction.atomic():
        asked = ChangeSet.objects.filter(pk=change.pk, state=State.APPLYING).update(
            cancel_requested_at=clock.now()
        )
        if not asked:
            raise WrongStateError(f"{change.number} has moved on meanwhile. Load it again and look.")
        text = "Cancel asked for: the worker stops before the next object."
        transitions.note(change, actor=actor, kind="cancel_requested", text=text, tone="warn")
        audit.record(
            actor=actor,
            action="change.cancel_requested",
            summary=f"{change.number}: {text}",
            object_type="change",
            object_id=change.number,
        )
    change.refresh_from_db()
    return change
