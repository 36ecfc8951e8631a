"""The one door to egress truth: a workload, a destination → a verdict with its chain of evidence.

Puts the parts in order: data plane, control plane, Sidecar, listeners, policy. Keeps what it has worked
out for each scope, so that asking for thousands of workloads costs what their scopes cost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar

from apps.mesh.derived import Change
from apps.mesh.egress.beyond import Left
from apps.mesh.egress.bypass import bypass_answer
from apps.mesh.egress.candidates import candidates
from apps.mesh.egress.case import Case, Policy, policy_of
from apps.mesh.egress.dataplane import Plane, place, placements
from apps.mesh.egress.evidence import handled_step
from apps.mesh.egress.judgement import Judgement, judge
from apps.mesh.egress.matching import PortView
from apps.mesh.egress.memory import Memory, Row
from apps.mesh.egress.onward import onward
from apps.mesh.egress.positions import Position, Positions, scope_at, scopes_among
from apps.mesh.egress.probing import Connection, connect, normal, probed_host
from apps.mesh.egress.reach import FOLLOWED, Asked, Reach
from apps.mesh.egress.views import MeshView, reconfigured
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.scopes import EgressScope
from apps.mesh.selection import WorkloadIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol

INPUTS = (
    PLANE_INPUTS
    | FOLLOWED
    | {"EnvoyFilter", "GRPCRoute", "GatewayClass", "HTTPRoute", "KubernetesGateway"}
    | {"ProxyConfig", "ReferenceGrant", "TCPRoute", "TLSRoute", "WorkloadEntry"}
)


class EgressEngine:
    """Answers for one snapshot. Not for use from several threads at once."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._control_planes = control_planes(snapshot)
        self._placements = snapshot.parts(placements)
        self._meshes: dict[tuple[str, str, bool], MeshView] = {}
        self._find = Positions(snapshot, self._mesh).find
        self._positions: dict[int, Position] = {}  # by identity: the snapshot keeps its workloads
        self._memory = Memory()
        self._connections: dict[tuple[int, int, Destination], Connection] = {}
        self._scopes: tuple[EgressScope, ...] | None = None
        self._unlike: dict[tuple[int, int], tuple[set[str], object]] = {}
        self._by_namespace: dict[str, list[tuple[tuple[str, ...], EgressScope]]] = {}
        self._by_signature: dict[tuple[str, ...], EgressScope] = {}

    @classmethod
    def after(cls, old: EgressEngine, change: Change, snapshot: Snapshot) -> EgressEngine:
        """An engine that takes over what a change leaves alone: where workloads stand, and answers."""
        made = cls(snapshot)
        if made._control_planes is not old._control_planes:
            if change.kinds == {"ConfigMap"}:
                made._meshes = reconfigured(old._meshes, snapshot)
                made._memory = Memory(candidates=dict(old._memory.candidates))
                made._connections = dict(old._connections)
            return made
        if not change.kinds & INPUTS <= FOLLOWED:
            return made
        moved = change.namespaces({"Namespace", "NetworkPolicy", "Workload"})  # they reach no other's pods
        moved |= made._placements.unlike(old._placements)
        reach = made._take_over_meshes(old, change)
        if reach is None:
            selecting = change.kinds & {"DestinationRule", "Sidecar"}
            if not selecting and made._source_labels() == old._source_labels():
                made._stand_as(old, moved)
            return made
        reach |= Reach(moved)
        away = made._stand_as(old, reach.moved)
        made._memory = old._memory.after(reach, made._positions, away)
        if reach.same_views:
            made._connections = dict(old._connections)
        return made

    def _take_over_meshes(self, old: EgressEngine, change: Change) -> Reach | None:
        """The views of the control planes after a change, and what it reaches; None for everything."""
        reach = Reach()
        for key, mesh in old._meshes.items():
            made = mesh.after(change, self._snapshot)
            if made is None:
                return None
            self._meshes[key] = made[0]
            reach = reach | made[1]
        return reach

    def _stand_as(self, old: EgressEngine, moved: frozenset[str]) -> set[int]:
        """Takes over where workloads stand, but for those of some namespaces; the identities of these."""
        indexes = (old._snapshot.derived(WorkloadIndex), self._snapshot.derived(WorkloadIndex))
        away = {id(item) for index in indexes for name in moved for item in index.of_namespace(name)}
        self._positions = {key: item for key, item in old._positions.items() if key not in away}
        self._by_namespace = {name: found for name, found in old._by_namespace.items() if name not in moved}
        if not moved:
            self._scopes, self._by_signature = old._scopes, old._by_signature
        return away

    def _source_labels(self) -> dict[tuple[str, str], frozenset[str]]:
        planes = control_planes(self._snapshot)
        return {(plane.namespace, plane.revision): self._mesh(plane).source_label_keys for plane in planes}

    def answer(self, workload: Workload, destination: Destination) -> EgressAnswer:
        """What happens to a connection from the workload's pods. Never raises for a workload of the
        snapshot; a host that is not lower case is read as if it were, an `ip` that is none as not given."""
        destination = normal(destination)
        known = self._memory.answers.setdefault(destination, {})
        if (answer := known.get(id(workload))) is None:
            answer = self._answered(workload, destination)
            if id(workload) in self._positions:
                known[id(workload)] = answer
        return answer

    def _answered(self, workload: Workload, destination: Destination) -> EgressAnswer:
        position = self._position(workload)
        placement = position.placement
        bypass = bypass_answer(workload, placement, destination)
        if bypass is not None:
            return self._onward(position, Left(workload.namespace, placement.pod.labels), destination, bypass)
        judgement = self._judged(position, workload, destination)
        answer = EgressAnswer(
            verdict=judgement.verdict,
            evidence=(handled_step(workload, placement, destination), *judgement.steps),
            cluster=judgement.cluster,
            service=judgement.service,
            fix=judgement.fix,
            status=judgement.status,
            unknowns=tuple(dict.fromkeys((*judgement.unknowns, *position.notes, *placement.notes))),
        )
        imports = self._mesh(position.plane).imports(workload.namespace, position.sidecar)
        left = Left.of(workload.namespace, placement.pod, imports, judgement)
        return self._onward(position, left, destination, answer)

    def row_of(self, destinations: tuple[Destination, ...]) -> Callable[[Workload], Row]:
        """Gives a workload's answers to each of the destinations: the same tuple again, after a change too,
        as long as none is another."""
        known = self._memory.rows.setdefault(destinations, {})

        def row(workload: Workload) -> Row:
            found = known.get(id(workload))
            if found is None:
                found = tuple(self.answer(workload, item) for item in destinations)
                if id(workload) in self._positions:
                    known[id(workload)] = found
            return found

        return row

    def rows(self, destinations: tuple[Destination, ...]) -> list[Row]:
        """The answers of every scope, in the order of `scopes`, to each of the destinations."""
        row = self.row_of(destinations)
        return [row(scope.representative) for scope in self.scopes()]

    def scope_of(self, workload: Workload) -> EgressScope:
        """The scope of a workload; one of its own for a workload that the snapshot does not hold."""
        position = self._position(workload)
        self.scopes()
        known = self._by_signature.get(position.signature)
        return known or scope_at(position, workload, (workload.ref,))

    def scopes(self) -> tuple[EgressScope, ...]:
        """Every group of workloads that Istio treats alike, ordered by namespace and label."""
        if self._scopes is None:
            index = self._snapshot.derived(WorkloadIndex)
            for namespace in index.namespaces:
                if namespace not in self._by_namespace:
                    members = index.of_namespace(namespace)
                    self._by_namespace[namespace] = scopes_among(members, self._position)
            self._by_signature = {sign: scope for made in self._by_namespace.values() for sign, scope in made}
            found = self._by_signature.values()
            self._scopes = tuple(sorted(found, key=lambda scope: (scope.namespace, scope.label, scope.key)))
        return self._scopes

    def scopes_in(self, namespace: str) -> Sequence[tuple[tuple[str, ...], EgressScope]]:
        """The scopes of a namespace with their signatures: the same object again, after a change too, as
        long as workloads of the namespace stand where they did."""
        self.scopes()
        return self._by_namespace.get(namespace, ())

    def reachable(
        self, scope: EgressScope, hosts: Collection[str] | None = None
    ) -> frozenset[tuple[str, int, str, str]]:
        """(host, port, protocol, namespace of its object) of every registry service that the scope
        imports, of these hosts if some are given; empty for a scope that Istio does not govern."""
        position = self._position(scope.representative)
        if position.placement.plane is not Plane.SIDECAR:
            return frozenset()
        imports = self._mesh(position.plane).imports(scope.namespace, position.sidecar)
        return frozenset(
            (service.host, port.number, port.protocol, service.namespace)
            for service in imports.shared.everything(hosts)
            for port in service.ports
        )

    def plane_of(self, scope: EgressScope) -> ControlPlane | None:
        """The control plane of the scope's proxies; None for a scope that Istio does not govern."""
        position = self._position(scope.representative)
        return position.plane if position.placement.plane is Plane.SIDECAR else None

    def policy(self, scope: EgressScope) -> Policy | None:
        """The outbound traffic policy in force; None for a scope that Istio does not govern."""
        plane, sidecar = self.plane_of(scope), self._position(scope.representative).sidecar
        return policy_of(self._mesh(plane), sidecar) if plane is not None else None

    def unlike(self, scope: EgressScope, other: EgressEngine, after: EgressScope) -> Collection[str] | None:
        """The hosts of which a scope of another engine may import other services; None for any."""
        mine, theirs = self._position(scope.representative), other._position(after.representative)
        if (mine.sidecar, scope.namespace) != (theirs.sidecar, after.namespace):
            return None
        if mine.placement.plane is not theirs.placement.plane:
            return None
        old, new = self._mesh(mine.plane).registry.by_host, other._mesh(theirs.plane).registry.by_host
        key = (id(old), id(new))
        if key not in self._unlike:  # both registries are kept: by this engine and by the value
            hosts = {host for host in old.keys() | new.keys() if old.get(host) != new.get(host)}
            self._unlike[key] = (hosts if old is not new else set(), new)
        return self._unlike[key][0]

    # -- how a workload stands -----------------------------------------------------------------------

    def _position(self, workload: Workload) -> Position:
        if (known := self._positions.get(id(workload))) is not None:
            return known
        if self._snapshot.workload(workload.namespace, workload.name, workload.kind) is not workload:
            return self._find(workload, place(self._snapshot, workload))
        placed = self._placements[workload.namespace][workload.ref]
        return self._positions.setdefault(id(workload), self._find(workload, placed))

    def _mesh(self, plane: ControlPlane) -> MeshView:
        key = (plane.namespace, plane.revision, plane.config.dns_capture)
        if key not in self._meshes:
            self._meshes[key] = MeshView(self._snapshot, plane)
        return self._meshes[key]

    def _onward(
        self, position: Position, left: Left, destination: Destination, answer: EgressAnswer
    ) -> EgressAnswer:
        if position.placement.plane is Plane.HOST_NETWORK:
            return answer  # whether a NetworkPolicy limits such pods is undefined
        mesh = self._mesh(position.plane)
        return onward(self._snapshot, mesh, position.policies, left, destination, answer)

    # -- what follows ----------------------------------------------------------------------------------

    def _judged(self, position: Position, workload: Workload, destination: Destination) -> Judgement:
        memory, signature = self._memory, position.signature
        judged = memory.judgements.setdefault(destination, {})
        if signature not in judged:
            case = self._case(position, workload.namespace, destination, position.placement.pod.labels)
            if destination not in memory.candidates:
                memory.candidates[destination] = candidates(self._snapshot, case.host, destination)
            found = judge(case, memory.candidates[destination])
            memory.keep(destination, signature, found, Asked(workload.namespace, position.sidecar))
            return found
        return judged[signature][0]

    def _case(
        self, position: Position, namespace: str, destination: Destination, labels: Mapping[str, str]
    ) -> Case:
        mesh, sidecar = self._mesh(position.plane), position.sidecar
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
            patches=position.patches,
        )

    def _connected(
        self, view: PortView, mesh: MeshView, host: str, destination: Destination, namespace: str
    ) -> Connection:
        """Scopes that share listeners and clusters share what becomes of a connection, unless routes, subsets
        or a short name make the namespace matter. The mesh's view keeps alive what ids stand for."""
        if destination.protocol is Protocol.HTTP or host.count(".") < 2:
            return connect(view, mesh.registry, host, destination, namespace)
        key = (id(view.listeners), id(view.imports), destination)
        known = self._connections.get(key) or connect(view, mesh.registry, host, destination, namespace)
        if not known.names_subsets:
            self._connections[key] = known
        return known
