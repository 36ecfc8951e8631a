"""Rows ↔ Snapshot: contents by hash, versions with the time in which they held. Asks no cluster.

The same content writes nothing. A kind that could not be read keeps the rows it had: that something
was forbidden does not mean that it is gone; the gap goes into the snapshot instead.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from threading import Lock
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, Q

from apps.clusters.models import Cluster
from apps.inventory.collect import Collected, Collection
from apps.inventory.models import Content, InventoryState, ObjectVersion
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Gap, Snapshot

CHUNK = 500
CACHED_SNAPSHOTS = 8
MAX_NAME, MAX_NAMESPACE = 253, 63
WRITTEN_GROUP = "networking.istio.io/"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a reading brought: objects that are new, changed or gone, and which (`touched`); `revision` of
    the inventory."""

    added: int
    changed: int
    removed: int
    revision: int
    touched: frozenset[ResourceRef] = frozenset()

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class _Known:
    pk: int
    content: str
    meta: dict[str, Any]


def save(cluster: Cluster, collection: Collection, *, at: datetime) -> Saved:
    """Makes the cluster's current rows equal to what was read. Call it in a transaction together with
    the check that one still may (the lease), so that both hold or neither."""
    with transaction.atomic():
        known = _current(cluster)
        unread = {gap.kind for gap in collection.gaps}
        seen = dict(_hashed(collection.objects))
        gone = [ref for ref in known if ref not in seen and _read_kind(ref.kind) not in unread]
        added, changed, moved = _compare(known, seen)
        _close([known[ref].pk for ref in (*gone, *changed)], at)
        _open(cluster, {ref: seen[ref] for ref in [*added, *changed]}, at)
        _note_moved(moved)
        gaps = [{"kind": g.kind, "namespace": g.namespace, "reason": g.reason} for g in collection.gaps]
        served = {group: list(versions) for group, versions in collection.served.items()}
        altered = bool(added or changed or gone or gaps != cluster.gaps)
        if gaps != cluster.gaps or served != cluster.served:
            cluster.gaps, cluster.served = gaps, served
            cluster.save(update_fields=["gaps", "served"])
        touched = frozenset((*added, *changed, *gone))
        return Saved(len(added), len(changed), len(gone), _advance(cluster, altered, at), touched)


def load(cluster: Cluster, at: datetime | None = None) -> Snapshot:
    """What the cluster holds now, or held at a moment, as far as it was read. The present one is kept
    until the inventory changes."""
    if at is not None:
        # What could not be read at an earlier moment is not kept; the present gaps are the best guess.
        return Snapshot.from_manifests(_manifests(_at(cluster, at)), gaps=_gaps(cluster))
    state = InventoryState.objects.filter(cluster=cluster).first()
    mark = state.mark if state is not None else ""
    cached = _cache.get(cluster.pk, mark) if mark else None
    if cached is None:
        current = ObjectVersion.objects.filter(cluster=cluster, valid_to__isnull=True)
        cached = Snapshot.from_manifests(_manifests(current), gaps=_gaps(cluster))
        _cache.put(cluster.pk, mark, cached)
    return cached


def digest(manifest: dict[str, Any]) -> str:
    """The SHA-256 of the canonical JSON: keys sorted, no spaces."""
    return hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()


def _hashed(objects: Iterable[Collected]) -> Iterator[tuple[ResourceRef, tuple[str, Collected]]]:
    for item in objects:
        ref = ResourceRef.of(item.manifest)
        if ref.name and len(ref.name) <= MAX_NAME and len(ref.namespace) <= MAX_NAMESPACE:
            yield ref, (digest(item.manifest), item)


def _current(cluster: Cluster) -> dict[ResourceRef, _Known]:
    rows = ObjectVersion.objects.filter(cluster=cluster, valid_to__isnull=True).values_list(
        "pk", "kind", "namespace", "name", "content_id", "meta"
    )
    return {
        ResourceRef(kind, namespace, name): _Known(pk, content, meta)
        for pk, kind, namespace, name, content, meta in rows.iterator(chunk_size=2000)
    }


def _compare(
    known: dict[ResourceRef, _Known], seen: dict[ResourceRef, tuple[str, Collected]]
) -> tuple[list[ResourceRef], list[ResourceRef], list[tuple[int, dict[str, Any]]]]:
    """(new, changed, [(row, its new meta)]) of what was seen against what is known."""
    added: list[ResourceRef] = []
    changed: list[ResourceRef] = []
    moved: list[tuple[int, dict[str, Any]]] = []
    for ref, (content, item) in seen.items():
        row = known.get(ref)
        if row is None:
            added.append(ref)
        elif row.content != content or row.meta.get("uid") != item.meta.get("uid"):
            changed.append(ref)
        elif row.meta != item.meta:
            moved.append((row.pk, item.meta))
    return added, changed, moved


def _close(rows: list[int], at: datetime) -> None:
    for start in range(0, len(rows), CHUNK):
        ObjectVersion.objects.filter(pk__in=rows[start : start + CHUNK]).update(valid_to=at)


def _open(cluster: Cluster, new: dict[ResourceRef, tuple[str, Collected]], at: datetime) -> None:
    contents = {content: item.manifest for content, item in new.values()}
    Content.objects.bulk_create(
        [Content(sha256=sha256, manifest=manifest) for sha256, manifest in contents.items()],
        batch_size=CHUNK,
        ignore_conflicts=True,
    )
    ObjectVersion.objects.bulk_create(
        [
            ObjectVersion(
                cluster=cluster,
                kind=ref.kind,
                api_version=str(item.manifest.get("apiVersion") or "")[:100],
                namespace=ref.namespace,
                name=ref.name,
                content_id=content,
                meta=item.meta,
                valid_from=at,
            )
            for ref, (content, item) in new.items()
        ],
        batch_size=CHUNK,
    )


def _note_moved(moved: list[tuple[int, dict[str, Any]]]) -> None:
    rows = [ObjectVersion(pk=pk, meta=meta) for pk, meta in moved]
    if rows:
        ObjectVersion.objects.bulk_update(rows, ["meta"], batch_size=CHUNK)


def _advance(cluster: Cluster, altered: bool, at: datetime) -> int:
    state, _ = InventoryState.objects.get_or_create(cluster=cluster)
    if altered:
        InventoryState.objects.filter(pk=state.pk).update(
            revision=F("revision") + 1, mark=token_hex(8), changed_at=at, read_at=at
        )
    else:
        InventoryState.objects.filter(pk=state.pk).update(read_at=at)
    state.refresh_from_db()
    return state.revision


def _read_kind(kind: str) -> str:
    """The kind that is read from the cluster for a stored one."""
    return "Pod" if kind == "PodGroups" else kind


def _at(cluster: Cluster, at: datetime) -> Any:
    still = Q(valid_to__isnull=True) | Q(valid_to__gt=at)
    return ObjectVersion.objects.filter(still, cluster=cluster, valid_from__lte=at)


def _manifests(rows: Any) -> Iterator[dict[str, Any]]:
    """The manifests, those that the console may propose to write with the owners of their fields."""
    columns = ("api_version", "meta", "content__manifest")
    for api_version, meta, manifest in rows.order_by().values_list(*columns).iterator(chunk_size=2000):
        if api_version.startswith(WRITTEN_GROUP) and (owners := meta.get("managedFields")):
            manifest["metadata"]["managedFields"] = owners
        yield manifest


def _gaps(cluster: Cluster) -> list[Gap]:
    fresh = Cluster.objects.values_list("gaps", flat=True).filter(pk=cluster.pk).first()
    return [Gap(g["kind"], g["namespace"], g["reason"]) for g in fresh or ()]


class _SnapshotCache:
    """The latest snapshot of a few clusters, for the length of the process. Safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[int, tuple[str, Snapshot]] = OrderedDict()

    def get(self, cluster: int, mark: str) -> Snapshot | None:
        with self._lock:
            kept = self._kept.get(cluster)
            if kept is None or kept[0] != mark:
                return None
            self._kept.move_to_end(cluster)
            return kept[1]

    def put(self, cluster: int, mark: str, snapshot: Snapshot) -> None:
        with self._lock:
            self._kept[cluster] = (mark, snapshot)
            self._kept.move_to_end(cluster)
            while len(self._kept) > CACHED_SNAPSHOTS:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


_cache = _SnapshotCache()


def forget_cached() -> None:
    """Drops what this process keeps; the database is asked again."""
    _cache.forget()
