"""Faults on purpose, for tests of clients: the next N matching requests fail in a chosen way."""

from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from apps.simcluster.messages import Request
from apps.simcluster.outages import DEFAULT_SECONDS, Outage


class FaultKind(StrEnum):
    STATUS = "status"  # answer with `status` and `body` and do nothing
    DELAY = "delay"  # wait `seconds`, then answer as usual
    RESET = "reset"  # close the connection without answering, and do nothing
    LOST_ANSWER = "lost-answer"  # do the work, then close the connection without answering
    TRUNCATED = "truncated"  # do the work, announce the whole body, send half of it and close


@dataclass(slots=True)
class Fault:
    """One fault. `method` and `path` (a substring) select; empty matches all. `times` requests are hit."""

    kind: FaultKind
    times: int = 1
    method: str = ""
    path: str = ""
    status: int = 503
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    retry_after: int | None = None
    seconds: float = 0.0

    def matches(self, request: Request) -> bool:
        return self.times > 0 and self.method in ("", request.method) and self.path in request.path


@dataclass(slots=True)
class Faults:
    """The faults of one cluster. Safe to use from any thread.

    `outage` is the state of the server as a whole, until it is set to another; a request that an outage keeps
    waiting waits `longest_wait` seconds at most.
    """

    outage: Outage = Outage.NONE
    longest_wait: float = DEFAULT_SECONDS
    _planned: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._planned.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
            self.outage = Outage.NONE

    def take(self, request: Request) -> Fault | None:
        """The fault for this request, counted down; None when it is to be served as usual."""
        with self._lock:
            for fault in self._planned:
                if fault.matches(request):
                    fault.times -= 1
                    return fault
        return None
