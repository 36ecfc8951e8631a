"""The objects of one cluster: revisions, history for watches and consistent lists, durability.

Objects are kept as JSON bytes without `apiVersion` and `kind` (a version is only a prefix, as with Istio's
definitions), so listing costs a join. Safe to use from any thread. It knows no HTTP and no schema.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from threading import RLock
from typing import Any, cast

import msgspec

from apps.simcluster.journal import Change, Journal
from apps.simcluster.schema import Json

HISTORY = 10_000
FIRST_REVISION = 100


class EventType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class _Meta(msgspec.Struct):
    name: str
    resourceVersion: str  # noqa: N815
    namespace: str = ""
    labels: dict[str, str] | None = None
    deletionTimestamp: str | None = None  # noqa: N815


class _Head(msgspec.Struct):
    metadata: _Meta


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object. `body` is its JSON without `apiVersion` and `kind`."""

    key: str
    namespace: str
    name: str
    revision: int
    labels: dict[str, str]
    body: bytes
    deleted_at: str | None = None  # RFC 3339, for objects that are being deleted

    def object(self) -> Json:
        return cast(Json, msgspec.json.decode(self.body))

    def encoded(self, api_version: str, kind: str) -> bytes:
        """The object's JSON with its type."""
        head = msgspec.json.encode({"apiVersion": api_version, "kind": kind})
        return head[:-1] + b"," + self.body[1:]


@dataclass(frozen=True, slots=True)
class Event:
    revision: int
    type: EventType
    before: Stored | None
    after: Stored | None
    last: Stored | None = None  # of a removal: the final content under the removal's revision

    @property
    def key(self) -> str:
        found = self.after or self.before
        return found.key if found else ""


class Expired(Exception):
    """The history does not reach back to the asked revision."""


class _Table:
    """All objects of one resource."""

    def __init__(self, floor: int, history: int) -> None:
        self.items: dict[str, Stored] = {}
        self.log: deque[Event] = deque(maxlen=history)
        self.floor = floor
        self._sorted: list[str] | None = None

    def ordered_keys(self) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self.items)
        return self._sorted

    def record(self, event: Event) -> None:
        if len(self.log) == self.log.maxlen:
            self.floor = self.log[0].revision
        self.log.append(event)
        if event.after is None:
            self.items.pop(event.key, None)
            self._sorted = None
        else:
            if event.key not in self.items:
                self._sorted = None
            self.items[event.key] = event.after


def object_key(namespace: str, name: str) -> str:
    """The key order of etcd: `namespace/name`, or the name alone."""
    return f"{namespace}/{name}" if namespace else name


def decode_stored(body: bytes) -> Stored:
    meta = msgspec.json.decode(body, type=_Head).metadata
    key = object_key(meta.namespace, meta.name)
    return Stored(
        key,
        meta.namespace,
        meta.name,
        int(meta.resourceVersion),
        meta.labels or {},
        body,
        meta.deletionTimestamp,
    )


class Store:
    """Objects by resource key (`plural.group`) and `namespace/name`.

    `lock` may be held around read-then-write. Listeners are called after each change, in the thread of the
    writer.
    """

    def __init__(self, journal: Journal | None = None, *, history: int = HISTORY) -> None:
        self.lock = RLock()
        self._journal = journal
        self._history = history
        self._tables: dict[str, _Table] = {}
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._pending: list[Change] | None = None
        self.revision = max(FIRST_REVISION, journal.revision() if journal else 0)
        self._start = self.revision
        for resource, _, body in journal.rows() if journal else ():
            stored = decode_stored(body)
            self._table(resource).items[stored.key] = stored

    @property
    def empty(self) -> bool:
        return not any(table.items for table in self._tables.values())

    def _table(self, resource: str) -> _Table:
        return self._tables.setdefault(resource, _Table(self._start, self._history))

    def listen(self, listener: Callable[[], None], *resources: str) -> Callable[[], None]:
        """Call `listener` after every change of these resources; returns the function that ends it."""
        with self.lock:
            for resource in resources:
                self._listeners.setdefault(resource, []).append(listener)

        def stop() -> None:
            with self.lock:
                for resource in resources:
                    self._listeners[resource].remove(listener)

        return stop

    def stored(self, resource: str, namespace: str, name: str) -> Stored | None:
        with self.lock:
            return self._table(resource).items.get(object_key(namespace, name))

    def get(self, resource: str, namespace: str, name: str) -> Json | None:
        """The object without `apiVersion` and `kind`; a copy."""
        found = self.stored(resource, namespace, name)
        return found.object() if found else None

    def each(self, resource: str) -> list[Stored]:
        """All objects in key order."""
        with self.lock:
            table = self._table(resource)
            return [table.items[key] for key in table.ordered_keys()]

    def within(self, resource: str, namespace: str) -> list[Stored]:
        """The objects of one namespace in key order, without a look at all others."""
        with self.lock:
            table = self._table(resource)
            keys = table.ordered_keys()
            first, last = (bisect_left(keys, f"{namespace}{end}") for end in ("/", "0"))  # "0" follows "/"
            return [table.items[key] for key in keys[first:last]]

    def count(self, resource: str) -> int:
        return len(self._table(resource).items)

    def put(self, resource: str, obj: Json) -> Stored:
        """Write an object under its name with a new resource version; returns it as stored."""
        with self.lock:
            self.revision += 1
            meta = {**obj["metadata"], "resourceVersion": str(self.revision)}
            plain: dict[str, Any] = {
                k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata")
            }
            stored = decode_stored(msgspec.json.encode({"metadata": meta, **plain}))
            table = self._table(resource)
            before = table.items.get(stored.key)
            kind = EventType.MODIFIED if before else EventType.ADDED
            self._commit(resource, Event(self.revision, kind, before, stored), stored.body)
            return stored

    def remove(self, resource: str, namespace: str, name: str) -> Stored | None:
        """Remove an object; its last state gets the revision of the removal, as watchers see it."""
        with self.lock:
            before = self.stored(resource, namespace, name)
            if before is None:
                return None
            self.revision += 1
            obj = before.object()
            obj["metadata"]["resourceVersion"] = str(self.revision)
            last = decode_stored(msgspec.json.encode(obj))
            self._commit(resource, Event(self.revision, EventType.DELETED, before, None, last), None)
            return last

    def _commit(self, resource: str, event: Event, body: bytes | None) -> None:
        change = Change(resource, event.key, body)
        if self._pending is not None:
            self._pending.append(change)
        elif self._journal:
            self._journal.write([change], self.revision)
        self._table(resource).record(event)
        for listener in list(self._listeners.get(resource, ())):
            listener()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Write many objects in one transaction (seeding)."""
        with self.lock:
            self._pending = []
            try:
                yield
            finally:
                changes, self._pending = self._pending, None
                if self._journal and changes:
                    self._journal.write(changes, self.revision)

    def at(self, resource: str, revision: int) -> list[Stored]:
        """All objects as they were at a revision, in key order; raises `Expired`."""
        with self.lock:
            table = self._table(resource)
            newer = list(takewhile(lambda event: event.revision > revision, reversed(table.log)))
            if revision >= self.revision or (not newer and revision >= table.floor):
                return self.each(resource)
            if revision < table.floor:
                raise Expired
            items = dict(table.items)
            for event in newer:
                if event.type is EventType.ADDED:
                    items.pop(event.key, None)
                elif event.before is not None:
                    items[event.key] = event.before
            return [items[key] for key in sorted(items)]

    def since(self, resource: str, revision: int) -> list[Event]:
        """Events after a revision, oldest first; raises `Expired`."""
        with self.lock:
            table = self._table(resource)
            if revision < table.floor:
                raise Expired
            found: list[Event] = []
            for event in reversed(table.log):
                if event.revision <= revision:
                    break
                found.append(event)
            return found[::-1]

    def compact(self) -> None:
        """Forget the history, as etcd's compaction does: older watches and continue tokens expire."""
        with self.lock:
            self._start = self.revision
            for table in self._tables.values():
                table.log.clear()
                table.floor = self.revision

    def close(self) -> None:
        with self.lock:
            if self._journal:
                self._journal.close()
                self._journal = None
