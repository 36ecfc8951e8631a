"""Writing down that something is to be told. Called inside the transaction that made it true.

One insert, no look at any channel: a broken channel can neither fail nor slow what is told about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.accounts.models import User
from apps.changes.models import ChangeSet
from apps.common.clock import now
from apps.notifications.events import Event
from apps.notifications.models import Notification

CONSOLE = "console"


def notify(
    event: Event,
    change: ChangeSet | None = None,
    *,
    actor: User | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Notification:
    """For what no step of a timeline tells; those are found by `timeline.collect`. `extra` is plain JSON
    that goes out as it is, and so holds no secret and no manifest."""
    return Notification.objects.create(
        event=event.value,
        at=now(),
        change=change,
        actor=actor.display_name if actor else CONSOLE,
        state=change.state if change else "",
        extra=dict(extra or {}),
    )
