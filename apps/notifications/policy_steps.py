"""Finds the steps of versions of the approval policy that are to be told. Reads the versions; they know
nothing of it. Each step has a key of its own, and so is told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.changes.models import PolicyVersion
from apps.common.clock import now
from apps.notifications.events import Event
from apps.notifications.models import Notification

RECENT = timedelta(days=7)  # what is older was told, or nobody listened; shorter than notifications are kept


def collect() -> int:
    """Makes a notification of every proposal and decision that has none; how many."""
    since = now() - RECENT
    recent = PolicyVersion.objects.filter(Q(created_at__gt=since) | Q(decided_at__gt=since))
    steps = {
        f"policy:{version.number}:{step}": (version, step, at, who)
        for version in recent.select_related("author", "decided_by").order_by("number")
        for step, at, who in _steps(version)
        if at > since
    }
    told = set(Notification.objects.filter(key__in=list(steps)).values_list("key", flat=True))
    return sum(_tell(key, *step) for key, step in steps.items() if key not in told)


def _steps(version: PolicyVersion) -> Iterator[tuple[str, datetime, str]]:
    yield "proposed", version.created_at, version.author.display_name
    if version.decided_at is not None and version.decided_by is not None:
        step = "approved" if version.approved else "rejected"
        yield step, version.decided_at, version.decided_by.display_name


def _tell(key: str, version: PolicyVersion, step: str, at: datetime, who: str) -> bool:
    try:
        with transaction.atomic():
            Notification.objects.create(
                event=Event.POLICY.value,
                key=key,
                at=at,
                actor=who,
                extra={"version": version.number, "step": step, "based_on": version.based_on},
            )
    except IntegrityError:  # another process told it
        return False
    return True
