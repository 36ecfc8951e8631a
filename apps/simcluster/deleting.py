"""Deletion: preconditions, finalizers, grace periods, collections, and namespaces with what is in them.

Answers with what the server answers: a Status, the object, or a list.
"""

from datetime import timedelta

from apps.simcluster.cluster import DEFINITIONS, TIME_FORMAT, Cluster
from apps.simcluster.errors import conflict, not_found
from apps.simcluster.kinds import Resource, definition_names
from apps.simcluster.options import DeleteOptions
from apps.simcluster.schema import Json
from apps.simcluster.store import Stored

DEFAULT_GRACE = 30
FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


def delete(
    cluster: Cluster, resource: Resource, namespace: str, name: str, options: DeleteOptions
) -> tuple[Json | None, Json]:
    """(object or None, Status): the object when it lives on or when its kind answers with it."""
    with cluster.store.lock:
        stored = cluster.store.stored(resource.key, namespace, name)
        if stored is None:
            raise not_found(resource.target(name))
        obj = stored.object()
        _check_preconditions(resource, obj, options)
        answer = _delete(cluster, resource, obj, options)
        return answer, _success(resource, obj)


def _success(resource: Resource, obj: Json) -> Json:
    target = resource.target(obj["metadata"]["name"])
    details = {**target.details(), "uid": obj["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _check_preconditions(resource: Resource, obj: Json, options: DeleteOptions) -> None:
    meta, target = obj["metadata"], resource.target(obj["metadata"]["name"])
    if options.uid is not None and options.uid != meta["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(target, why, by_kind=True)
    if options.resource_version is not None and options.resource_version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(target, why, by_kind=True)


def _delete(cluster: Cluster, resource: Resource, obj: Json, options: DeleteOptions) -> Json | None:
    meta = obj["metadata"]
    wanted = FINALIZERS.get(options.propagation)
    finalizers = list(meta.get("finalizers") or ())
    if wanted and wanted not in finalizers:
        finalizers.append(wanted)
    if resource.key == "namespaces":
        return _terminate_namespace(cluster, resource, obj, options)
    if finalizers:
        return _mark(cluster, resource, {**obj, "metadata": {**meta, "finalizers": finalizers}}, 0, options)
    if resource.key == "pods":
        return _delete_pod(cluster, resource, obj, options)
    if not options.dry_run:
        if resource.key == DEFINITIONS:
            _delete_instances(cluster, obj)
        last = cluster.store.remove(resource.key, meta.get("namespace", ""), meta["name"])
        obj = last.object() if last else obj
    return obj if resource.key == "services" else None


def _delete_instances(cluster: Cluster, definition: Json) -> None:
    """A definition takes its objects with it."""
    group, plural = definition_names(definition)
    for item in cluster.store.each(f"{plural}.{group}"):
        cluster.store.remove(f"{plural}.{group}", item.namespace, item.name)


def _mark(cluster: Cluster, resource: Resource, obj: Json, grace: int, options: DeleteOptions) -> Json:
    """Set the deletion timestamp, once; the object lives on."""
    meta = dict(obj["metadata"])
    if "deletionTimestamp" in meta:
        return obj
    due = cluster.now() + timedelta(seconds=grace)
    meta |= {
        "deletionTimestamp": due.strftime(TIME_FORMAT),
        "deletionGracePeriodSeconds": grace,
    }
    if "generation" in meta:
        meta["generation"] += 1
    marked = {**obj, "metadata": meta}
    return marked if options.dry_run else cluster.store.put(resource.key, marked).object()


def _delete_pod(cluster: Cluster, resource: Resource, obj: Json, options: DeleteOptions) -> Json:
    meta = obj["metadata"]
    scheduled = bool(obj.get("spec", {}).get("nodeName"))
    grace = obj.get("spec", {}).get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    if options.grace_seconds is not None:
        grace = options.grace_seconds
    if not scheduled:
        grace = 0
    if grace > 0:
        return _mark(cluster, resource, obj, grace, options)
    fresh = {k: v for k, v in meta.items() if not k.startswith("deletion")}
    if "deletionTimestamp" in meta:
        fresh["generation"] -= 1  # marking counts once
    marked = _mark(cluster, resource, {**obj, "metadata": fresh}, 0, DeleteOptions(dry_run=True))
    if not options.dry_run:
        last = cluster.store.remove(resource.key, meta["namespace"], meta["name"])
        marked["metadata"]["resourceVersion"] = str(last.revision if last else cluster.store.revision)
    return marked


def _terminate_namespace(cluster: Cluster, resource: Resource, obj: Json, options: DeleteOptions) -> Json:
    if "deletionTimestamp" in obj["metadata"]:
        return obj
    meta = {**obj["metadata"], "deletionTimestamp": cluster.timestamp()}
    marked = {**obj, "metadata": meta, "status": {**obj.get("status", {}), "phase": "Terminating"}}
    return marked if options.dry_run else cluster.store.put(resource.key, marked).object()


def delete_collection(
    cluster: Cluster, resource: Resource, items: list[Stored], options: DeleteOptions
) -> list[Stored]:
    """Delete what a list selected; returns the objects as they were."""
    with cluster.store.lock:
        for item in items:
            _delete(cluster, resource, item.object(), options)
    return items


def empty_namespace(cluster: Cluster, namespace: str) -> list[tuple[str, Json]]:
    """Delete everything in a namespace; (resource with a dot after its plural, object) of what is left."""
    left: list[tuple[str, Json]] = []
    for resource in cluster.resources():
        if not resource.namespaced:
            continue
        for item in cluster.store.each(resource.key):
            if item.namespace == namespace:
                _delete(cluster, resource, item.object(), DeleteOptions(grace_seconds=0))
                still = cluster.store.get(resource.key, namespace, item.name)
                if still is not None:
                    left.append((f"{resource.plural}.{resource.group}", still))
    return left


def finish_pods(cluster: Cluster) -> None:
    """The kubelet: pods whose grace period is over are gone."""
    now = cluster.timestamp()
    for stored in cluster.store.each("pods"):
        if (
            stored.deleted_at
            and stored.deleted_at <= now
            and not stored.object()["metadata"].get("finalizers")
        ):
            cluster.store.remove("pods", stored.namespace, stored.name)
