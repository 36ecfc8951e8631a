"""The mutual TLS mode in force before every workload and port, and which PeerAuthentication decides it.

Follows pilot/pkg/security/authn/policy_applier.go (ComposePeerAuthentication) and
pilot/pkg/model/authentication.go; for ambient pods pilot/pkg/serviceregistry/ambient/authorization.go.
Knows only what servers accept; what clients send is in `clienttls`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from apps.mesh.byworkload import by_workload
from apps.mesh.derived import Change, EachNamespace
from apps.mesh.egress.dataplane import Placement, Plane, place, placements
from apps.mesh.meshconfig import ControlPlane, control_plane_for, control_planes
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.planes import namespace_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsDecision, MtlsMode, MtlsReport
from apps.mesh.selection import WorkloadIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Step
from apps.mesh.visibility import in_revision

INPUTS = PLANE_INPUTS | {"PeerAuthentication"}
RULE = "pilot/pkg/security/authn/policy_applier.go"
DEFAULT = MtlsDecision(MtlsMode.PERMISSIVE, "default")
_MODES = {"STRICT": MtlsMode.STRICT, "PERMISSIVE": MtlsMode.PERMISSIVE, "DISABLE": MtlsMode.DISABLE}
_NO_POLICY = {
    Plane.NO_PROXY: "No proxy stands before the pods, so no policy of Istio reaches them.",
    Plane.HOST_NETWORK: "The pods use the host's network, where no proxy stands before them.",
}
_GATEWAY = "It is a proxy of the mesh itself: the servers of its Gateways say which TLS it takes."


@dataclass(frozen=True, slots=True)
class PeerPolicies:
    """The PeerAuthentications that one control plane reads, oldest first, each namespace's with and
    without a selector."""

    root: str
    selecting: Mapping[str, tuple[PeerAuthentication, ...]]
    plain: Mapping[str, PeerAuthentication]

    @classmethod
    def of(cls, policies: Iterable[PeerAuthentication], plane: ControlPlane) -> PeerPolicies:
        selecting: dict[str, list[PeerAuthentication]] = {}
        plain: dict[str, PeerAuthentication] = {}
        for policy in sorted(policies, key=lambda item: item.age_key):
            if not in_revision(policy.labels, plane.revision, plane.tags):
                continue
            if policy.selector:
                selecting.setdefault(policy.namespace, []).append(policy)
            else:
                plain.setdefault(policy.namespace, policy)  # the oldest one counts, the others are ignored
        fixed = {namespace: tuple(items) for namespace, items in selecting.items()}
        return cls(plane.config.root_namespace, fixed, plain)

    def of_namespace(self, namespace: str) -> MtlsDecision:
        """The mode of the namespace, else of the mesh, else Istio's default: what clients go by."""
        for owner, level in ((namespace, "namespace"), (self.root, "mesh")):
            policy = self.plain.get(owner)
            mode = _MODES.get(policy.mode) if policy is not None else None
            if policy is not None and mode is not None:
                return MtlsDecision(
                    mode, "mesh" if owner == self.root else level, policy.ref, "spec.mtls.mode"
                )
        return DEFAULT

    def workload_policy(self, namespace: str, labels: Mapping[str, str]) -> PeerAuthentication | None:
        """The oldest policy whose selector takes the pods; in the root namespace selectors do nothing."""
        if namespace == self.root:
            return None
        found = self.selecting.get(namespace, ())
        return next((policy for policy in found if is_subset(policy.selector or {}, labels)), None)

    def decide(
        self, namespace: str, labels: Mapping[str, str]
    ) -> tuple[MtlsDecision, dict[int, MtlsDecision]]:
        """The mode of a workload, and of the ports that have one of their own."""
        whole = self.of_namespace(namespace)
        policy = self.workload_policy(namespace, labels)
        if policy is None:
            return whole, {}
        own = _MODES.get(policy.mode)
        if own is not None:
            whole = MtlsDecision(own, "workload", policy.ref, "spec.mtls.mode")
        ports = {}
        for port, text in sorted(policy.port_modes.items()):
            mode = _MODES.get(text)
            path = f"spec.portLevelMtls[{port}].mode"
            ports[port] = MtlsDecision(mode, "port", policy.ref, path) if mode is not None else whole
        return whole, ports


class MtlsModes:
    """Answers for every workload of one snapshot; ask for it through `snapshot.derived`."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._planes = snapshot.derived(namespace_planes)
        self._control_planes = control_planes(snapshot)
        self._index = snapshot.derived(WorkloadIndex)
        self._placements = snapshot.parts(placements)
        self._policies: dict[tuple[str, str], PeerPolicies] = {}
        self._reports: dict[str, dict[ResourceRef, MtlsReport]] = {}
        self._before: dict[str, dict[ResourceRef, MtlsReport]] = {}

    @classmethod
    def after(cls, old: MtlsModes, change: Change, snapshot: Snapshot) -> MtlsModes:
        """While the control planes are the same, reports are those of before in namespaces where pods stand
        as they did and nothing has changed; a policy of a root namespace reaches all of them."""
        made = cls(snapshot)
        made._before = {**old._before, **old._reports}
        peers = change.namespaces({"PeerAuthentication"})
        roots = {plane.config.root_namespace for plane in made._control_planes}
        if made._control_planes is old._control_planes and (not peers or (roots and not peers & roots)):
            touched = made._placements.unlike(old._placements)
            touched |= change.namespaces({"Namespace", "PeerAuthentication", "Workload"})
            made._reports = {name: found for name, found in old._reports.items() if name not in touched}
        return made

    def of_namespace(self, name: str) -> Mapping[ResourceRef, MtlsReport]:
        """The reports of a namespace's workloads, by ref: the same object again, after a change too, as
        long as none is another."""
        if name not in self._reports:
            members, before = self._index.of_namespace(name), self._before.get(name)
            found = {workload.ref: self.report(workload) for workload in members}
            self._reports[name] = before if before is not None and before == found else found
        return self._reports[name]

    def policies(self, plane: ControlPlane) -> PeerPolicies:
        """What a control plane reads."""
        key = (plane.namespace, plane.revision)
        if key not in self._policies:
            self._policies[key] = PeerPolicies.of(self._snapshot.each(PeerAuthentication), plane)
        return self._policies[key]

    def namespace_mode(self, namespace: str) -> MtlsDecision:
        """The mode of a namespace as a whole, from its own policy, the mesh's or the default."""
        return self.policies(self._planes.of(namespace)).of_namespace(namespace)

    def report(self, workload: Workload) -> MtlsReport:
        """The mode of a workload and of its ports."""
        placed = self._placements.get(workload.namespace, {}).get(workload.ref)
        placement = placed or place(self._snapshot, workload)
        plane = control_plane_for(self._snapshot, placement.revision, workload.namespace)
        plane = plane or self._planes.of(workload.namespace)
        asked, ports = self.policies(plane).decide(workload.namespace, placement.pod.labels)
        step = _step(asked)
        if (reason := _NO_POLICY.get(placement.plane)) is not None:
            return MtlsReport(MtlsMode.NONE, asked, reason, evidence=(Step("No proxy is there", reason),))
        if placement.plane is Plane.OWN_PROXY:
            gateway = (Step("It is a gateway", _GATEWAY),)
            return MtlsReport(MtlsMode.GATEWAY, asked, _GATEWAY, evidence=gateway)
        if missing := self._missing(placement, plane, workload, asked):
            unknown = Step("What decides was not read", missing[0])
            return MtlsReport(MtlsMode.UNKNOWN, asked, missing[0], evidence=(unknown,), unknowns=missing)
        unknowns = list(placement.notes)
        if placement.plane is Plane.AMBIENT:
            asked, ports = _ambient(asked), {port: _ambient(found) for port, found in ports.items()}
        return MtlsReport(
            mode=asked.mode,
            asked=asked,
            reason=step.text,
            ports=ports,
            evidence=(step, *(_port_step(port, found) for port, found in ports.items())),
            unknowns=tuple(unknowns),
        )

    def _missing(
        self, placement: Placement, plane: ControlPlane, workload: Workload, asked: MtlsDecision
    ) -> tuple[str, ...]:
        """What was not read and might decide otherwise."""
        if placement.missing:
            return (placement.missing,)
        namespaces = [workload.namespace]
        if asked.level in {"mesh", "default"}:
            namespaces.append(plane.config.root_namespace)
        for namespace in namespaces:
            gap = self._snapshot.missing("PeerAuthentication", namespace)
            if gap is not None:
                return (f"PeerAuthentications of namespace {namespace} could not be read: {gap.reason}",)
        if asked.level in {"mesh", "default"} and plane.config.outbound is None and plane.config.unread:
            return (f"Which namespace holds the mesh's policy is not known: {plane.config.unread[0]}",)
        return ()


@EachNamespace
def mutual(snapshot: Snapshot, namespace: str) -> tuple[MtlsReport, ...]:
    """The reports of a namespace's workloads, in their order."""
    return tuple(snapshot.derived(MtlsModes).of_namespace(namespace).values())


mtls_modes = by_workload(mutual)
"""The reports of all workloads, by ref; ask for it through `snapshot.derived`."""


def _ambient(decision: MtlsDecision) -> MtlsDecision:
    """ztunnel cannot refuse mutual TLS: DISABLE is as good as PERMISSIVE there."""
    if decision.mode is MtlsMode.DISABLE:
        return replace(decision, mode=MtlsMode.PERMISSIVE)
    return decision


def _step(decision: MtlsDecision) -> Step:
    if decision.ref is None:
        text = "No PeerAuthentication says otherwise, so Istio's default holds: PERMISSIVE takes both."
        return Step("Istio's default holds", text, rule=RULE)
    who = {"workload": "selects the workload", "namespace": "holds for the namespace"}
    title = f"A policy {who.get(decision.level, 'holds for the mesh')}"
    text = f"{decision.ref} says {decision.mode.upper()}."
    return Step(title, text, decision.ref, decision.path, RULE)


def _port_step(port: int, decision: MtlsDecision) -> Step:
    text = f"Port {port} is {decision.mode.upper()}."
    return Step("A port has a mode of its own", text, decision.ref, decision.path, RULE)
