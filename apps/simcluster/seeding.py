"""Fills an empty store with a scenario's objects as if each had been written by its owner.

Defaults, identity and managedFields are added where a manifest has none. It checks nothing else: a scenario
may hold what a server would refuse today.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from apps.simcluster.bodies import tidy
from apps.simcluster.cluster import Cluster
from apps.simcluster.collector import paused
from apps.simcluster.defaults import fill, on_create
from apps.simcluster.kinds import Resource, group_version
from apps.simcluster.ownership import METADATA_NOISE, Manager, Operation, entries
from apps.simcluster.schema import Json
from apps.simcluster.shapes.meta import stable_uuid
from apps.simcluster.stated import StatedFields

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
    seeding = _Seeding(cluster, writers or {})
    with paused(), cluster.store.batch():
        for manifest in ranked:
            seeding.write(manifest)
        _add_namespaces(seeding)
    return len(ranked)


def _rank(kind: str) -> int:
    return FIRST_KINDS.index(kind) if kind in FIRST_KINDS else len(FIRST_KINDS)


@dataclass(frozen=True, slots=True)
class _Seeding:
    """One filling of one store: what many objects have in common is looked up and worked out once."""

    cluster: Cluster
    writers: Writers
    kinds: dict[tuple[str, str], Resource] = field(default_factory=dict)
    stated: StatedFields = field(default_factory=StatedFields)

    def write(self, manifest: Json) -> None:
        group, version = group_version(manifest.get("apiVersion", ""))
        kind = manifest.get("kind", "")
        resource = self._resource(group, kind)
        if resource is None or version not in resource.versions:
            raise SeedError(f"{self.cluster.name} serves no {kind} in {manifest.get('apiVersion')}.")
        obj = tidy(msgspec.json.decode(msgspec.json.encode(manifest)), custom=resource.custom)
        obj = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
        meta = obj["metadata"]
        if resource.namespaced:
            meta.setdefault("namespace", "default")
        if "uid" not in meta:
            meta["uid"] = _stable_uid(self.cluster, resource, meta)
        meta.setdefault("creationTimestamp", self.cluster.timestamp())
        if resource.counts_generation:
            meta.setdefault("generation", 1)
        fill(group, kind, obj)
        if "managedFields" not in meta:
            writer = self.writers.get((kind, meta.get("namespace", ""), meta["name"]))
            meta["managedFields"] = self._entries(resource, version, obj, writer)
        if not resource.custom:
            on_create(group, kind, obj)
        self.cluster.store.put(resource.key, obj)

    def _resource(self, group: str, kind: str) -> Resource | None:
        found = self.kinds.get((group, kind)) or self.cluster.by_kind(group, kind)
        if found is not None:
            self.kinds[group, kind] = found  # definitions come first, so it stays what it is
        return found

    def _entries(self, resource: Resource, version: str, obj: Json, writer: Writer | None) -> list[Json]:
        """`managedFields`: the writer owns everything, and a controller the status where it is apart."""
        name = writer.name if writer else DEFAULT_MANAGER
        operation = Operation(writer.operation) if writer else Operation.UPDATE
        api_version, time = resource.api_version(version), obj["metadata"]["creationTimestamp"]
        fields = self.stated.tree(obj, resource.schema, frozenset(METADATA_NOISE))
        status = fields.pop("f:status", None)
        stated = [(Manager(name, operation, api_version), time, fields)] if fields else []
        if resource.has_status and status is not None:
            keeper = STATUS_MANAGERS.get(resource.kind, STATUS_MANAGER)
            manager = Manager(keeper, Operation.UPDATE, api_version, "status")
            stated.append((manager, time, {"f:status": status}))
        return entries(stated)


def _stable_uid(cluster: Cluster, resource: Resource, meta: Json) -> str:
    return stable_uuid(f"{cluster.name}/{resource.key}/{meta.get('namespace', '')}/{meta['name']}")


def _add_namespaces(seeding: _Seeding) -> None:
    """Namespaces that objects name and nobody stated."""
    store = seeding.cluster.store
    named = {item.namespace for resource in seeding.cluster.resources() for item in store.each(resource.key)}
    known = {item.name for item in store.each("namespaces")}
    for name in sorted(named - known - {""}):
        seeding.write({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
