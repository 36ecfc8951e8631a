"""Creating and replacing objects: what a write may do to metadata, status, generation and ownership.

The common road of POST, PUT, patches and applies to the store. Bodies come decoded; answers are plain
objects.
"""

import secrets
from typing import Any

import msgspec

from apps.simcluster import admission
from apps.simcluster.bodies import tidy
from apps.simcluster.comparing import compare
from apps.simcluster.core_validation import core_causes, template_warnings, update_causes
from apps.simcluster.defaults import complete, on_create
from apps.simcluster.errors import (
    Cause,
    CauseType,
    already_exists,
    internal,
    invalid,
    quoted,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.ownership import Operation, Owners, after_update, entries_of, owners_of
from apps.simcluster.schema import Json
from apps.simcluster.validation import custom_causes
from apps.simcluster.writes import Write, Written, check_version, require_namespace

_NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
MAX_ETCD_BYTES = 1_572_864


def create(write: Write, obj: Json, owners: Owners | None = None, warnings: tuple[str, ...] = ()) -> Written:
    """Store a new object; `owners` are given by an apply, otherwise the manager owns what it states."""
    resource, cluster = write.resource, write.cluster
    meta = obj["metadata"]
    require_namespace(write, meta.get("name", ""))
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + "".join(
            secrets.choice(_NAME_ALPHABET) for _ in range(_SUFFIX_LENGTH)
        )
    asked_version = meta.pop("resourceVersion", None) if owners is None else None
    stated_owners = meta.pop("managedFields", None)
    _stamp_new(write, obj)
    complete(resource, obj)
    if resource.has_status and (resource.custom or resource.kind != "Pod"):
        obj.pop("status", None)
        complete(resource, obj)
    if owners is None:
        change = compare({}, obj, resource.schema)
        owners = after_update(
            owners_of(stated_owners),
            change,
            write.manager(Operation.UPDATE),
            cluster.timestamp(),
            write.reset,
        )
        _own_namespace_label(write, owners)
    if not resource.custom and meta.get("name"):
        on_create(resource.group, resource.kind, obj)
    _set_owners(obj, owners)
    obj, told = _mutate(write, obj, None)
    meta = obj["metadata"]
    _validate(write, obj)
    warnings = (*warnings, *told, *admission.validate(write, obj, None))
    with cluster.store.lock:
        existing = cluster.store.get(resource.key, write.namespace, meta["name"])
        if existing is not None:
            terminating = "deletionTimestamp" in existing["metadata"]
            raise already_exists(resource.target(meta["name"]), terminating=terminating)
        if asked_version:
            raise internal("resourceVersion should not be set on objects to be created")
        return Written(_save(write, obj), (*warnings, *_pod_warnings(resource, obj)), created=True)


def _mutate(write: Write, obj: Json, before: Json | None) -> tuple[Json, tuple[str, ...]]:
    """What mutating webhooks make of the object: with defaults, and owned by nobody."""
    obj, warnings = admission.mutate(write, obj, before)
    complete(write.resource, obj)
    return obj, warnings


def _stamp_new(write: Write, obj: Json) -> None:
    meta = obj["metadata"]
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        meta.pop(name, None)
    meta["uid"] = write.cluster.new_uid()
    meta["creationTimestamp"] = write.cluster.timestamp()
    if write.resource.counts_generation:
        meta["generation"] = 1


def _own_namespace_label(write: Write, owners: Owners) -> None:
    """The name label of a namespace is set before ownership is recorded: its creator owns it."""
    if write.resource.key != "namespaces":
        return
    labels = ("f:metadata", "f:labels")
    manager = write.manager(Operation.UPDATE)
    paths = frozenset({labels, (*labels, "f:kubernetes.io/metadata.name")})
    change = compare({}, {}, write.resource.schema)
    change = type(change)(paths, change.modified, change.removed)
    owners.update(after_update(owners, change, manager, write.cluster.timestamp(), ()))


def _set_owners(obj: Json, owners: Owners) -> None:
    entries = entries_of(owners)
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _pod_warnings(resource: Resource, obj: Json) -> list[str]:
    return [] if resource.custom else template_warnings(resource.kind, obj)


def _validate(write: Write, obj: Json, before: Json | None = None) -> None:
    resource = write.resource
    causes: list[Cause] = []
    if before is not None:
        causes += _metadata_moves(before["metadata"], obj["metadata"])
    if resource.custom:
        causes += custom_causes(obj, resource.schema, before)
    else:
        causes += core_causes(resource.kind, obj)
    if before is not None and not causes and not resource.custom:
        causes += update_causes(resource.kind, before, obj)
    if causes:
        raise invalid(resource.target(obj["metadata"].get("name", "")), causes)


def _metadata_moves(before: Json, after: Json) -> list[Cause]:
    """Identity may not change, and nothing gains a finalizer while it is deleted. The server says each
    twice.
    """
    causes = []
    if after.get("uid") != before["uid"]:
        text = f"Invalid value: {quoted(after.get('uid'))}: field is immutable"
        causes += [Cause(CauseType.INVALID, "metadata.uid", text)] * 2
    added = [name for name in after.get("finalizers") or () if name not in (before.get("finalizers") or ())]
    if "deletionTimestamp" in before and added:
        shown = "[]string{" + ", ".join(quoted(name) for name in added) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
        causes += [Cause(CauseType.FORBIDDEN, "metadata.finalizers", f"Forbidden: {why}")] * 2
    return causes


def _save(write: Write, obj: Json) -> Json:
    if write.options.dry_run:
        return obj
    if len(msgspec.json.encode(obj)) > MAX_ETCD_BYTES:
        raise internal("etcdserver: request is too large")
    return write.cluster.store.put(write.resource.key, obj).object()


def replace(write: Write, before: Json, after: Json, owners: Owners | None = None) -> Written:
    """Store `after` in place of `before` (both without type). Call with the store's lock held.

    `owners` are given by an apply. Nothing is written when nothing changed.
    """
    resource = write.resource
    check_version(write, before, after)
    after = _carried_over(write, before, tidy(dict(after), custom=resource.custom))
    complete(resource, after)
    if owners is None:
        owners = _owners_after_update(write, before, after)
    _set_owners(after, owners)
    after, told = _mutate(write, after, before)
    moved = _spec_moved(before, after, annotations=resource.key == "deployments.apps")
    if resource.counts_generation and write.subresource != "status" and moved:
        after["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
    _validate(write, after, before)
    told = (*told, *admission.validate(write, after, before))
    if _same(before, after):
        return Written(before, told)
    if "deletionTimestamp" in after["metadata"] and not after["metadata"].get("finalizers"):
        return Written(_remove(write, after), told)
    return Written(_save(write, after), (*told, *_pod_warnings(resource, after)))


def _carried_over(write: Write, before: Json, after: Json) -> Json:
    """What this endpoint may not change stays as it was."""
    old, meta = before["metadata"], after["metadata"]
    meta.setdefault("uid", old["uid"])
    for name in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        meta.pop(name, None)
        if name in old:
            meta[name] = old[name]
    meta["resourceVersion"] = old["resourceVersion"]
    if write.subresource == "status":
        given = meta.get("managedFields")
        kept = {**before, "metadata": dict(old), "status": after.get("status")}
        if given is not None:
            kept["metadata"]["managedFields"] = given
        return {name: value for name, value in kept.items() if value is not None}
    if write.resource.has_status:
        after.pop("status", None)
        if "status" in before:
            after["status"] = before["status"]
    return after


def _owners_after_update(write: Write, before: Json, after: Json) -> Owners:
    given = after["metadata"].get("managedFields")
    if given == [{}]:
        return {}
    owners = owners_of(given) or owners_of(before["metadata"].get("managedFields"))
    if not owners:
        return {}
    change = compare(before, after, write.resource.schema)
    manager = write.manager(Operation.UPDATE)
    return after_update(owners, change, manager, write.cluster.timestamp(), write.reset)


def _spec_moved(before: Json, after: Json, *, annotations: bool) -> bool:
    ignored = ("metadata", "status", "apiVersion", "kind")
    names = {name for name in (*before, *after) if name not in ignored}
    if annotations and before["metadata"].get("annotations") != after["metadata"].get("annotations"):
        return True
    return any(before.get(name) != after.get(name) for name in names)


def _same(before: Json, after: Json) -> bool:
    """Equal but for the times in managedFields."""
    return _timeless(before) == _timeless(after)


def _timeless(obj: Json) -> dict[str, Any]:
    meta = dict(obj["metadata"])
    owners = owners_of(meta.pop("managedFields", None))
    meta["managedFields"] = {identity: owner.fields for identity, owner in owners.items()}
    return {**{k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}, "metadata": meta}


def _remove(write: Write, after: Json) -> Json:
    if not write.options.dry_run:
        write.cluster.store.remove(write.resource.key, write.namespace, write.name)
    return after
