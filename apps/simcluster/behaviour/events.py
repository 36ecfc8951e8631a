"""What controllers, the scheduler and kubelets tell of their doings: Events, counted, few, and for an hour.

Written straight into the store, as nobody waits for an Event. Must not know the controllers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from apps.simcluster.behaviour.correlation import Talk
from apps.simcluster.cluster import TIME_FORMAT, Cluster
from apps.simcluster.schema import Json

EVENTS = "events"
LIFETIME = timedelta(hours=1)
MOST = 2_000  # in a cluster; the oldest go first
COMBINED = "(combined from similar events): "
MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Source:
    """Who tells: a component, and the node it is on. A `modern` one tells when to the microsecond."""

    component: str
    host: str = ""
    modern: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What an Event is about: an object, or a field of it."""

    api_version: str
    kind: str
    obj: Json
    field_path: str = ""

    def reference(self) -> Json:
        meta = self.obj["metadata"]
        found = {
            "kind": self.kind,
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": self.api_version,
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        return found | ({"fieldPath": self.field_path} if self.field_path else {})


_Key = tuple[str, ...]


class Recorder:
    """The Events of one cluster. Knows by heart what it told; after a restart it begins anew."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[_Key, tuple[str, str]] = {}  # namespace and name of the Event
        self._talks: dict[_Key, Talk] = {}
        self._number = 0

    def tell(
        self, source: Source, subject: Subject, reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Write an Event, or count the one that is there."""
        meta, now = subject.obj["metadata"], self._cluster.now()
        space = self._cluster.store.stored("namespaces", "", meta["namespace"])
        if space is None or space.deleted_at:
            return
        talk = self._talks.setdefault((source.component, source.host, meta["uid"]), Talk(now))
        combined = talk.similar(f"{subject.field_path} {reason}", message, now)
        if talk.too_much(now):
            return
        key = _key(source, subject, reason, COMBINED if combined else message)
        message = COMBINED + message if combined else message
        where = self._known.get(key)
        before = self._cluster.store.get(EVENTS, *where) if where else None
        if before is not None:
            self._cluster.store.put(EVENTS, _again(before, now) | {"message": message})
            return
        made = self._event(source, subject, now) | {"reason": reason, "message": message}
        made["type"] = "Warning" if warning else "Normal"
        self._known[key] = (meta["namespace"], made["metadata"]["name"])
        self._cluster.store.put(EVENTS, made)
        if self._cluster.store.count(EVENTS) > MOST + MOST // 4:
            self.sweep()

    def told(self, source: Source, subject: Subject, reason: str, message: str) -> bool:
        """Whether exactly this was told before."""
        return _key(source, subject, reason, message) in self._known

    def _event(self, source: Source, subject: Subject, now: datetime) -> Json:
        self._number += 1
        about, stamp = subject.reference(), now.strftime(TIME_FORMAT)
        nanoseconds = int(now.timestamp() * 1_000_000) * 1_000 + self._number % 1_000
        meta = {
            "name": f"{about['name']}.{nanoseconds:x}",
            "namespace": about["namespace"],
            "uid": self._cluster.new_uid(),
            "creationTimestamp": stamp,
        }
        made: Json = {"metadata": meta, "involvedObject": about, "reportingComponent": source.component}
        if source.modern:
            times: Json = dict.fromkeys(("firstTimestamp", "lastTimestamp"))
            times |= {"source": {}, "eventTime": now.strftime(MICROSECONDS), "action": "Binding"}
            return made | times | {"reportingInstance": f"{source.component}-{source.host or 'one'}"}
        told_by = {"component": source.component} | ({"host": source.host} if source.host else {})
        times = {"firstTimestamp": stamp, "lastTimestamp": stamp, "count": 1, "eventTime": None}
        return made | {"source": told_by, **times, "reportingInstance": source.host}

    def sweep(self) -> datetime | None:
        """Remove what is too old or too much; says when the next one will be too old."""
        store, now = self._cluster.store, self._cluster.now()
        ages = sorted(self._ages())
        beyond = max(0, len(ages) - MOST)
        gone = [row for index, row in enumerate(ages) if index < beyond or row[0] <= now - LIFETIME]
        for _, namespace, name in gone:
            store.remove(EVENTS, namespace, name)
        self._forget(now)
        left = ages[len(gone) :]
        return left[0][0] + LIFETIME if left else None

    def _ages(self) -> Iterator[tuple[datetime, str, str]]:
        """When each Event happened last, and where it is; clients may write anything into their own."""
        for item in self._cluster.store.each(EVENTS):
            found = msgspec.json.decode(item.body, type=_Times)
            created = datetime.fromisoformat(found.metadata.creationTimestamp)
            yield _moment(found.lastTimestamp) or created, item.namespace, item.name

    def _forget(self, now: datetime) -> None:
        store = self._cluster.store
        self._known = {key: at for key, at in self._known.items() if store.stored(EVENTS, *at)}
        self._talks = {key: talk for key, talk in self._talks.items() if talk.at > now - LIFETIME}


def _key(source: Source, subject: Subject, reason: str, message: str) -> _Key:
    uid = subject.obj["metadata"]["uid"]
    return source.component, source.host, uid, subject.field_path, reason, message


def _again(before: Json, now: datetime) -> Json:
    """An Event that happened once more."""
    if before.get("eventTime"):
        count = _count(before.get("series") or {}) + 1
        return {**before, "series": {"count": count, "lastObservedTime": now.strftime(MICROSECONDS)}}
    return {**before, "count": _count(before) + 1, "lastTimestamp": now.strftime(TIME_FORMAT)}


def _count(counted: Any) -> int:
    found = counted.get("count") if isinstance(counted, dict) else None
    return found if isinstance(found, int) else 1


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


class _Created(msgspec.Struct):
    creationTimestamp: str  # noqa: N815


class _Times(msgspec.Struct):
    metadata: _Created
    lastTimestamp: Any = None  # noqa: N815
