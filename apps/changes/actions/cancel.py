"""Stopping a change between two objects or waves. What is written stays; a revert is another change."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import access, duties, transitions
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import WrongStateError


def cancel(*, actor: User, change: ChangeSet) -> ChangeSet:
    """Queued and not begun → canceled at once, between two waves → partly applied at once; otherwise the
    worker stops before the next object, and says what is written. An object whose write was begun is settled
    first."""
    if actor.pk not in duties.hands(change):
        access.require_everywhere(actor, Permission.EXECUTE, access.places(current_revision(change)))
    begun = _begun(change)
    if change.state == State.APPLYING or (change.state == State.QUEUED and begun):
        return _ask(actor, change)
    if change.state == State.PAUSED:
        return _stop_here(actor, change)
    transitions.move(change, Event.CANCEL, actor=actor, text="Canceled before it began.", tone="warn")
    return change


def _stop_here(actor: User, change: ChangeSet) -> ChangeSet:
    count = current_revision(change).waves.count
    text = f"Stopped after wave {change.waves_done} of {count}."
    transitions.move(
        change,
        Event.CANCEL,
        actor=actor,
        text=text,
        tone="warn",
        state_message=f"{text}\nWhat is written stays written. Resume it for the next wave, or revert it.",
    )
    return change


def _begun(change: ChangeSet) -> bool:
    return current_revision(change).items.exclude(result=ChangeItem.Result.WAITING).exists()


def _ask(actor: User, change: ChangeSet) -> ChangeSet:
    with transaction.atomic():
        asked = ChangeSet.objects.filter(pk=change.pk, state__in=(State.QUEUED, State.APPLYING)).update(
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
