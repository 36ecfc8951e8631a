"""Watches: events since a revision or after the current objects, selectors, bookmarks, time limits."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from threading import get_ident

import msgspec

from apps.simcluster.cluster import DEFINITIONS, Cluster
from apps.simcluster.errors import (
    ApiError,
    Cause,
    CauseType,
    PlainNotFound,
    expired,
    internal,
    invalid_options,
    quoted,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.messages import Request
from apps.simcluster.negotiation import Form
from apps.simcluster.schema import Json
from apps.simcluster.selectors import Match, matcher
from apps.simcluster.store import Event, EventType, Expired, Stored, decode_stored
from apps.simcluster.tables import column_definitions, metadata_only, row

BOOKMARK_SECONDS = 60.0
MIN_TIMEOUT = 1800


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """A checked watch: from which revision (None: after the current objects), and what it wants."""

    cluster: Cluster
    resource: Resource
    version: str
    namespace: str
    form: Form
    revision: int | None
    match: Match | None
    bookmarks: bool
    initial_end: bool
    timeout: float
    include: str


def _forbidden(why: str) -> Cause:
    return Cause(CauseType.FORBIDDEN, "resourceVersionMatch", f"Forbidden: {why}")


def _check(request: Request) -> None:
    match, causes = request.param("resourceVersionMatch"), []
    initial = "sendInitialEvents" in request.query
    if request.param("continue"):
        causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    if initial and match != "NotOlderThan":
        causes.append(_forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        if match:
            text = f'Unsupported value: {quoted(match)}: supported values: "NotOlderThan"'
            causes.append(Cause(CauseType.NOT_SUPPORTED, "resourceVersionMatch", text))
    elif match and not initial:
        causes.append(
            _forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        )
    if causes:
        raise invalid_options("ListOptions", *causes)


def prepare(
    cluster: Cluster,
    resource: Resource,
    version: str,
    namespace: str,
    name: str,
    form: Form,
    request: Request,
) -> WatchRequest:
    """Check a watch's query; raises what the server would answer."""
    _check(request)
    given = request.param("resourceVersion")
    if given and not given.isdigit():
        why = f"strconv.ParseUint: parsing {quoted(given)}: invalid syntax"
        raise internal(f"resourceVersion: Invalid value: {quoted(given)}: {why}")
    initial = request.flag("sendInitialEvents")
    seconds = request.param("timeoutSeconds")
    timeout = float(seconds) if seconds.isdigit() and int(seconds) else MIN_TIMEOUT * (1 + random.random())  # noqa: S311
    fields = request.param("fieldSelector") or (f"metadata.name={name}" if name else "")
    from_start = initial or given in ("", "0")
    bookmarks = request.flag("allowWatchBookmarks")
    return WatchRequest(
        cluster=cluster,
        resource=resource,
        version=version,
        namespace=namespace,
        form=form,
        revision=None if from_start else int(given),
        match=matcher(request.param("labelSelector"), fields, resource.plural),
        bookmarks=bookmarks,
        initial_end=initial and bookmarks,
        timeout=timeout,
        include=request.param("includeObject"),
    )


class _Encoder:
    """Events as lines in the asked form; a table's columns come with its first event only."""

    def __init__(self, watch: WatchRequest) -> None:
        self._watch = watch
        self._columns_sent = False

    def line(self, kind: str, stored: Stored) -> bytes:
        return b'{"type":"' + kind.encode() + b'","object":' + self._object(stored) + b"}\n"

    def _object(self, stored: Stored) -> bytes:
        watch = self._watch
        if watch.form is Form.METADATA:
            return metadata_only(stored)
        if watch.form is not Form.TABLE:
            return stored.encoded(watch.resource.api_version(watch.version), watch.resource.kind)
        columns = None if self._columns_sent else column_definitions(watch.resource, watch.version)
        self._columns_sent = True
        meta = {"resourceVersion": str(stored.revision)}
        head: Json = {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": meta,
            "columnDefinitions": columns,
        }
        cells = row(watch.resource, watch.version, stored, watch.cluster.now(), watch.include)
        return msgspec.json.encode(head)[:-1] + b',"rows":[' + cells + b"]}"

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        watch = self._watch
        meta: Json = {"resourceVersion": str(revision)}
        if initial_end:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj = {"apiVersion": watch.resource.api_version(watch.version), "kind": watch.resource.kind}
        return msgspec.json.encode({"type": "BOOKMARK", "object": {**obj, "metadata": meta}}) + b"\n"


def _wanted(watch: WatchRequest, stored: Stored | None) -> bool:
    if stored is None or (watch.namespace and stored.namespace != watch.namespace):
        return False
    return watch.match is None or watch.match(stored)


def _seen(watch: WatchRequest, event: Event) -> tuple[str, Stored] | None:
    """What an event is for this watch: an object that only stops matching is DELETED with its old content."""
    before, after = _wanted(watch, event.before), _wanted(watch, event.after)
    if after and event.after is not None:
        return (EventType.MODIFIED.value if before else EventType.ADDED.value), event.after
    if not before or event.before is None:
        return None
    if event.last is not None:
        return EventType.DELETED.value, event.last
    old = event.before.object()
    old["metadata"]["resourceVersion"] = str(event.revision)
    return EventType.DELETED.value, decode_stored(msgspec.json.encode(old))


async def lines(watch: WatchRequest) -> AsyncIterator[bytes]:
    """The stream of a watch until its time is over, its history is gone or its kind is no longer served."""
    loop, wake, store = asyncio.get_running_loop(), asyncio.Event(), watch.cluster.store
    encoder, deadline = _Encoder(watch), loop.time() + watch.timeout
    bookmark_at = loop.time() + BOOKMARK_SECONDS

    thread = get_ident()

    def rouse() -> None:
        if get_ident() == thread:
            wake.set()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    # A definition that goes ends the watch of its objects.
    stop = store.listen(rouse, *{watch.resource.key, DEFINITIONS})
    try:
        with store.lock:
            current = store.revision
            items = store.each(watch.resource.key) if watch.revision is None else []
        position = current if watch.revision is None else watch.revision
        for item in items:
            if _wanted(watch, item):
                yield encoder.line(EventType.ADDED.value, item)
        if watch.initial_end:
            yield encoder.bookmark(position, initial_end=True)
        while loop.time() < deadline:
            wake.clear()
            try:
                events = store.since(watch.resource.key, position)
            except Expired:
                yield too_old(position, current)
                return
            for event in events:
                position = event.revision
                if (seen := _seen(watch, event)) is not None:
                    yield encoder.line(*seen)
            if not _served(watch):
                return
            if watch.bookmarks and loop.time() >= bookmark_at:
                bookmark_at = loop.time() + BOOKMARK_SECONDS
                position = max(position, store.revision)
                yield encoder.bookmark(position)
            await _sleep(wake, min(deadline, bookmark_at) - loop.time())
    finally:
        stop()


async def _sleep(wake: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await wake.wait()


def _served(watch: WatchRequest) -> bool:
    try:
        watch.cluster.find(watch.resource.group, watch.version, watch.resource.plural)
    except (ApiError, PlainNotFound):
        return False
    return True


def too_old(asked: int, current: int) -> bytes:
    """The ERROR event of a watch whose history is gone."""
    status = expired(f"too old resource version: {asked} ({current})").body()
    return msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n"
