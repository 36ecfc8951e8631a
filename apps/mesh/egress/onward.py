"""What becomes of a connection after the workload's own proxy let it out: NetworkPolicies, and the egress
gateway that a VirtualService may send it to.

Only what is certain stops a connection; the rest is said beside the verdict. Decides nothing about the first
proxy.
"""

from __future__ import annotations

from dataclasses import replace

from apps.mesh.egress.beyond import Goal, Left, beyond
from apps.mesh.egress.networkpolicies import Target, passage
from apps.mesh.egress.views import MeshView
from apps.mesh.hosts import CLUSTER_DOMAIN, is_address, service_names
from apps.mesh.objects.networking import Service
from apps.mesh.objects.networkpolicies import NetworkPolicy
from apps.mesh.objects.selectors import is_subset
from apps.mesh.refs import ResourceRef
from apps.mesh.selection import ServiceIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Step, Verdict


def onward(
    snapshot: Snapshot,
    mesh: MeshView,
    policies: tuple[NetworkPolicy, ...],
    left: Left,
    destination: Destination,
    answer: EgressAnswer,
) -> EgressAnswer:
    """The answer with what is certain to stop the connection further on. `policies` are those that limit
    the pods. An answer that is not reachable comes back as it is."""
    if not answer.verdict.reachable:
        return answer
    goal = _goal(snapshot, left.namespace, destination, answer)
    answer = _past_policies(snapshot, policies, left.namespace, destination, goal, answer)
    if answer.stopped is None and answer.verdict is Verdict.ALLOWED_REGISTRY and answer.cluster:
        return beyond(snapshot, mesh, goal, left, destination, answer)
    return answer


def _past_policies(
    snapshot: Snapshot,
    policies: tuple[NetworkPolicy, ...],
    namespace: str,
    destination: Destination,
    goal: Goal,
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


def _stopped(answer: EgressAnswer, step: Step) -> EgressAnswer:
    return replace(answer, evidence=(*answer.evidence, step), stopped=step)


def _goal(snapshot: Snapshot, namespace: str, destination: Destination, answer: EgressAnswer) -> Goal:
    """By the cluster where the registry decided, else by what the name resolves to."""
    host, number = destination.host, destination.port
    if answer.cluster:
        _, port, _, host = answer.cluster.split("|", 3)
        number = int(port)
        # The cluster of an entry `cart.pay` has endpoints of its own: it is not the Service's.
        names = service_names(host) if host.endswith(CLUSTER_DOMAIN) else None
    else:
        names = service_names(host, namespace)
    found = snapshot.get(ResourceRef("Service", names[1], names[0])) if names is not None else None
    if not isinstance(found, Service) or found.type == "ExternalName" or not found.selector:
        return Goal(None, number)
    pods = tuple(
        (found.namespace, group.pod)
        for workload in snapshot.derived(ServiceIndex).behind(found)
        for group in workload.live_groups
        if is_subset(found.selector, group.pod.labels)
    )
    return Goal(found, number, pods)
