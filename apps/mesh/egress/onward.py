"""What becomes of a connection after the workload's own proxy let it out: NetworkPolicies, and the egress
gateway that a VirtualService may send it to.

Only what is certain stops a connection; the rest is said beside the verdict. Decides nothing about the first
proxy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.mesh.egress.envoyfilters import is_harmless
from apps.mesh.egress.gateways import forwarding
from apps.mesh.egress.networkpolicies import Target, passage
from apps.mesh.egress.views import MeshView
from apps.mesh.hosts import is_address, service_names
from apps.mesh.objects.networking import Port, Service
from apps.mesh.objects.networkpolicies import NetworkPolicy
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.podplanes import PROXY_CONTAINER
from apps.mesh.refs import ResourceRef
from apps.mesh.selection import ServiceIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Step, Verdict

GATEWAY_KINDS = frozenset(
    {
        "GRPCRoute",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "KubernetesGateway",
        "ReferenceGrant",
        "ServiceEntry",
        "TCPRoute",
        "TLSRoute",
        "VirtualService",
    }
)
"""What decides what a gateway does with a connection."""
Pods = tuple[tuple[str, PodTemplate], ...]


@dataclass(frozen=True, slots=True)
class _Goal:
    """Where a connection goes: `service` is None for what is outside of the cluster, `number` the port."""

    service: Service | None
    number: int
    pods: Pods = ()

    @property
    def pod_port(self) -> int | None:
        """The port that all pods listen on; None where they do not agree or do not say."""
        given = self._port
        target = given.target_port if given is not None else ""
        if not target:
            return self.number
        if target.isdecimal():
            return int(target)
        named = {port.number for _, pod in self.pods for port in pod.ports if port.name == target}
        return named.pop() if len(named) == 1 else None

    @property
    def _port(self) -> Port | None:
        ports = self.service.ports if self.service is not None else ()
        return next((port for port in ports if port.number == self.number), None)


def onward(
    snapshot: Snapshot,
    mesh: MeshView,
    policies: tuple[NetworkPolicy, ...],
    namespace: str,
    destination: Destination,
    answer: EgressAnswer,
) -> EgressAnswer:
    """The answer with what is certain to stop the connection further on. `policies` are those that limit
    the pods. An answer that is not reachable comes back as it is."""
    if not answer.verdict.reachable:
        return answer
    goal = _goal(snapshot, namespace, destination, answer)
    answer = _past_policies(snapshot, policies, namespace, destination, goal, answer)
    if answer.stopped is None and answer.verdict is Verdict.ALLOWED_REGISTRY:
        return _past_gateway(snapshot, mesh, goal, destination, answer)
    return answer


def _past_policies(
    snapshot: Snapshot,
    policies: tuple[NetworkPolicy, ...],
    namespace: str,
    destination: Destination,
    goal: _Goal,
    answer: EgressAnswer,
) -> EgressAnswer:
    gap = snapshot.missing("NetworkPolicy", namespace)
    if gap is not None:
        doubt = f"NetworkPolicies of namespace {namespace} could not be read: {gap.reason}"
        return replace(answer, unknowns=(*answer.unknowns, doubt))
    if goal.service is None:
        ip = destination.ip or (destination.host if is_address(destination.host) else "")
        target = Target(destination.host, destination.port, ip)
    else:
        target = Target(destination.host, goal.pod_port, pods=goal.pods)
    found = passage(snapshot, policies, target)
    if found.refusal is not None:
        return _stopped(answer, found.refusal)
    return replace(answer, unknowns=(*answer.unknowns, found.doubt)) if found.doubt else answer


def _past_gateway(
    snapshot: Snapshot, mesh: MeshView, goal: _Goal, destination: Destination, answer: EgressAnswer
) -> EgressAnswer:
    if goal.service is None or not goal.pods or not all(_gateway(pod) for _, pod in goal.pods):
        return answer
    selecting = mesh.selecting(goal.service.namespace, goal.pods[0][1].labels)
    patched = next((item for item in selecting if not all(map(is_harmless, item.at_gateways))), None)
    if patched is not None:
        doubt = f"{patched.ref} may patch the egress gateway; what happens there is not followed."
        return replace(answer, unknowns=(*answer.unknowns, doubt))
    ports = (goal.number,) if goal.pod_port is None else (goal.number, goal.pod_port)
    found = forwarding(snapshot, mesh, goal.service, ports, goal.pods[0][1], destination)
    hidden = next((gap for gap in snapshot.gaps if gap.kind in GATEWAY_KINDS), None) if found.stops else None
    if hidden is not None:
        doubt = f"What the egress gateway does is not known: objects of kind {hidden.kind} could not be read."
        return replace(answer, unknowns=(*answer.unknowns, doubt))
    if found.doubt:
        answer = replace(answer, unknowns=(*answer.unknowns, found.doubt))
    if found.step is None:
        return answer
    return _stopped(answer, found.step) if found.stops else _with_step(answer, found.step)


def _gateway(pod: PodTemplate) -> bool:
    return {container.name for container in pod.containers} == {PROXY_CONTAINER}


def _stopped(answer: EgressAnswer, step: Step) -> EgressAnswer:
    return replace(_with_step(answer, step), stopped=step)


def _with_step(answer: EgressAnswer, step: Step) -> EgressAnswer:
    return replace(answer, evidence=(*answer.evidence, step))


def _goal(snapshot: Snapshot, namespace: str, destination: Destination, answer: EgressAnswer) -> _Goal:
    """By the cluster where the registry decided, else by what the name resolves to."""
    host, number = destination.host, destination.port
    if answer.cluster:
        _, port, _, host = answer.cluster.split("|", 3)
        number = int(port)
    names = service_names(host, "" if answer.cluster else namespace)
    found = snapshot.get(ResourceRef("Service", names[1], names[0])) if names is not None else None
    if not isinstance(found, Service) or found.type == "ExternalName" or not found.selector:
        return _Goal(None, number)
    pods = tuple(
        (found.namespace, group.pod)
        for workload in snapshot.derived(ServiceIndex).behind(found)
        for group in workload.live_groups
        if is_subset(found.selector, group.pod.labels)
    )
    return _Goal(found, number, pods)
