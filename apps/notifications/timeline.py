"""Finds the steps of changes that are to be told. Reads the timeline; changes know nothing of it.

Numbers are given before a transaction ends, so a lower one may appear after a higher one was seen: the
cursor stays behind whatever is younger than the longest transaction, and what was told is left out by
its unique row.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.changes.models import ChangeEvent
from apps.common.clock import now
from apps.notifications.events import TOLD, state_after
from apps.notifications.models import Cursor, Notification

SETTLED = timedelta(minutes=15)  # no transaction is longer: a task is ended after five
AT_ONCE = 500


def collect() -> int:
    """Makes a notification of every step that is told and has none; how many."""
    cursor, _ = Cursor.objects.get_or_create(pk=1)
    steps = ChangeEvent.objects.filter(pk__gt=cursor.after)
    waiting = steps.filter(kind__in=list(TOLD), notification=None).select_related("change").order_by("pk")
    found = list(waiting[:AT_ONCE])
    made = sum(_tell(step) for step in found)
    if len(found) < AT_ONCE:
        settled = steps.filter(at__lt=now() - SETTLED).aggregate(last=Max("pk"))["last"]
        if settled:
            Cursor.objects.filter(pk=1, after__lt=settled).update(after=settled)
    return made


def _tell(step: ChangeEvent) -> bool:
    try:
        with transaction.atomic():
            Notification.objects.create(
                event=TOLD[step.kind].value,
                at=step.at,
                change=step.change,
                timeline=step,
                actor=step.actor,
                state=state_after(step.kind) or step.change.state,
            )
    except IntegrityError:  # another process told it
        return False
    return True
