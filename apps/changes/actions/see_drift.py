"""After a reading: what changes wrote, compared with what is there now. Asks no cluster.

Called in the transaction that stores the reading, so that no version is stored without having been looked at.
Costs what the reading brought: watches are found by the objects that moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from apps.changes import drift
from apps.changes.actions import watch as watching
from apps.changes.lifecycle import RUNNING
from apps.changes.models import ChangeItem, ChangeSet, Watch
from apps.clusters.models import Cluster
from apps.common import clock
from apps.inventory.collect import as_kept
from apps.inventory.models import ObjectVersion
from apps.mesh.refs import ResourceRef

DRIFTED = "drifted"
AT_ONCE = 500
NAMED = 3  # objects in one line of a timeline
IN_DOUBT = (ChangeItem.Result.WRITING, ChangeItem.Result.UNKNOWN)
Told = dict[ChangeSet, list[str]]


def see_drift(*, cluster: Cluster, touched: Collection[ResourceRef], began: datetime) -> int:
    """Compares every watched object that moved with what was written; how many were compared. `began` is
    when the reading began: it says nothing about what was written later."""
    unread = {gap["kind"] for gap in cluster.gaps}
    due = [one for one in _to_compare(cluster, touched) if one.since <= began and one.kind not in unread]
    running = [one.pk for one in due if one.change.state in RUNNING]
    watches = [one for one in due if one.change.state not in RUNNING]
    _hold(watches)
    versions = _versions(cluster, watches)
    drifted: Told = defaultdict(list)
    mended: Told = defaultdict(list)
    for one in watches:
        _compare(one, versions.get(_ref(one)), drifted, mended)
    for change, texts in drifted.items():
        watching.flag(change, kind=DRIFTED, text=_told(texts), tone="bad")
    for change, texts in mended.items():
        watching.flag(change, kind=watching.ENDED, text=_told(texts), tone="ok")
    if running:  # their verification looks first
        Watch.objects.filter(pk__in=running).update(compared_at=None)
    return len(watches)


def _hold(watches: Sequence[Watch]) -> None:
    """Locks the changes before their watches, as everybody does who touches both."""
    changes = {one.change_id for one in watches}
    if changes:
        list(ChangeSet.objects.select_for_update().filter(pk__in=changes).order_by("pk"))


def _to_compare(cluster: Cluster, touched: Collection[ResourceRef]) -> list[Watch]:
    known = Watch.objects.filter(cluster=cluster).select_related("change", "item", "cluster")
    found = {one.pk: one for one in known.filter(compared_at__isnull=True)}
    names = sorted({ref.name for ref in touched})
    for start in range(0, len(names), AT_ONCE):
        some = known.filter(name__in=names[start : start + AT_ONCE])
        found.update({one.pk: one for one in some if _ref(one) in touched})
    return list(found.values())


def _versions(cluster: Cluster, watches: Sequence[Watch]) -> dict[ResourceRef, ObjectVersion]:
    """What is there now of what is watched."""
    rows = ObjectVersion.objects.filter(cluster=cluster, valid_to__isnull=True).select_related("content")
    names = sorted({one.name for one in watches})
    wanted = {_ref(one) for one in watches}
    return {ref: row for row in _chunks(rows, names) if (ref := _ref(row)) in wanted}


def _chunks(rows: Any, names: Sequence[str]) -> Iterator[ObjectVersion]:
    for start in range(0, len(names), AT_ONCE):
        yield from rows.filter(name__in=names[start : start + AT_ONCE])


def _compare(one: Watch, version: ObjectVersion | None, drifted: Told, mended: Told) -> None:
    """Records what the reading says of one watched object."""
    found = _drift_of(one, version)
    if found is not None and _in_doubt(one):
        Watch.objects.filter(pk=one.pk).update(compared_at=None)
        return
    now, before = clock.now(), one.drifted_at
    kept = Watch.objects.filter(pk=one.pk).update(
        compared_at=now,
        drift=found.as_json() if found is not None else {},
        drifted_at=(before or now) if found is not None else None,
        uid=one.uid if found is not None or version is None else str(version.meta.get("uid") or ""),
    )
    if not kept:  # taken over or accepted meanwhile
        return
    name = f"{_ref(one)} on {one.cluster.name}"
    if found is not None and before is None:
        drifted[one.change].append(f"{name} {found.sentence}")
    if found is None and before is not None:
        mended[one.change].append(f"{name} reads as it was written again")


def _drift_of(one: Watch, version: ObjectVersion | None) -> drift.Drift | None:
    item = one.item
    expected = item.dry_run.get("expected") or item.desired
    written = drift.Written(
        kind=one.kind,
        intent=item.intent,
        base=as_kept(item.base) if item.base else None,
        expected=as_kept(expected) if expected else None,
        uid=one.uid,
        desired=as_kept(item.desired) if item.desired else None,
    )
    if version is None:
        return drift.drift_of(written, None)
    manifest = dict(version.content.manifest)
    owners = version.meta.get("managedFields") or []
    manifest["metadata"] = {**(manifest.get("metadata") or {}), "managedFields": owners}
    return drift.drift_of(written, manifest, uid=str(version.meta.get("uid") or ""))


def _in_doubt(one: Watch) -> bool:
    """Whether another change is just writing the object, or does not know whether it has."""
    place = {
        "cluster_id": one.cluster_id, "kind": one.kind, "namespace": one.namespace, "name": one.name,
    }  # fmt: skip
    others = ChangeItem.objects.filter(**place, result__in=IN_DOUBT).exclude(revision__change=one.change_id)
    return others.exists()


def _ref(row: Watch | ObjectVersion) -> ResourceRef:
    return ResourceRef(row.kind, row.namespace, row.name)


def _told(texts: Iterable[str]) -> str:
    texts = list(texts)
    more = [f"{len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return "; ".join([*texts[:NAMED], *more]) + "."
