"""The manifests that set the outbound traffic policy to REGISTRY_ONLY: of a control plane, or of a namespace.

As little as it takes: of a control plane its MeshConfig says so; of a namespace every Sidecar in force there
that does not say so yet, and, for workloads without one of the namespace's own, a new one that imports what
they import now. Knows nothing of which hosts that blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.egress.case import Policy
from apps.mesh.meshconfig import (
    DEFAULT_REVISION,
    MESH_KEY,
    REGISTRY_ONLY,
    REVISION_LABEL,
    ControlPlane,
    control_planes,
)
from apps.mesh.objects.config import ConfigMap
from apps.mesh.objects.networking import Sidecar
from apps.mesh.parsing.yamltext import documents
from apps.mesh.patches import ManifestPatch, created, to_yaml, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot

FIELD = "outboundTrafficPolicy"
EVERYTHING: Mapping[str, Any] = {"egress": [{"hosts": ["*/*"]}]}
"""What a workload without a Sidecar imports."""


class SwitchError(ValueError):
    """Nothing can be switched; the message is a sentence that says why, `field` what was asked wrong."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Choice:
    """What is switched: the mesh of a control plane (`namespace/revision`), or one namespace. One of the two
    is given."""

    plane: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        return f"namespace {self.namespace}" if self.namespace else f"control plane {self.plane}"


@dataclass(frozen=True, slots=True)
class Switch:
    """`patches` lay it over the snapshot; `notes` say what it cannot be laid over, and why."""

    patches: tuple[ManifestPatch, ...]
    notes: tuple[str, ...] = ()


def plane_name(plane: ControlPlane) -> str:
    """How a choice names a control plane."""
    return f"{plane.namespace}/{plane.revision}"


def switch(snapshot: Snapshot, choice: Choice) -> Switch:
    """Raises SwitchError for a control plane that is not there, a namespace without workloads, and the root
    namespace, whose Sidecar is everybody's."""
    if choice.namespace:
        return _of_namespace(snapshot, choice.namespace)
    for plane in control_planes(snapshot):
        if plane_name(plane) == choice.plane:
            return _of_mesh(snapshot, plane)
    known = ", ".join(plane_name(plane) for plane in control_planes(snapshot)) or "none"
    raise SwitchError(f"There is no control plane {choice.plane}; known: {known}.", "plane")


def _of_mesh(snapshot: Snapshot, plane: ControlPlane) -> Switch:
    if plane.config.outbound is None:
        why = plane.config.unread[0] if plane.config.unread else "It is not known."
        return Switch((), (f"MeshConfig of {plane_name(plane)} is not known, so nothing is switched. {why}",))
    if Policy(plane.config.outbound).registry_only:
        return Switch((), (f"MeshConfig of {plane_name(plane)} is REGISTRY_ONLY already.",))
    name = "istio" if plane.revision == DEFAULT_REVISION else f"istio-{plane.revision}"
    ref = plane.config_map or ResourceRef("ConfigMap", plane.namespace, name)
    before = snapshot.manifest(ref)
    known = before.get("data") if before is not None else None
    data = dict(known) if isinstance(known, Mapping) else {}
    there = snapshot.get(ref)
    data[MESH_KEY] = _closed(there.data.get(MESH_KEY, "") if isinstance(there, ConfigMap) else "")
    if before is not None:
        return Switch((updated(before, {**before, "data": data}),))
    place = {"name": ref.name, "namespace": ref.namespace}
    return Switch((created({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": data}),))


def _closed(text: str) -> str:
    """MeshConfig with the mode, whichever of proto's two spellings the field has; the rest as it was."""
    found = next(documents(text), None)
    value = found[0] if found is not None and isinstance(found[0], Mapping) else {}
    policy: Mapping[str, Any] = {}
    kept = {}
    for key, item in value.items():
        if key in {FIELD, "outbound_traffic_policy"}:
            policy = item if isinstance(item, Mapping) else policy
        else:
            kept[key] = item
    return to_yaml({**kept, FIELD: {**policy, "mode": REGISTRY_ONLY}})


def _of_namespace(snapshot: Snapshot, namespace: str) -> Switch:
    engine = snapshot.derived(EgressEngine)
    scopes = [scope for scope in engine.scopes() if scope.namespace == namespace]
    if not scopes:
        raise SwitchError(f"There is no workload in namespace {namespace}.", "namespace")
    own: dict[ResourceRef, None] = {}
    lacking: dict[str, tuple[ControlPlane, Manifest]] = {}
    notes: list[str] = []
    for scope, plane, policy in _open(engine, scopes):
        if namespace == plane.config.root_namespace:
            raise SwitchError(
                f"{namespace} is the root namespace of its mesh: a Sidecar there holds for every namespace "
                f"without one of its own. Ask about the control plane {plane_name(plane)} instead.",
                "namespace",
            )
        if scope.sidecar is not None and scope.sidecar.namespace == namespace:
            own[scope.sidecar] = None
        elif policy.outbound is None:
            why = plane.config.unread[0] if plane.config.unread else "Its MeshConfig is not known."
            notes.append(f"{scope.label}: which Sidecar is in force is not known. {why}")
        else:
            lacking[plane_name(plane)] = (plane, _spec(snapshot, scope.sidecar))
    updates = (_updated(snapshot, ref) for ref in own)
    return Switch((*updates, *_new(snapshot, namespace, lacking.values())), tuple(notes))


def _open(
    engine: EgressEngine, scopes: Iterable[EgressScope]
) -> Iterable[tuple[EgressScope, ControlPlane, Policy]]:
    """The governed scopes whose policy is not REGISTRY_ONLY."""
    for scope in scopes:
        plane, policy = engine.plane_of(scope), engine.policy(scope)
        if plane is not None and policy is not None and not policy.registry_only:
            yield scope, plane, policy


def _spec(snapshot: Snapshot, sidecar: ResourceRef | None) -> Manifest:
    """What a Sidecar of the root namespace says, which Istio reads as if it stood in the workload's own."""
    manifest = snapshot.manifest(sidecar) if sidecar is not None else None
    spec = manifest.get("spec") if manifest is not None else None
    return spec if isinstance(spec, Mapping) and spec else EVERYTHING


def _updated(snapshot: Snapshot, ref: ResourceRef) -> ManifestPatch:
    before = snapshot.manifest(ref) or {}
    return updated(before, {**before, "spec": _refusing(before.get("spec"))})


def _refusing(spec: Any) -> Manifest:
    """The spec with the mode; everything else in it stays."""
    known = spec if isinstance(spec, Mapping) else {}
    policy = known.get(FIELD)
    return {**known, FIELD: {**(policy if isinstance(policy, Mapping) else {}), "mode": REGISTRY_ONLY}}


def _new(
    snapshot: Snapshot, namespace: str, lacking: Iterable[tuple[ControlPlane, Manifest]]
) -> Iterable[ManifestPatch]:
    """One Sidecar for all, unless control planes differ in what their workloads import: then one for each
    revision."""
    found = list(lacking)
    alike = all(spec == found[0][1] for _, spec in found)
    sidecars = snapshot.each(Sidecar)
    version = sidecars[0].api_version if sidecars else "networking.istio.io/v1"
    names = _free_names(snapshot, namespace)
    for plane, spec in found[:1] if alike else found:
        labels = {} if alike else {"labels": {REVISION_LABEL: plane.revision}}
        metadata = {"name": next(names), "namespace": namespace, **labels}
        yield created(
            {"apiVersion": version, "kind": "Sidecar", "metadata": metadata, "spec": _refusing(spec)}
        )


def _free_names(snapshot: Snapshot, namespace: str) -> Iterator[str]:
    names = chain(["default"], (f"registry-only-{number}" for number in count(1)))
    return (name for name in names if not snapshot.exists(ResourceRef("Sidecar", namespace, name)))
