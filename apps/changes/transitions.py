"""The only place that moves a change from one state to another, and that fills its timeline.

A move is a conditional update: it happens only if state, attempt and revision are still what the caller
saw, so of two that race one wins and the other is told. Timeline and audit are written with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import occupied
from apps.changes.lifecycle import REVERTIBLE, TERMINAL, Event, State, events_from, next_state
from apps.changes.models import ChangeEvent, ChangeItem, ChangeSet
from apps.common import clock
from apps.common.errors import WrongStateError

CONSOLE = "console"
TEXT_LIMIT = 500
MESSAGE_LIMIT = 8000


class LostRaceError(WrongStateError):
    """Somebody else moved the change first; what was about to be recorded is not."""

    code = "lost_race"


def move(
    change: ChangeSet, event: Event, *, actor: User | None, text: str, tone: str = "", **fields: Any
) -> State:
    """Moves `change` (as the caller read it) by `event`, with further fields in the same update.

    Raises WrongStateError when the table has no such way, LostRaceError when the row has moved on.
    """
    before = State(change.state)
    after = next_state(before, event)
    if after is None:
        raise WrongStateError(refusal(change, event))
    now = clock.now()
    fields["state_message"] = str(fields.get("state_message", ""))[:MESSAGE_LIMIT]
    if after in TERMINAL or after in REVERTIBLE:
        fields.setdefault("finished_at", now)
    with transaction.atomic():
        seen = {"state": before, "attempt": change.attempt, "revision_number": change.revision_number}
        moved = ChangeSet.objects.filter(pk=change.pk, **seen).update(state=after, **fields)
        if not moved:
            raise LostRaceError(f"{change.number} has moved on meanwhile. Load it again and look.")
        note(change, actor=actor, kind=event.value, text=text, tone=tone)
        audit.record(
            actor=actor,
            action=f"change.{event.value}",
            summary=f"{change.number}: {text}"[:TEXT_LIMIT],
            object_type="change",
            object_id=change.number,
            detail={"from": before.value, "to": after.value, "revision": change.revision_number},
        )
    change.state = after
    for name, value in fields.items():
        setattr(change, name, value)
    return after


def note(
    change: ChangeSet,
    *,
    actor: User | None,
    kind: str,
    text: str,
    tone: str = "",
    item: ChangeItem | None = None,
) -> ChangeEvent:
    """One line of the timeline, without a change of state."""
    return ChangeEvent.objects.create(
        change=change,
        at=clock.now(),
        actor=actor.display_name if actor else CONSOLE,
        kind=kind,
        text=text[:TEXT_LIMIT],
        tone=tone,
        item=item,
    )


def refusal(change: ChangeSet, event: Event) -> str:
    """Why `event` cannot happen now, and what can."""
    state = State(change.state)
    possible = ", ".join(e.value.replace("_", " ") for e in events_from(state)) or "nothing more"
    wanted = event.value.replace("_", " ")
    return f"{change.number} is «{state.label}»: it cannot {wanted} from there. Possible: {possible}."


def claim(change_id: int, *, lease_until: datetime) -> ChangeSet | None:
    """Takes a queued change, or one whose worker went silent, with the next attempt number. None when
    there is nothing to take: a message that came twice, or too late, ends here. None, too, while another
    change is written that has an object in common; the sweep sends it again."""
    now = clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    with transaction.atomic():
        change = ChangeSet.objects.filter(pk=change_id).first()
        if change is None or next_state(State(change.state), Event.CLAIM) is None:
            return None
        if change.state == State.QUEUED and (other := occupied.holder(change)) is not None:
            waits = f"It waits until {other.number}, which writes the same object, is through."
            ChangeSet.objects.filter(pk=change_id, state=State.QUEUED).update(state_message=waits)
            return None
        taken = ChangeSet.objects.filter(
            free, pk=change_id, state=change.state, attempt=change.attempt
        ).update(state=State.APPLYING, attempt=change.attempt + 1, lease_until=lease_until, state_message="")
        if not taken:
            return None
        again = change.state == State.APPLYING
        text = "A worker took over from one that went silent." if again else "A worker began."
        note(change, actor=None, kind=Event.CLAIM.value, text=text, tone="warn" if again else "run")
        audit.record(
            actor=None,
            action="change.claim",
            summary=f"{change.number}: {text}",
            object_type="change",
            object_id=change.number,
            detail={"from": change.state, "to": State.APPLYING.value, "attempt": change.attempt + 1},
        )
        return ChangeSet.objects.get(pk=change_id)
