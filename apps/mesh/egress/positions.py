"""Where a workload stands in its mesh, and the scope that it shares with those that stand alike.

Decides no verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.mesh.egress.dataplane import Placement, Plane
from apps.mesh.egress.networkpolicies import limiting_egress
from apps.mesh.egress.proxyconfig import plane_of_proxy
from apps.mesh.egress.views import MeshView
from apps.mesh.meshconfig import (
    DEFAULT_REVISION,
    ControlPlane,
    MeshConfig,
    control_plane_for,
    control_planes,
)
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.networkpolicies import NetworkPolicy
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import EgressScope
from apps.mesh.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Position:
    """A workload in its mesh: everything that decides its egress. `signature` is equal for workloads
    that Istio treats alike."""

    placement: Placement
    plane: ControlPlane
    sidecar: Sidecar | None
    signature: tuple[str, ...]
    label: str
    notes: tuple[str, ...]
    policies: tuple[NetworkPolicy, ...] = ()
    patches: tuple[EnvoyFilter, ...] = ()


class Positions:
    """Finds where workloads stand; `mesh_of` gives what a control plane knows."""

    __slots__ = ("_mesh_of", "_policies", "_snapshot")

    def __init__(self, snapshot: Snapshot, mesh_of: Callable[[ControlPlane], MeshView]) -> None:
        self._snapshot, self._mesh_of = snapshot, mesh_of
        self._policies = snapshot.derived(limiting_egress)

    def find(self, workload: Workload, placement: Placement) -> Position:
        """Where a workload stands whose pods stand there."""
        namespace, labels = workload.namespace, placement.pod.labels
        common, notes = self._plane(placement.revision, namespace)
        plane = plane_of_proxy(self._snapshot, common, namespace, placement.pod)
        mesh = self._mesh_of(plane)
        governed = placement.plane is Plane.SIDECAR
        sidecar = mesh.sidecars.effective(namespace, labels) if governed else None
        asked = tuple([f"{k}={labels[k]}" for k in sorted(mesh.source_label_keys & labels.keys())])
        capture = placement.capture.label
        signature: tuple[str, ...] = (namespace, str(placement.plane))
        if governed:
            known = str(sidecar.ref) if sidecar is not None else ""
            signature = (*signature, known, plane.namespace, plane.revision, capture, *asked)
        if governed and plane is not common:
            signature = (*signature, f"DNS capture {plane.config.dns_capture}")
        rules = mesh.rules.selecting(namespace, labels) if governed else ()
        if rules:
            signature = (*signature, *map(str, rules))
        patches = mesh.patching(namespace, labels) if governed else ()
        selected = [item for item in patches if item.selector]
        if selected:
            signature = (*signature, *(str(item.ref) for item in selected))
        limiting = self._policies.get(namespace, ())
        policies = tuple([policy for policy in limiting if policy.pod_selector.matches(labels)])
        if policies:
            signature = (*signature, *(str(policy.ref) for policy in policies))
        label = _label(placement, capture, sidecar, plane, asked)
        if governed and sidecar is None and self._snapshot.missing("Sidecar", namespace):
            label = "Sidecars not readable"
        if policies:
            label += f", limited by NetworkPolicy {', '.join(policy.name for policy in policies)}"
        if governed and plane is not common:
            label += ", DNS captured" if plane.config.dns_capture else ", DNS not captured"
        if rules:
            label += f", sending by DestinationRule {', '.join(ref.name for ref in rules)}"
        if selected:
            label += f", patched by EnvoyFilter {', '.join(item.name for item in selected)}"
        return Position(placement, plane, sidecar, signature, label, notes, policies, patches)

    def _plane(self, revision: str, namespace: str) -> tuple[ControlPlane, tuple[str, ...]]:
        """The control plane of the pods' proxies; one of which nothing is known when there is none."""
        found = control_plane_for(self._snapshot, revision, namespace)
        if found is not None:
            return found, found.config.unread
        planes = control_planes(self._snapshot)
        revision = revision or DEFAULT_REVISION
        if len(planes) == 1:
            only = planes[0]
            note = (
                f"No control plane has revision {revision}; the only one, {only.revision}, is taken for it."
            )
            return only, (note,)
        missing = f"No control plane of revision {revision} was found: its MeshConfig is not known."
        config = MeshConfig(outbound=None, unread=(missing,))
        return ControlPlane("", revision, "", (), config), (missing,)


def _key(signature: tuple[str, ...]) -> str:
    """`namespace.` and 12 hex digits of what sets the scope apart."""
    digest = hashlib.sha256("\x00".join(signature).encode()).hexdigest()
    return f"{signature[0]}.{digest[:12]}"


def _label(
    placement: Placement, capture: str, sidecar: Sidecar | None, plane: ControlPlane, asked: tuple[str, ...]
) -> str:
    if placement.plane is not Plane.SIDECAR:
        return str(placement.plane)
    base = "namespace default"
    if sidecar is not None:
        base = f"Sidecar {sidecar.ref.path}"
    parts = [capture, *asked]
    if plane.revision != DEFAULT_REVISION:
        parts.append(f"revision {plane.revision}")
    extra = ", ".join(part for part in parts if part)
    if sidecar is None and capture:
        return extra
    return f"{base}, {extra}" if extra else base


def scope_at(position: Position, representative: Workload, refs: tuple[ResourceRef, ...]) -> EgressScope:
    """The scope of workloads that share a position."""
    return EgressScope(
        key=_key(position.signature),
        namespace=representative.namespace,
        label=position.label,
        sidecar=position.sidecar.ref if position.sidecar is not None else None,
        representative=representative,
        workloads=refs,
    )


def scopes_among(
    workloads: Iterable[Workload], position_of: Callable[[Workload], Position]
) -> list[tuple[tuple[str, ...], EgressScope]]:
    """The scopes of some workloads, each with the signature that its workloads share."""
    groups: dict[tuple[str, ...], list[Workload]] = {}
    for workload in workloads:
        groups.setdefault(position_of(workload).signature, []).append(workload)
    found = []
    for signature, members in groups.items():
        first = min(members, key=lambda item: _preference(item, position_of(item).placement))
        refs = tuple(member.ref for member in members)
        found.append((signature, scope_at(position_of(first), first, refs)))
    return found


def _preference(workload: Workload, placement: Placement) -> tuple[bool, bool, int, ResourceRef]:
    """The best representative: with pods, none of them without the proxy, and many."""
    return (placement.pods == 0, placement.unproxied > 0, -placement.pods, workload.ref)
