"""Fills an empty store with a scenario's objects as if each had been written by its owner.

Defaults, identity and managedFields are added where a manifest has none. It checks nothing else: a scenario
may
hold what a server would refuse today.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from apps.simcluster.bodies import tidy
from apps.simcluster.cluster import Cluster
from apps.simcluster.comparing import compare
from apps.simcluster.defaults import fill, on_create
from apps.simcluster.kinds import Resource, group_version
from apps.simcluster.ownership import Manager, Operation, Owners, Ownership, entries_of, tracked
from apps.simcluster.schema import Json

FIRST_KINDS = ("CustomResourceDefinition", "Namespace")
STATUS_MANAGERS = {"Pod": "kubelet", "Node": "kubelet"}
STATUS_MANAGER = "kube-controller-manager"
DEFAULT_MANAGER = "kubectl-client-side-apply"


class SeedError(Exception):
    """A manifest that cannot be seeded; says which and why."""


class Writer(Protocol):
    """Who wrote an object: the scenario's field manager."""

    @property
    def name(self) -> str: ...

    @property
    def operation(self) -> str: ...


Writers = Mapping[tuple[str, str, str], Writer]


def seed(cluster: Cluster, manifests: Iterable[Json], writers: Writers | None = None) -> int:
    """Write all manifests in one transaction; returns how many. `writers` are by (kind, namespace, name)."""
    ranked = sorted(manifests, key=lambda obj: _rank(obj.get("kind", "")))
    with cluster.store.batch():
        for manifest in ranked:
            _seed_one(cluster, manifest, writers or {})
        _add_namespaces(cluster)
    return len(ranked)


def _rank(kind: str) -> int:
    return FIRST_KINDS.index(kind) if kind in FIRST_KINDS else len(FIRST_KINDS)


def _seed_one(cluster: Cluster, manifest: Json, writers: Writers) -> None:
    group, version = group_version(manifest.get("apiVersion", ""))
    kind = manifest.get("kind", "")
    resource = cluster.by_kind(group, kind)
    if resource is None or version not in resource.versions:
        raise SeedError(f"{cluster.name} serves no {kind} in {manifest.get('apiVersion')}.")
    obj = tidy(msgspec.json.decode(msgspec.json.encode(manifest)), custom=resource.custom)
    obj = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    meta = obj["metadata"]
    if resource.namespaced:
        meta.setdefault("namespace", "default")
    meta.setdefault("uid", _stable_uid(cluster, resource, meta))
    meta.setdefault("creationTimestamp", cluster.timestamp())
    if resource.counts_generation:
        meta.setdefault("generation", 1)
    fill(group, kind, obj)
    if "managedFields" not in meta:
        writer = writers.get((kind, meta.get("namespace", ""), meta["name"]))
        meta["managedFields"] = entries_of(_owners(resource, version, obj, writer))
    if not resource.custom:
        on_create(group, kind, obj)
    cluster.store.put(resource.key, obj)


def _stable_uid(cluster: Cluster, resource: Resource, meta: Json) -> str:
    path = f"{cluster.name}/{resource.key}/{meta.get('namespace', '')}/{meta['name']}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path))


def _owners(resource: Resource, version: str, obj: Json, writer: Writer | None) -> Owners:
    name = writer.name if writer else DEFAULT_MANAGER
    operation = Operation(writer.operation) if writer else Operation.UPDATE
    api_version = resource.api_version(version)
    added = compare({}, obj, resource.schema).added
    time = obj["metadata"]["creationTimestamp"]
    manager = Manager(name, operation, api_version)
    owners: Owners = {manager.identity: Ownership(manager, tracked(added, ("status",)), time)}
    status = tracked(added, [top for top in obj if top != "status"])
    if resource.has_status and status:
        keeper = Manager(
            STATUS_MANAGERS.get(resource.kind, STATUS_MANAGER), Operation.UPDATE, api_version, "status"
        )
        owners[keeper.identity] = Ownership(keeper, status, time)
    return owners


def _add_namespaces(cluster: Cluster) -> None:
    """Namespaces that objects name and nobody stated."""
    named = {item.namespace for resource in cluster.resources() for item in cluster.store.each(resource.key)}
    known = {item.name for item in cluster.store.each("namespaces")}
    for name in sorted(named - known - {""}):
        _seed_one(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, {})
