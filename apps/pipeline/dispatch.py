"""Carries the messages of the outbox to the workers. A broker that is down never breaks a request.

A message is sent, then marked: it may arrive twice, never not at all. Whoever receives it claims the
work in the database. Does not know the broker's library: `tasks` hands in how to send.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from apps.common.clock import now
from apps.common.models import OutboxMessage

Send = Callable[[str, dict[str, int | str]], None]
AT_ONCE = 100
QUIET_SECONDS = 3.0
KEEP = timedelta(hours=6)

log = structlog.get_logger(__name__)


class Dispatcher:
    """`send` raises OSError or a subclass of it when the broker cannot be reached; after that the
    broker is left alone for a moment, so that requests do not queue up behind it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._quiet_until = 0.0

    def publish_pending(self, *, patient: bool = False) -> int:
        """Sends what waits, oldest first; how many. `patient`: try although it just failed."""
        if not patient and time.monotonic() < self._quiet_until:
            return 0
        sent = 0
        for message in OutboxMessage.objects.filter(published_at__isnull=True).order_by("pk")[:AT_ONCE]:
            try:
                self._send(message.task, message.arguments)
            except OSError as failure:
                self._quiet_until = time.monotonic() + QUIET_SECONDS
                log.warning("broker_unreachable", error=type(failure).__name__)
                break
            OutboxMessage.objects.filter(pk=message.pk, published_at__isnull=True).update(published_at=now())
            sent += 1
        return sent


def forget_published() -> int:
    """Deletes messages that left long ago; how many."""
    return OutboxMessage.objects.filter(published_at__lt=now() - KEEP).delete()[0]
