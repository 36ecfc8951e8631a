"""Waiting for the moment that the policy allows: approved → scheduled → queued, and back when it was missed.

The message to the workers leaves when the moment has come; none waits in the broker until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.changes import approvals, transitions
from apps.changes.actions.execute import queue
from apps.changes.gates import Gate, gate, spelled
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet
from apps.changes.policies import Ruling
from apps.changes.selectors import current_revision
from apps.common import clock

APPROVAL_VALID_FOR = timedelta(hours=24)
AHEAD = timedelta(days=30)  # an approval does not wait longer for its window
BATCH = 200


def queue_or_schedule(change: ChangeSet, ruling: Ruling) -> ChangeSet:
    """Queues an approved change, or schedules it for the next opening. Without one it stays approved, with
    the sentence that says why, until its approval expires."""
    now = gate(ruling, clock.now())
    if now.is_open:
        return queue(change, actor=None, text="Queued for the workers.")
    if now.opens_at is None or now.opens_at - clock.now() > AHEAD:
        text = f"Not queued: {now.why} No opening within {AHEAD.days} days."
        ChangeSet.objects.filter(pk=change.pk, state=change.state).update(state_message=text)
        transitions.note(change, actor=None, kind="no_opening", text=text, tone="warn")
        return change
    transitions.move(change, Event.SCHEDULE, actor=None, **_waiting(now, now.opens_at))
    return change


def miss_window(change: ChangeSet, ruling: Ruling) -> State | None:
    """Back to scheduled when a worker got to it too late; None when it may go on. Nothing is written yet."""
    now = gate(ruling, clock.now())
    if now.is_open:
        return None
    # Without an opening it waits for a policy that has one, as long as the approval is valid.
    opens_at = now.opens_at or clock.now() + APPROVAL_VALID_FOR
    fields = _waiting(now, opens_at)
    return transitions.move(change, Event.MISS_WINDOW, actor=None, lease_until=None, **fields)


def open_due() -> int:
    """Queues everything whose moment has come and is still open; schedules the rest again. How many were
    queued."""
    due = ChangeSet.objects.filter(state=State.SCHEDULED, opens_at__lte=clock.now()).order_by("pk")[:BATCH]
    opened = 0
    for change in due:
        ruling = approvals.standing(change, current_revision(change)).ruling
        now = gate(ruling, clock.now())
        if not now.is_open:
            _put_off(change, now)
            continue
        try:
            queue(
                change,
                actor=None,
                text="The window is open: queued for the workers.",
                event=Event.OPEN_WINDOW,
            )
        except transitions.LostRaceError:
            continue
        opened += 1
    return opened


def _waiting(now: Gate, opens_at: datetime) -> dict[str, Any]:
    return {
        "text": f"Scheduled for {spelled(opens_at)}. {now.why}",
        "tone": "run",
        "state_message": f"{now.why} It is queued by itself at {spelled(opens_at)}.",
        "opens_at": opens_at,
        "expires_at": opens_at + APPROVAL_VALID_FOR,
    }


def _put_off(change: ChangeSet, now: Gate) -> None:
    """The policy changed since it was scheduled; without an opening it expires in its time."""
    later = now.opens_at or clock.now() + APPROVAL_VALID_FOR
    waiting = _waiting(now, later)
    if now.opens_at is None or later - clock.now() > AHEAD:
        waiting["expires_at"] = change.expires_at
    moved = ChangeSet.objects.filter(pk=change.pk, state=State.SCHEDULED, opens_at=change.opens_at).update(
        opens_at=later, expires_at=waiting["expires_at"], state_message=waiting["state_message"]
    )
    if moved:
        transitions.note(change, actor=None, kind="put_off", text=waiting["text"], tone="warn")
