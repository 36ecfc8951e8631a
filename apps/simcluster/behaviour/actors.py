"""Writes of the controllers: under their own names, through the roads that every client takes.

An object that somebody else changed meanwhile is `Stale`, and the work is done again. Must not know the
controllers.
"""

from dataclasses import dataclass

from apps.simcluster import admission, deleting
from apps.simcluster.access import AUTHENTICATED, User
from apps.simcluster.behaviour.runtime import Runtime
from apps.simcluster.cluster import Cluster
from apps.simcluster.comparing import compare
from apps.simcluster.errors import ApiError
from apps.simcluster.kinds import BUILTIN, Resource
from apps.simcluster.options import DeleteOptions, FieldValidation, WriteOptions
from apps.simcluster.ownership import Manager, Operation, after_update, entries_of, owners_of
from apps.simcluster.schema import Json
from apps.simcluster.writes import Write
from apps.simcluster.writing import create, replace

CONTROLLER_MANAGER = "kube-controller-manager"
_RESOURCES = {resource.key: resource for resource in BUILTIN}
NOT_FOUND, CONFLICT = 404, 409


class Stale(Exception):
    """The object is not as it was when the controller looked at it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: the user that admission sees and the manager that owns the fields."""

    user: User
    manager: str


def _service_account(name: str) -> Actor:
    groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system", AUTHENTICATED)
    return Actor(User(f"system:serviceaccount:kube-system:{name}", groups=groups), CONTROLLER_MANAGER)


DEPLOYMENT = _service_account("deployment-controller")
REPLICA_SET = _service_account("replicaset-controller")
STATEFUL_SET = _service_account("statefulset-controller")
DAEMON_SET = _service_account("daemon-set-controller")
JOB = _service_account("job-controller")
ENDPOINTS = _service_account("endpoint-controller")
SLICES = _service_account("endpointslice-controller")
GARBAGE = _service_account("generic-garbage-collector")
SCHEDULER = Actor(User("system:kube-scheduler", groups=(AUTHENTICATED,)), "kube-scheduler")
KUBELET = Actor(User("system:node", groups=("system:nodes", AUTHENTICATED)), "kubelet")


def make(run: Runtime, actor: Actor, key: str, obj: Json) -> Json:
    """Create an object, with admission; raises ApiError when it is refused."""
    return create(_write(run.cluster, actor, key, obj), obj).obj


def change(run: Runtime, actor: Actor, key: str, before: Json, after: Json) -> Json:
    """Replace an object with a changed one; raises Stale, and ApiError when it is refused."""
    with run.cluster.store.lock:
        _check_fresh(run.cluster, key, before)
        return replace(_write(run.cluster, actor, key, before), before, after).obj


def report(
    run: Runtime, actor: Actor, key: str, before: Json, status: Json, annotations: Json | None = None
) -> Json:
    """Write a status, and annotations where the kind takes them with it; raises Stale.

    As a write to the subresource: no new generation, and the fields belong to the actor's status.
    """
    cluster, resource = run.cluster, _RESOURCES[key]
    meta = {**before["metadata"]}
    if annotations is not None:
        meta["annotations"] = annotations
    after = {**before, "metadata": meta, "status": status}
    changed = compare(_reported(before), _reported(after), resource.schema)
    if changed.same:
        return before
    manager = Manager(actor.manager, Operation.UPDATE, resource.api_version(resource.versions[0]), "status")
    owners = owners_of(meta.get("managedFields"))
    meta["managedFields"] = entries_of(after_update(owners, changed, manager, cluster.timestamp(), ("spec",)))
    return overwrite(run, key, before, after)


def _reported(obj: Json) -> Json:
    """The part of an object that a report may change: comparing the rest is what takes time."""
    annotations = obj["metadata"].get("annotations")
    meta = {} if annotations is None else {"annotations": annotations}
    return {"metadata": meta, **({"status": obj["status"]} if "status" in obj else {})}


def overwrite(run: Runtime, key: str, before: Json, after: Json) -> Json:
    """Store an object as it is; raises Stale."""
    with run.cluster.store.lock:
        _check_fresh(run.cluster, key, before)
        return run.cluster.store.put(key, after).object()


def discard(run: Runtime, actor: Actor, key: str, obj: Json, propagation: str = "") -> None:
    """Delete exactly this object, with admission; one that is gone already is no matter."""
    cluster, meta = run.cluster, obj["metadata"]
    options = DeleteOptions(uid=meta["uid"], propagation=propagation)
    write = _write(cluster, actor, key, obj)
    admission.validate(write, None, obj)
    try:
        deleting.delete(cluster, write.resource, write.namespace, write.name, options)
    except ApiError as error:
        if error.status not in (NOT_FOUND, CONFLICT):
            raise


def _resource(cluster: Cluster, key: str) -> Resource:
    found = _RESOURCES.get(key) or next((item for item in cluster.resources() if item.key == key), None)
    if found is None:
        raise Stale  # its definition is gone, and it went with it
    return found


def _check_fresh(cluster: Cluster, key: str, seen: Json) -> None:
    meta = seen["metadata"]
    stored = cluster.store.stored(key, meta.get("namespace", ""), meta["name"])
    if stored is None or str(stored.revision) != meta["resourceVersion"]:
        raise Stale


def _write(cluster: Cluster, actor: Actor, key: str, obj: Json) -> Write:
    resource = _resource(cluster, key)
    options = WriteOptions(
        dry_run=False, manager=actor.manager, force=False, validation=FieldValidation.IGNORE
    )
    meta = obj["metadata"]
    place = (resource.versions[0], meta.get("namespace", ""), meta.get("name", ""))
    return Write(cluster, resource, *place, options, user=actor.user)
