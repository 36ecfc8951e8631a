"""From one wave to the next: verifying → paused → queued. By the sweep after the pause, or by a person.

At the beginning of every wave approvals, windows and freezes count anew. What makes a further wave impossible
stops the change: what is written stays written, and can be put back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, approvals, transitions
from apps.changes.actions.execute import queue
from apps.changes.actions.schedule import AHEAD, APPROVAL_VALID_FOR
from apps.changes.boundaries import Boundary, boundary, over
from apps.changes.gates import spelled
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet, Revision
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import WrongStateError

CANCELED = "Canceled before the next wave."
ADVICE = "What is written stays written. Revert it, or propose the rest anew."


def next_wave(*, actor: User, change: ChangeSet) -> ChangeSet:
    """Continues by hand, once the pause is over. Raises PermissionDeniedError, or WrongStateError."""
    revision = current_revision(change)
    access.require_everywhere(actor, Permission.EXECUTE, access.places(revision))
    if change.state != State.PAUSED:
        raise WrongStateError(transitions.refusal(change, Event.NEXT_WAVE))
    found = boundary(change, approvals.standing(change, revision), clock.now())
    if found.why:
        raise WrongStateError(f"The next wave of {change.number} cannot begin. {found.why}", code="not_open")
    return _begin(change, revision, actor)


def pause(change: ChangeSet, revision: Revision, text: str) -> State:
    """After a wave was confirmed: pauses as the plan says. A cancel that came for its last object counts."""
    plan, now = revision.waves, clock.now()
    done = change.waves_done + 1
    opens_at = now + timedelta(minutes=plan.soak_minutes)
    known = {"waves_done": done, "opens_at": opens_at}
    text = f"Wave {done} of {plan.count}: {text}"
    if _cancel_asked(change):
        return _stop(change, f"{text} {CANCELED}", **known)
    if change.expires_at is None or change.expires_at > now:
        known["expires_at"] = opens_at + APPROVAL_VALID_FOR
    transitions.move(
        change,
        Event.PAUSE,
        actor=None,
        text=text,
        tone="ok",
        lease_until=None,
        state_message=_paused(revision, done, opens_at),
        **known,
    )
    if plan.wait:
        told = f"Somebody has to continue before {spelled(change.expires_at or opens_at)}."
        transitions.note(change, actor=None, kind="hand_needed", text=told, tone="run")
    advance(change)
    return State(change.state)


def hold(change: ChangeSet, revision: Revision, standing: approvals.Standing) -> State | None:
    """For the worker at the beginning of a wave: None when it may go on, otherwise the state it went to."""
    found = boundary(change, standing, clock.now())
    if found.stop or _cancel_asked(change):
        return _stop(change, found.stop or CANCELED)
    if not found.wait:
        return None
    later = _later(change, revision, found)
    return transitions.move(
        change, Event.PAUSE, actor=None, text=_waits(later), tone="warn", lease_until=None, **later
    )


def next_due() -> int:
    """Begins the next wave of everything whose pause is over; stops what can have none. How many began."""
    now = clock.now()
    due = Q(opens_at__lte=now) | Q(ends_at__lte=now) | Q(expires_at__lte=now)
    due |= Q(cancel_requested_at__isnull=False)
    paused = ChangeSet.objects.filter(due, state=State.PAUSED).order_by("pk")
    return sum(advance(change) for change in paused)


def advance(change: ChangeSet) -> bool:
    """One paused change; whether its next wave was queued. Safe to repeat: of two that race one wins."""
    revision = current_revision(change)
    try:
        reason = CANCELED if change.cancel_requested_at else over(change, clock.now())
        if reason:
            _stop(change, reason)
            return False
        if revision.waves.wait:
            return False
        found = boundary(change, approvals.standing(change, revision), clock.now())
        if found.stop:
            _stop(change, found.stop)
        elif found.wait:
            _put_off(change, revision, found)
        else:
            _begin(change, revision, None)
            return True
    except transitions.LostRaceError:
        pass
    return False


def _cancel_asked(change: ChangeSet) -> bool:
    return ChangeSet.objects.filter(pk=change.pk, cancel_requested_at__isnull=False).exists()


def _begin(change: ChangeSet, revision: Revision, actor: User | None) -> ChangeSet:
    text = f"Wave {change.waves_done + 1} of {revision.waves.count}: queued for the workers."
    return queue(change, actor=actor, text=text, event=Event.NEXT_WAVE)


def _stop(change: ChangeSet, reason: str, **fields: Any) -> State:
    return transitions.move(
        change,
        Event.STOP_PARTIAL,
        actor=None,
        text=f"Stopped between two waves. {reason}",
        tone="bad",
        lease_until=None,
        state_message=f"{reason}\n{ADVICE}",
        **fields,
    )


def _put_off(change: ChangeSet, revision: Revision, found: Boundary) -> None:
    """A window or a freeze makes the pause longer."""
    later = _later(change, revision, found)
    paused = ChangeSet.objects.filter(pk=change.pk, state=State.PAUSED, opens_at=change.opens_at)
    if later["opens_at"] != change.opens_at and paused.update(**later):
        transitions.note(change, actor=None, kind="put_off", text=_waits(later), tone="warn")


def _later(change: ChangeSet, revision: Revision, found: Boundary) -> dict[str, Any]:
    """The fields of a pause that lasts until the next opening. Without one in sight the approval expires."""
    now = clock.now()
    opens_at = found.opens_at or now + APPROVAL_VALID_FOR
    expires_at = change.expires_at
    if found.opens_at is not None and opens_at - now <= AHEAD:
        expires_at = max(expires_at or opens_at, opens_at + APPROVAL_VALID_FOR)
    message = f"{found.wait}\n{_paused(revision, change.waves_done, opens_at)}"
    return {"opens_at": opens_at, "expires_at": expires_at, "state_message": message}


def _waits(later: dict[str, Any]) -> str:
    return f"The next wave waits until {spelled(later['opens_at'])}. {later['state_message'].splitlines()[0]}"


def _paused(revision: Revision, done: int, opens_at: datetime) -> str:
    plan = revision.waves
    how = "Somebody has to continue it" if plan.wait else "The next one begins by itself"
    told = f"{done} of {plan.count} waves {'is' if done == 1 else 'are'} written and confirmed."
    pause = f", not before {spelled(opens_at)}" if opens_at > clock.now() else ""
    return f"{told} {how}{pause}."
