"""What a fault does to an answer: another answer, a body that breaks off, stalls or drips, a disturbed watch.

It makes responses and streams of bytes; it knows no transport. `Broken` asks for the connection to be cut.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import msgspec

from apps.simcluster.applying import untyped
from apps.simcluster.asked import Asked
from apps.simcluster.errors import ApiError
from apps.simcluster.faults import Fault, FaultKind
from apps.simcluster.messages import JSON, Response
from apps.simcluster.watching import WatchRequest, lines, too_old

BODY_KINDS = frozenset({FaultKind.TRUNCATED, FaultKind.STALLED, FaultKind.DRIP})
_BOOKMARK = b'{"type":"BOOKMARK"'
# How a server words these by itself: reason and message.
_STATUSES: Mapping[int, tuple[str, str]] = {
    401: ("Unauthorized", "Unauthorized"),
    410: ("Expired", "The resourceVersion for the provided list is too old."),
    429: ("TooManyRequests", "The server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: injected fault"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Timeout: request did not complete within the allotted timeout"),
}


class Broken(Exception):
    """The connection is to be cut here."""


def instead(fault: Fault, asked: Asked) -> Response | None:
    """The answer that comes instead of any work; None when the fault comes later."""
    if fault.kind is FaultKind.TYPED_ERROR:
        meta = {"namespace": asked.namespace, "name": asked.name}
        version = f"{asked.group}/{asked.version}" if asked.group else asked.version
        why = [fault.message or ".spec.injected: field not declared in schema"]
        return _refused(untyped({"metadata": meta}, version, asked.kind, why), fault)
    if fault.kind is not FaultKind.STATUS:
        return None
    if fault.body:
        return Response(fault.status, fault.body.encode(), fault.content_type, _retry_after(fault))
    reason, message = _STATUSES.get(fault.status, ("", "injected fault"))
    return _refused(ApiError(fault.status, reason, fault.message or message), fault)


def _refused(error: ApiError, fault: Fault) -> Response:
    return Response(error.status, msgspec.json.encode(error.body()), JSON, _retry_after(fault))


def _retry_after(fault: Fault) -> tuple[tuple[str, str], ...]:
    return () if fault.retry_after is None else (("retry-after", str(fault.retry_after)),)


async def whole(body: bytes) -> AsyncIterator[bytes]:
    """A body as a stream of one part."""
    yield body


async def broken(fault: Fault, parts: AsyncIterator[bytes], *, usual: int = 0) -> AsyncIterator[bytes]:
    """A body that goes wrong on the way, in the first part after `usual` others."""
    halted = False
    async for part in parts:
        if usual > 0 or halted:
            usual -= 1
            yield part
        elif fault.kind is FaultKind.DRIP:
            for start in range(0, len(part), fault.piece):
                yield part[start : start + fault.piece]
                await asyncio.sleep(fault.seconds)
        else:
            halted, half = True, len(part) // 2
            yield part[:half]
            await _halt(fault)
            yield part[half:]


async def _halt(fault: Fault) -> None:
    """The middle of a body: raises Broken, or waits."""
    if fault.kind is FaultKind.TRUNCATED:
        raise Broken
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
    else:
        await asyncio.Event().wait()


def watched(fault: Fault | None, watch: WatchRequest) -> AsyncIterator[bytes]:
    """The lines of a watch, disturbed by a fault."""
    if fault is None:
        return lines(watch)
    if fault.kind in BODY_KINDS:
        return broken(fault, _events(watch), usual=fault.events)
    if fault.kind is FaultKind.WATCH_NO_BOOKMARKS:
        return lines(replace(watch, bookmarks=False, initial_end=False))
    if fault.kind is FaultKind.WATCH_CLOSED and not fault.events:
        return lines(replace(watch, timeout=min(fault.seconds, watch.timeout)))
    return _disturbed(fault, watch)


async def _events(watch: WatchRequest) -> AsyncIterator[bytes]:
    """One event at a time, however many come at once."""
    async for chunk in lines(watch):
        for line in chunk.splitlines(keepends=True):
            yield line


async def _disturbed(fault: Fault, watch: WatchRequest) -> AsyncIterator[bytes]:
    usual, held = fault.events, b""
    async for line in _events(watch):
        if usual > 0:
            usual -= 1
            yield line
            if usual == 0 and fault.kind is FaultKind.WATCH_CLOSED:
                return
        elif line.startswith(_BOOKMARK):
            yield line
        elif fault.kind is FaultKind.WATCH_DUPLICATED:
            yield line * 2
        elif fault.kind is FaultKind.WATCH_DROPPED:
            yield _lost(watch, line)
            return
        else:
            line, held = (line + held, b"") if held else (b"", line)
            if line:
                yield line
    if held:
        yield held


def _lost(watch: WatchRequest, line: bytes) -> bytes:
    """The ERROR that a watch ends with whose next event is no longer there."""
    version = msgspec.json.decode(line)["object"]["metadata"]["resourceVersion"]
    return too_old(int(version), watch.cluster.store.revision)
