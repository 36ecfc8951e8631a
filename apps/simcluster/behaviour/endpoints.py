"""The controllers of Endpoints and EndpointSlices: what a Service leads to, kept up with its pods.

Must not know why pods come and go.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import terminating
from apps.simcluster.behaviour.runtime import NODES, PODS, Runtime
from apps.simcluster.schema import Json
from apps.simcluster.shapes.endpoints import (
    MANAGED_BY,
    MANAGER,
    SERVICE_NAME,
    ZONE,
    Backing,
    endpoints_labels,
    selects,
    slice_labels,
    slices,
    subsets,
)
from apps.simcluster.shapes.meta import owner_reference
from apps.simcluster.store import Event

SERVICES = "services"
ENDPOINTS = "endpoints"
SLICES = "endpointslices.discovery.k8s.io"


class _Spec(msgspec.Struct):
    selector: dict[str, str] | None = None


class _Head(msgspec.Struct):
    spec: _Spec


def concerned(run: Runtime, key: str, event: Event) -> Iterator[Work]:
    """The Services whose endpoints a change may be about."""
    stored = event.after or event.before
    if stored is None:
        return
    if key == SERVICES and event.after is None:
        yield Work(SERVICES, stored.namespace, stored.name)  # a living one is looked at as every object
    elif key == ENDPOINTS and event.after is None:
        yield Work(SERVICES, stored.namespace, stored.name)
    elif key == SLICES and event.after is None and SERVICE_NAME in stored.labels:
        yield Work(SERVICES, stored.namespace, stored.labels[SERVICE_NAME])
    elif key == PODS:
        labels = [item.labels for item in (event.before, event.after) if item]
        for service in run.index.of(SERVICES, stored.namespace):
            wanted = _selector(service.body).items()
            if wanted and any(wanted <= found.items() for found in labels):
                yield Work(SERVICES, stored.namespace, service.name)


@lru_cache(maxsize=4_096)
def _selector(service: bytes) -> Mapping[str, str]:
    """The selector in the JSON of a Service; every change of a pod asks for those of its namespace."""
    try:
        return msgspec.json.decode(service, type=_Head).spec.selector or {}
    except msgspec.ValidationError:
        return {}


def sync(run: Runtime, work: Work) -> None:
    """Bring the Endpoints and the slices of one Service up to date."""
    service = run.get(work)
    if service is None:
        stored = run.index.get(ENDPOINTS, work.namespace, work.name)
        if stored is not None:
            actors.discard(run, actors.ENDPOINTS, ENDPOINTS, stored.object())
        return
    space = run.index.get("namespaces", "", work.namespace)
    if terminating(service) or not selects(service) or (space and space.deleted_at):
        return
    wanted = service["spec"]["selector"].items()
    pods = (item for item in run.index.of(PODS, work.namespace) if wanted <= item.labels.items())
    zones = {node.name: node.labels.get(ZONE, "") for node in run.index.of(NODES)}
    backing = Backing(service, [item.object() for item in pods], zones)
    _endpoints(run, work, backing)
    _slices(run, work, backing)
    run.queue.succeeded(work)


def _endpoints(run: Runtime, work: Work, backing: Backing) -> None:
    content: Json = {"subsets": subsets(backing)}
    stored = run.index.get(ENDPOINTS, work.namespace, work.name)
    labels = endpoints_labels(backing.service)
    if stored is None:
        meta = {"name": work.name, "namespace": work.namespace, "labels": labels}
        actors.make(run, actors.ENDPOINTS, ENDPOINTS, {"metadata": meta, **content})
        return
    _change(run, actors.ENDPOINTS, ENDPOINTS, stored.object(), labels, content)


def _change(run: Runtime, actor: actors.Actor, key: str, before: Json, labels: Json, content: Json) -> None:
    said = {name: before.get(name) or [] for name in content if name != "addressType"}
    same = said == {name: value for name, value in content.items() if name != "addressType"}
    if not same or (before["metadata"].get("labels") or {}) != labels:
        meta = {**before["metadata"], "labels": labels}
        actors.change(run, actor, key, before, {**before, "metadata": meta, **content})


def _slices(run: Runtime, work: Work, backing: Backing) -> None:
    """Change what is there as little as may be: a slice keeps its ports, and what is left over goes."""
    known = [
        item.object()
        for item in sorted(run.index.of(SLICES, work.namespace), key=lambda item: item.name)
        if item.labels.get(SERVICE_NAME) == work.name and item.labels.get(MANAGED_BY) == MANAGER
    ]
    labels, missing = slice_labels(backing.service), []
    for content in slices(backing):
        fitting = next((item for item in known if (item.get("ports") or []) == content["ports"]), None)
        if fitting is None:
            missing.append(content)
            continue
        known.remove(fitting)
        _change(run, actors.SLICES, SLICES, fitting, labels, content)
    for content in missing:
        if known:
            _change(run, actors.SLICES, SLICES, known.pop(0), labels, content)
        else:
            actors.make(run, actors.SLICES, SLICES, {"metadata": _meta(work, backing, labels), **content})
    for item in known:
        actors.discard(run, actors.SLICES, SLICES, item)


def _meta(work: Work, backing: Backing, labels: Json) -> Json:
    owner = {"apiVersion": "v1", "kind": "Service", **backing.service}
    return {
        "generateName": f"{work.name}-",
        "namespace": work.namespace,
        "labels": labels,
        "ownerReferences": [owner_reference(owner)],
    }
