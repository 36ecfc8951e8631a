"""The garbage collector: what becomes of objects whose owner is deleted, in the three ways there are.

Must not know what the objects are.
"""

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.runtime import Identity, Runtime, identity
from apps.simcluster.deleting import FINALIZERS
from apps.simcluster.schema import Json
from apps.simcluster.store import Stored

ORPHANED, LEAVING = "orphaned-by", "leaving"
FOREGROUND, ORPHAN = FINALIZERS["Foreground"], FINALIZERS["Orphan"]

Found = list[tuple[str, Stored, Identity]]


def dependents(run: Runtime, namespace: str, uid: str) -> Found:
    """The objects that name an owner with this uid; an owner without a namespace has them anywhere."""
    marker = uid.encode()
    found = (
        (key, item, identity(item)) for key, item in run.index.everything(namespace) if marker in item.body
    )
    return [row for row in found if any(owner.uid == uid for owner in row[2].owners)]


def collect(run: Runtime, work: Work) -> None:
    """An owner (`name` is its uid) is gone: delete what only it owned, and take its name from the rest."""
    for key, item, who in dependents(run, work.namespace, work.name):
        if all(owner.uid == work.name or not _lives(run, owner.uid) for owner in who.owners):
            if not item.deleted_at:
                actors.discard(run, actors.GARBAGE, key, item.object())
        else:
            _release(run, key, item, work.name)


def _lives(run: Runtime, uid: str) -> bool:
    marker = uid.encode()
    candidates = (item for _, item in run.index.everything() if marker in item.body)
    return any(identity(item).uid == uid for item in candidates)


def _release(run: Runtime, key: str, item: Stored, uid: str) -> None:
    obj = item.object()
    kept = [owner for owner in obj["metadata"]["ownerReferences"] if owner.get("uid") != uid]
    meta = {name: value for name, value in obj["metadata"].items() if name != "ownerReferences"}
    actors.overwrite(
        run, key, obj, {**obj, "metadata": {**meta, **({"ownerReferences": kept} if kept else {})}}
    )


def leave(run: Runtime, work: Work, key: str) -> None:
    """An object that is being deleted first lets its dependents go, or sees them deleted."""
    obj = run.get(work, key)
    if obj is None or "deletionTimestamp" not in obj["metadata"]:
        return
    finalizers, uid = obj["metadata"].get("finalizers") or [], obj["metadata"]["uid"]
    found = dependents(run, work.namespace, uid)
    if ORPHAN in finalizers:
        for row_key, item, _ in found:
            _release(run, row_key, item, uid)
        _finalize(run, key, obj, ORPHAN)
    elif FOREGROUND in finalizers:
        blocking = [row for row in found if any(o.uid == uid and o.blockOwnerDeletion for o in row[2].owners)]
        for row_key, item, _ in found:
            if not item.deleted_at:
                owns = bool(dependents(run, item.namespace, identity(item).uid))
                actors.discard(run, actors.GARBAGE, row_key, item.object(), "Foreground" if owns else "")
        if not blocking:
            _finalize(run, key, obj, FOREGROUND)


def _finalize(run: Runtime, key: str, obj: Json, finalizer: str) -> None:
    meta = dict(obj["metadata"])
    left = [name for name in meta["finalizers"] if name != finalizer]
    if left:
        actors.overwrite(run, key, obj, {**obj, "metadata": {**meta, "finalizers": left}})
        return
    del meta["finalizers"]
    with run.cluster.store.lock:
        actors.overwrite(run, key, obj, {**obj, "metadata": meta})
        run.cluster.store.remove(key, meta.get("namespace", ""), meta["name"])
