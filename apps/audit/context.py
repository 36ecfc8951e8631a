"""How the present actor came in, carried beside the call instead of through every signature.

Set once at the edge: by the middleware, by a task, by a command. Knows nothing of what is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from structlog.contextvars import get_contextvars


@dataclass(frozen=True, slots=True)
class Origin:
    """`via` is browser, api, worker or command; `request_id` ties the record to the logs."""

    via: str = "command"
    request_id: str = ""


_origin: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


@contextmanager
def acting(*, via: str, request_id: str = "") -> Iterator[None]:
    """Everything recorded inside says that it came `via` this way."""
    mark = _origin.set(Origin(via, request_id))
    try:
        yield
    finally:
        _origin.reset(mark)


def current() -> Origin:
    """Where we are; the request id of the logs stands in when none was given."""
    origin = _origin.get() or Origin()
    if origin.request_id:
        return origin
    return Origin(origin.via, str(get_contextvars().get("request_id") or "")[:64])
