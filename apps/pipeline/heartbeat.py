"""Says of a running apply that its worker lives, while the worker waits for a slow cluster."""

from __future__ import annotations

import threading
from types import TracebackType

import structlog
from django.db import Error, connection

from apps.changes import leases
from apps.changes.models import ChangeSet

BEATS_A_LEASE = 3
log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews the lease in a thread of its own, with its own database connection. Ends
    when somebody else holds the change; a database that is away for a beat is waited for."""

    def __init__(self, change: ChangeSet) -> None:
        self._change = change
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{change.pk}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        pause = leases.lease().total_seconds() / BEATS_A_LEASE
        try:
            while not self._done.wait(pause):
                try:
                    if not leases.renew(self._change):
                        return
                except Error as error:
                    log.warning("heartbeat_failed", change=self._change.number, error=str(error))
                    connection.close()  # a broken connection does not mend itself
        finally:
            connection.close()
