"""Who works on a change: a worker holds it by its attempt number, for as long as its lease lasts.

The attempt number fences: a worker whose lease was taken over finds that none of its updates hits.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.changes import transitions
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common import clock


def lease() -> timedelta:
    """How long a worker may be silent before somebody else takes the change over."""
    return timedelta(seconds=settings.MESHCONSOLE_LEASE_SECONDS)


def free() -> Q:
    """The condition on changes that nobody works on now."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=clock.now())


def take(change_id: int, state: State, *, kind: str, text: str) -> ChangeSet | None:
    """Takes a change that is in `state` and that nobody works on: attempt + 1, a fresh lease, a line in
    the timeline. None when there is no such change, which is how a message that came twice ends."""
    with transaction.atomic():
        waiting = ChangeSet.objects.filter(free(), pk=change_id, state=state)
        if not waiting.update(attempt=F("attempt") + 1, lease_until=clock.now() + lease()):
            return None
        change = ChangeSet.objects.get(pk=change_id)
        transitions.note(change, actor=None, kind=kind, text=text, tone="run")
        return change


def tries(change: ChangeSet, kind: str, *, since: Collection[str]) -> int:
    """How often a worker began (`kind`) since the event that gave it the work."""
    events = change.events.order_by("-id")
    given = events.filter(kind__in=since).values_list("id", flat=True).first() or 0
    return events.filter(kind=kind, id__gt=given).count()


def renew(change: ChangeSet) -> bool:
    """Says that the worker is alive; False when the change is no longer its."""
    until = clock.now() + lease()
    held = ChangeSet.objects.filter(pk=change.pk, attempt=change.attempt, state=change.state)
    return bool(held.update(lease_until=until))
