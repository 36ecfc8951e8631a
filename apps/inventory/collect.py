"""Reads a cluster through its gateway: page by page, trimmed while decoding, pods folded as they come.

What is forbidden or cannot be read becomes a gap, not a failure; no answer, a refused credential or an
overloaded server ends the collection (GatewayError), and what was known before stays. Touches no
database; memory follows workloads, not pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.clusters import rbac
from apps.clusters.gateway import (
    ClusterGateway,
    ExpiredListError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Resource,
    TooLargeError,
)
from apps.inventory.kinds import BY_NAME, GROUPS, KINDS, Kind
from apps.inventory.pods import PodCounter
from apps.inventory.trimmed import LAST_APPLIED, without_values
from apps.mesh.parsing.folding import PodFolder
from apps.mesh.snapshot import Gap

REVISION_LABEL = "istio.io/rev"
ATTEMPTS = 2
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Collected:
    """An object: `manifest` is what its hash is taken of, `meta` what moves without it (uid; for kinds
    that can be edited resourceVersion, generation and the owners of fields)."""

    manifest: dict[str, Any]
    meta: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collection:
    """Everything read at one time. `served`: group → versions, preferred first. `read` counts objects,
    every pod among them."""

    objects: tuple[Collected, ...]
    gaps: tuple[Gap, ...]
    served: dict[str, list[str]]
    read: int


def _silent(_step: str, _objects: int) -> None:
    """Nobody watches."""


def collect(gateway: ClusterGateway, *, progress: Progress = _silent) -> Collection:
    """Reads every kind. `progress` is told the step ("Pods, page 3") and the objects so far.
    Raises GatewayError when the cluster does not answer as it should."""
    resources = gateway.resources(GROUPS)
    found = _Found(gateway, progress)
    for kind in KINDS:
        resource = _serving(resources, kind)
        if resource is not None:
            found.read_kind(kind, resource)
    served: dict[str, list[str]] = {}
    for item in resources:
        versions = served.setdefault(item.group, [])
        if item.version not in versions:
            versions.append(item.version)
    return Collection(tuple(found.objects), tuple(found.gaps), served, found.read)


class _Found:
    """What was read so far."""

    def __init__(self, gateway: ClusterGateway, progress: Progress) -> None:
        self._gateway = gateway
        self._progress = progress
        self.objects: list[Collected] = []
        self.gaps: list[Gap] = []
        self.read = 0

    def read_kind(self, kind: Kind, resource: Resource) -> None:
        """All objects of a kind, or a gap that says why not."""
        try:
            self.objects.extend(self._once_more(kind, resource))
        except (ForbiddenError, NotFoundError, TooLargeError, InvalidError) as refusal:
            self.gaps.append(Gap(kind.kind, "", refusal.message))

    def _once_more(self, kind: Kind, resource: Resource) -> list[Collected]:
        """A list that grew too old in the middle is read again from its beginning."""
        before = self.read
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._objects_of(kind, resource)
            except ExpiredListError:
                self.read = before
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _objects_of(self, kind: Kind, resource: Resource) -> list[Collected]:
        if kind.kind == "Pod":
            return self._pods(kind, resource)
        if kind.by_name:
            names = config_map_names(self.objects)
            found = (self._items(kind, resource, f"metadata.name={name}") for name in names)
            wanted = frozenset(names)
            return [
                _trimmed(kind, resource, item)
                for items in found
                for item in items
                if item.get("metadata", {}).get("name") in wanted
            ]
        return [_collected(kind, resource, item) for item in self._items(kind, resource) if _kept(kind, item)]

    def _pods(self, kind: Kind, resource: Resource) -> list[Collected]:
        folder = PodFolder()
        for manifest in (c.manifest for c in self.objects if c.manifest["kind"] == "Job"):
            folder.add_owner(manifest)
        counter = PodCounter()
        for pod in self._items(kind, resource):
            counter.add(pod)
        counter.fold(folder)
        return [Collected(manifest, {}) for manifest in folder.manifests()]

    def _items(self, kind: Kind, resource: Resource, selector: str = "") -> Iterator[Any]:
        pages = self._gateway.pages(resource, kind.item_type, limit=kind.limit, field_selector=selector)
        for number, page in enumerate(pages, start=1):
            self.read += len(page.items)
            self._progress(f"{kind.kind}, page {number}", self.read)
            yield from page.items


def as_kept(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest of one object as a reading would keep it; None for a kind that is not read."""
    kind = BY_NAME.get(str(manifest.get("kind") or ""))
    if kind is None:
        return None
    if kind.whole:
        return {key: value for key, value in manifest.items() if key != "status"}
    kept = msgspec.convert(dict(manifest), kind.item_type)
    return without_values(kept) if kind.workload else kept


def config_map_names(objects: Iterable[Collected]) -> tuple[str, ...]:
    """The ConfigMaps worth asking for: of every Istio revision that webhooks or istiods name, the
    shared one an istiod is told to read, and Speedscale's."""
    revisions: set[str] = set()
    shared: set[str] = set()
    for item in objects:
        manifest = item.manifest
        labels = manifest["metadata"].get("labels") or {}
        if manifest["kind"] == "MutatingWebhookConfiguration" or labels.get("app") == "istiod":
            revisions.add(labels.get(REVISION_LABEL) or "")
        if labels.get("app") == "istiod":
            shared.update(_shared_names(manifest))
    endings = {"" if revision in {"", "default"} else f"-{revision}" for revision in revisions} | {""}
    istio = {
        f"{name}{ending}"
        for name in (*rbac.ISTIO_CONFIG_MAPS, "istio-sidecar-injector")
        for ending in endings
    }
    return tuple(sorted(istio | shared | set(rbac.SPEEDSCALE_CONFIG_MAPS)))


def _shared_names(manifest: dict[str, Any]) -> Iterator[str]:
    template = ((manifest.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in template.get("containers") or ():
        for variable in container.get("env") or ():
            if variable.get("name") == "SHARED_MESH_CONFIG" and variable.get("value"):
                yield variable["value"]


def _serving(resources: Iterable[Resource], kind: Kind) -> Resource | None:
    """The resource in the version that the server prefers."""
    for resource in resources:
        if (resource.group, resource.plural) == (kind.group, kind.plural):
            return resource
    return None


def _kept(kind: Kind, item: dict[str, Any]) -> bool:
    if not kind.groups_kept:
        return True
    group = (item.get("spec") or {}).get("group") or ""
    return any(group == end or group.endswith(f".{end}") for end in kind.groups_kept)


def _collected(kind: Kind, resource: Resource, item: dict[str, Any]) -> Collected:
    return _whole(kind, resource, item) if kind.whole else _trimmed(kind, resource, item)


def _trimmed(kind: Kind, resource: Resource, item: dict[str, Any]) -> Collected:
    metadata = item.setdefault("metadata", {})
    uid = metadata.pop("uid", "")
    annotations = metadata.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        del annotations[LAST_APPLIED]
    manifest = {"apiVersion": resource.api_version, "kind": kind.served_as, **item}
    if kind.workload:
        without_values(manifest)
    return Collected(manifest, {"uid": uid} if uid else {})


def _whole(kind: Kind, resource: Resource, item: dict[str, Any]) -> Collected:
    metadata = item.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    owners = metadata.pop("managedFields", None)
    meta: dict[str, Any] = {
        key: metadata.pop(key) for key in ("uid", "resourceVersion", "generation") if key in metadata
    }
    meta["managedFields"] = [_owner(entry) for entry in owners or () if isinstance(entry, dict)]
    metadata.pop("selfLink", None)
    body = {
        key: value for key, value in item.items() if key not in {"status", "metadata", "apiVersion", "kind"}
    }
    manifest = {"apiVersion": resource.api_version, "kind": kind.served_as, "metadata": metadata, **body}
    return Collected(manifest, meta)


def _owner(entry: dict[str, Any]) -> dict[str, Any]:
    """A manager and its fields, without the time: that moves although nothing else does."""
    return {
        "manager": str(entry.get("manager") or ""),
        "operation": str(entry.get("operation") or ""),
        "subresource": str(entry.get("subresource") or ""),
        "fieldsV1": entry.get("fieldsV1") or {},
    }
