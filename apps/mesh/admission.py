"""What a cluster makes of a workload that is written: Speedscale's operator adds its sidecar to the template
of one that asks for it, and pods follow their template.

The operator's source is not public: that it acts on every write of a workload, whatever changes, is how its
webhook is registered (operator-helm, admission.yaml). Pods are taken to be replaced with what the template
gained and without what it lost; what Istio's injector would add to new ones is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.mesh.capture import SUPPORTED_KINDS, capture
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.registry import POD_GROUPS_KIND
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.reports import CaptureCause, SpeedscaleInstall
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import acting, installs
from apps.mesh.speedscalepods import INJECTED, SIDECAR_NAME

CONTAINERS = ("containers", "initContainers")


def written(before: Snapshot, after: Snapshot, ref: ResourceRef) -> Iterator[Manifest]:
    """The manifests that follow from a workload being written: the workload itself, and its pods."""
    workload = after.get(ref)
    manifest = after.manifest(ref)
    if not isinstance(workload, Workload) or manifest is None or ref.kind not in SUPPORTED_KINDS:
        return
    made = manifest
    operator = operator_of(after, workload)
    if operator is not None and capture(after, workload).cause is CaptureCause.NOT_INJECTED:
        made = _with_sidecar(manifest, operator.version)
        yield made
    pods = after.manifest(ResourceRef(POD_GROUPS_KIND, ref.namespace, f"{ref.kind.lower()}.{ref.name}"))
    old, new = _template(before.manifest(ref) or {}), _template(made)
    if pods is not None and any(_names(old, key) != _names(new, key) for key in CONTAINERS):
        yield {**pods, "groups": [_followed(group, old, new) for group in _items(pods, "groups")]}


def operator_of(snapshot: Snapshot, workload: Workload) -> SpeedscaleInstall | None:
    """The installation whose operator sees the workload being written; a namespaced one has no operator."""
    install = acting(snapshot.derived(installs), workload.namespace)
    return install if install is not None and install.kind == "classic" else None


def _with_sidecar(manifest: Manifest, version: str) -> dict[str, Any]:
    """With all that others look for in an injected template: the container, and the label. The sidecar is
    as old as the operator that adds it."""
    image = f"gcr.io/speedscale/goproxy:v{version}" if version else "gcr.io/speedscale/goproxy"
    spec, template = _child(manifest, "spec"), _template(manifest)
    metadata, inside = _child(template, "metadata"), _child(template, "spec")
    template = {
        **template,
        "metadata": {**metadata, "labels": {**_child(metadata, "labels"), INJECTED: "true"}},
        "spec": {
            **inside,
            "containers": [*_items(inside, "containers"), {"name": SIDECAR_NAME, "image": image}],
        },
    }
    return {**manifest, "spec": {**spec, "template": template}}


def _followed(group: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The pods of a group with what the template gained, without the containers it lost."""
    labels = {k: v for k, v in _labels(new).items() if k not in _labels(old)}
    followed = {**group, "labels": {**_child(group, "labels"), **labels}}
    for key in CONTAINERS:
        known = _items(group, key)
        gone, there = _names(old, key) - _names(new, key), {_name(item) for item in known}
        gained = [
            {"name": _name(item), "image": str(item.get("image") or "")}
            for item in _items(_child(new, "spec"), key)
            if _name(item) and _name(item) not in there
        ]
        followed[key] = [*(item for item in known if _name(item) not in gone), *gained]
    return followed


def _names(template: Mapping[str, Any], key: str) -> frozenset[str]:
    return frozenset(_name(item) for item in _items(_child(template, "spec"), key))


def _name(container: Mapping[str, Any]) -> str:
    return str(container.get("name") or "")


def _labels(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return _child(_child(template, "metadata"), "labels")


def _template(manifest: Manifest) -> Mapping[str, Any]:
    return _child(_child(manifest, "spec"), "template")


def _child(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _items(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
