"""One round of telling: find what is to be told, choose the channels, send what is due, forget the old.

One process at a time, so that a channel that hangs holds up one worker and not all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from apps.common.clock import now
from apps.notifications import policy_steps
from apps.notifications.deliver import deliver_due
from apps.notifications.models import Cursor, Delivery, Notification
from apps.notifications.spread import spread_waiting
from apps.notifications.timeline import collect

BUSY = timedelta(seconds=90)
KEEP = timedelta(days=30)
FORGET_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many events were found, deliveries made, tries made and old notifications forgotten."""

    found: int
    made: int
    tried: int
    forgotten: int


def sweep() -> Swept | None:
    """None when another process is at it."""
    Cursor.objects.get_or_create(pk=1)
    free = Q(busy_until=None) | Q(busy_until__lt=now())
    if not Cursor.objects.filter(free, pk=1).update(busy_until=now() + BUSY):
        return None
    try:
        return Swept(collect() + policy_steps.collect(), spread_waiting(), deliver_due(), forget_old())
    finally:
        Cursor.objects.filter(pk=1).update(busy_until=None)


def forget_old() -> int:
    """Deletes what was told long ago; what was given up stays as long, to be seen."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING).values("notification")
    old = Notification.objects.filter(at__lt=now() - KEEP).exclude(spread_at=None).exclude(pk__in=waiting)
    chosen = list(old.values_list("pk", flat=True)[:FORGET_AT_ONCE])
    Notification.objects.filter(pk__in=chosen).delete()
    return len(chosen)
