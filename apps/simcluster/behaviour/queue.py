"""What is to be looked at, now or later: a set of objects with times, as the work queues of controllers are.

Must not know what the work is.
"""

import heapq
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

FIRST_RETRY = 1.0
LONGEST_RETRY = 30.0


@dataclass(frozen=True, slots=True)
class Work:
    """Something to do for one object: `task` is its resource's key in the store, or another name of work."""

    task: str
    namespace: str
    name: str


class WorkQueue:
    """Each work is in it once; of several times the earliest counts."""

    def __init__(self) -> None:
        self._ready: dict[Work, None] = {}
        self._due: dict[Work, datetime] = {}
        self._heap: list[tuple[datetime, int, Work]] = []
        self._number = count()
        self._failures: dict[Work, int] = {}

    def add(self, work: Work) -> None:
        self._ready[work] = None

    def at(self, work: Work, due: datetime) -> None:
        """Look at it at a time, or earlier if that was asked before."""
        known = self._due.get(work)
        if known is None or due < known:
            self._due[work] = due
            heapq.heappush(self._heap, (due, next(self._number), work))

    def retry(self, work: Work, now: datetime) -> None:
        """Look at it again after a failure, later each time."""
        failures = self._failures.get(work, 0)
        self._failures[work] = failures + 1
        self.at(work, now + timedelta(seconds=min(FIRST_RETRY * 2**failures, LONGEST_RETRY)))

    def succeeded(self, work: Work) -> None:
        self._failures.pop(work, None)

    def take(self, now: datetime) -> Work | None:
        """One thing that is to be done now, oldest first; None when there is nothing."""
        while (due := self.next_due()) is not None and due <= now:
            _, _, work = heapq.heappop(self._heap)
            del self._due[work]
            self.add(work)
        if not self._ready:
            return None
        work = next(iter(self._ready))
        del self._ready[work]
        return work

    @property
    def ready(self) -> bool:
        return bool(self._ready)

    def next_due(self) -> datetime | None:
        while self._heap:
            due, _, work = self._heap[0]
            if self._due.get(work) == due:
                return due
            heapq.heappop(self._heap)
        return None
