"""Letting go of what nobody decided on in time."""

from __future__ import annotations

from datetime import datetime

from apps.changes import transitions
from apps.changes.lifecycle import Event, State, sources_of
from apps.changes.models import ChangeSet

BATCH = 200


def expire_due(*, now: datetime) -> int:
    """Expires every waiting change and every unused approval whose time is over; returns how many. The
    revert of an opening that has ended waits until somebody decides."""
    due = ChangeSet.objects.filter(state__in=sources_of(Event.EXPIRE), expires_at__lte=now)
    due = due.exclude(ends__isnull=False, state=State.PENDING)[:BATCH]
    expired = 0
    for change in due:
        try:
            transitions.move(
                change,
                Event.EXPIRE,
                actor=None,
                text="Expired: nobody decided in time.",
                tone="warn",
                state_message="Propose it again if it is still wanted; the prediction will be made anew.",
            )
        except transitions.LostRaceError:
            continue
        expired += 1
    return expired
