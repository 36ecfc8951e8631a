"""The one door to egress truth: a workload, a destination → a verdict with its chain of evidence.

Puts the parts in order: data plane, control plane, Sidecar, listeners, policy. Keeps what it has worked
out for each scope, so that asking for thousands of workloads costs what their scopes cost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import ClassVar

from apps.mesh.egress.bypass import bypass_answer
from apps.mesh.egress.case import Case, policy_of
from apps.mesh.egress.dataplane import Placement, Plane, place
from apps.mesh.egress.evidence import handled_step
from apps.mesh.egress.judgement import Judgement, judge
from apps.mesh.egress.matching import PortView
from apps.mesh.egress.near import Candidate, candidates
from apps.mesh.egress.networkpolicies import selecting
from apps.mesh.egress.onward import onward
from apps.mesh.egress.probing import Connection, connect, probed_host
from apps.mesh.egress.views import MeshView
from apps.mesh.hosts import is_address
from apps.mesh.meshconfig import (
    DEFAULT_REVISION,
    ControlPlane,
    MeshConfig,
    control_plane_for,
    control_planes,
)
from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.networkpolicies import NetworkPolicy
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import EgressScope
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol

INPUTS = PLANE_INPUTS | {
    "DestinationRule",
    "EnvoyFilter",
    "Gateway",
    "NetworkPolicy",
    "Service",
    "ServiceEntry",
    "Sidecar",
    "VirtualService",
}


@dataclass(frozen=True, slots=True)
class _Position:
    """A workload in its mesh: everything that decides its egress. `signature` is equal for workloads
    that Istio treats alike."""

    placement: Placement
    mesh: MeshView
    sidecar: Sidecar | None
    signature: tuple[str, ...]
    label: str
    notes: tuple[str, ...]
    policies: tuple[NetworkPolicy, ...] = ()


class EgressEngine:
    """Answers for one snapshot. Not for use from several threads at once."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._meshes: dict[tuple[str, str], MeshView] = {}
        self._positions: dict[int, _Position] = {}  # by identity: the snapshot keeps its workloads
        self._judgements: dict[tuple[tuple[str, ...], Destination], Judgement] = {}
        self._candidates: dict[tuple[str, Destination], tuple[Candidate, ...]] = {}
        self._connections: dict[tuple[int, int, Destination], Connection] = {}
        self._scopes: tuple[EgressScope, ...] | None = None
        self._rows: dict[tuple[Destination, ...], dict[str, tuple[EgressAnswer, ...]]] = {}
        self._by_signature: dict[tuple[str, ...], EgressScope] = {}

    def answer(self, workload: Workload, destination: Destination) -> EgressAnswer:
        """What happens to a connection from the workload's pods. Never raises for a workload of the
        snapshot; a host that is not lower case is read as if it were, an `ip` that is none as not given."""
        destination = _normal(destination)
        position = self._position(workload)
        placement = position.placement
        bypass = bypass_answer(workload, placement, destination)
        if bypass is not None:
            return self._onward(position, workload, destination, bypass)
        judgement = self._judged(position, workload, destination)
        answer = EgressAnswer(
            verdict=judgement.verdict,
            evidence=(handled_step(workload, placement, destination), *judgement.steps),
            cluster=judgement.cluster,
            service=judgement.service,
            fix=judgement.fix,
            unknowns=tuple(dict.fromkeys((*judgement.unknowns, *position.notes, *placement.notes))),
        )
        return self._onward(position, workload, destination, answer)

    def rows(self, destinations: tuple[Destination, ...]) -> list[tuple[EgressAnswer, ...]]:
        """The answers of every scope, in the order of `scopes`, to each of the destinations."""
        known = self._rows.setdefault(destinations, {})
        found = []
        for scope in self.scopes():
            if scope.key not in known:
                known[scope.key] = tuple(self.answer(scope.representative, item) for item in destinations)
            found.append(known[scope.key])
        return found

    def scope_of(self, workload: Workload) -> EgressScope:
        """The scope of a workload; one of its own for a workload that the snapshot does not hold."""
        position = self._position(workload)
        self.scopes()
        known = self._by_signature.get(position.signature)
        return known or _scope(position, workload, (workload.ref,))

    def scopes(self) -> tuple[EgressScope, ...]:
        """Every group of workloads that Istio treats alike, ordered by namespace and label."""
        if self._scopes is None:
            groups: dict[tuple[str, ...], list[Workload]] = {}
            for workload in self._snapshot.workloads:
                groups.setdefault(self._position(workload).signature, []).append(workload)
            found = []
            for members in groups.values():
                first = min(members, key=self._preference)
                refs = tuple(member.ref for member in members)
                found.append(_scope(self._position(first), first, refs))
                self._by_signature[self._position(first).signature] = found[-1]
            self._scopes = tuple(sorted(found, key=lambda scope: (scope.namespace, scope.label, scope.key)))
        return self._scopes

    def reachable(self, scope: EgressScope) -> frozenset[tuple[str, int, str, str]]:
        """(host, port, protocol, namespace of its object) of every registry service that the scope
        imports; empty for a scope that Istio does not govern."""
        position = self._position(scope.representative)
        if position.placement.plane is not Plane.SIDECAR:
            return frozenset()
        imports = position.mesh.imports(scope.namespace, position.sidecar)
        return frozenset(
            (service.host, port.number, port.protocol, service.namespace)
            for service in imports.shared.everything()
            for port in service.ports
        )

    # -- how a workload stands -----------------------------------------------------------------------

    def _position(self, workload: Workload) -> _Position:
        known = self._positions.get(id(workload))
        if known is None:
            known = self._find_position(workload)
            if self._snapshot.workload(workload.namespace, workload.name, workload.kind) is workload:
                self._positions[id(workload)] = known
        return known

    def _find_position(self, workload: Workload) -> _Position:
        placement = place(self._snapshot, workload)
        plane, notes = self._plane(placement, workload.namespace)
        mesh = self._mesh(plane)
        labels = placement.pod.labels
        governed = placement.plane is Plane.SIDECAR
        sidecar = mesh.sidecars.effective(workload.namespace, labels) if governed else None
        asked = tuple([f"{k}={labels[k]}" for k in sorted(mesh.source_label_keys & labels.keys())])
        capture = placement.capture.label
        signature: tuple[str, ...] = (workload.namespace, str(placement.plane))
        if governed:
            known = str(sidecar.ref) if sidecar is not None else ""
            signature = (*signature, known, plane.namespace, plane.revision, capture, *asked)
        policies = selecting(self._snapshot, workload.namespace, labels)
        if policies:
            signature = (*signature, *(str(policy.ref) for policy in policies))
        label = _label(placement, capture, sidecar, plane, asked)
        if governed and sidecar is None and self._snapshot.missing("Sidecar", workload.namespace):
            label = "Sidecars not readable"
        if policies:
            label += f", limited by NetworkPolicy {', '.join(policy.name for policy in policies)}"
        return _Position(placement, mesh, sidecar, signature, label, notes, policies)

    def _plane(self, placement: Placement, namespace: str) -> tuple[ControlPlane, tuple[str, ...]]:
        """The control plane of the pods' proxies; one of which nothing is known when there is none."""
        found = control_plane_for(self._snapshot, placement.revision, namespace)
        if found is not None:
            return found, found.config.unread
        planes = control_planes(self._snapshot)
        revision = placement.revision or DEFAULT_REVISION
        if len(planes) == 1:
            only = planes[0]
            note = (
                f"No control plane has revision {revision}; the only one, {only.revision}, is taken for it."
            )
            return only, (note,)
        missing = f"No control plane of revision {revision} was found: its MeshConfig is not known."
        config = MeshConfig(outbound=None, unread=(missing,))
        return ControlPlane("", revision, "", (), config), (missing,)

    def _mesh(self, plane: ControlPlane) -> MeshView:
        key = (plane.namespace, plane.revision)
        if key not in self._meshes:
            self._meshes[key] = MeshView(self._snapshot, plane)
        return self._meshes[key]

    def _preference(self, workload: Workload) -> tuple[bool, bool, int, ResourceRef]:
        """The best representative: with pods, none of them without the proxy, and many."""
        placement = self._position(workload).placement
        return (placement.pods == 0, placement.unproxied > 0, -placement.pods, workload.ref)

    def _onward(
        self, position: _Position, workload: Workload, destination: Destination, answer: EgressAnswer
    ) -> EgressAnswer:
        if position.placement.plane is Plane.HOST_NETWORK:
            return answer  # whether a NetworkPolicy limits such pods is undefined
        return onward(
            self._snapshot, position.mesh, position.policies, workload.namespace, destination, answer
        )

    # -- what follows ----------------------------------------------------------------------------------

    def _judged(self, position: _Position, workload: Workload, destination: Destination) -> Judgement:
        key = (position.signature, destination)
        known = self._judgements.get(key)
        if known is None:
            case = self._case(position, workload.namespace, destination, position.placement.pod.labels)
            near_key = (case.host, destination)
            if near_key not in self._candidates:
                self._candidates[near_key] = candidates(self._snapshot, case.host, destination)
            known = self._judgements[key] = judge(case, self._candidates[near_key])
        return known

    def _case(
        self, position: _Position, namespace: str, destination: Destination, labels: Mapping[str, str]
    ) -> Case:
        mesh, sidecar = position.mesh, position.sidecar
        view = mesh.port(namespace, sidecar, destination.port, labels)
        host = probed_host(destination)
        connection = self._connected(view, mesh, host, destination, namespace)
        return Case(
            snapshot=self._snapshot,
            mesh=mesh,
            namespace=namespace,
            sidecar=sidecar,
            imports=mesh.imports(namespace, sidecar),
            policy=policy_of(mesh, sidecar),
            destination=destination,
            host=host,
            match=connection.match,
            alternatives=connection.alternatives,
        )

    def _connected(
        self, view: PortView, mesh: MeshView, host: str, destination: Destination, namespace: str
    ) -> Connection:
        """Scopes that share listeners and clusters share what becomes of a connection, unless routes or
        a short name make the namespace matter. The mesh's view keeps alive what ids stand for."""
        if destination.protocol is Protocol.HTTP or host.count(".") < 2:
            return connect(view, mesh.registry, host, destination, namespace)
        key = (id(view.listeners), id(view.imports), destination)
        if key not in self._connections:
            self._connections[key] = connect(view, mesh.registry, host, destination, namespace)
        return self._connections[key]


def _normal(destination: Destination) -> Destination:
    ip = str(ip_address(destination.ip)) if is_address(destination.ip) else ""
    host = destination.host.lower().rstrip(".")
    if (host, ip) == (destination.host, destination.ip):
        return destination
    return replace(destination, host=host, ip=ip)


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


def _scope(position: _Position, representative: Workload, refs: tuple[ResourceRef, ...]) -> EgressScope:
    return EgressScope(
        key=_key(position.signature),
        namespace=representative.namespace,
        label=position.label,
        sidecar=position.sidecar.ref if position.sidecar is not None else None,
        representative=representative,
        workloads=refs,
    )
