"""What becomes of a connection that the workload's proxy sends to a cluster: the TLS that a DestinationRule
adds, and the egress gateway that it may come to.

Decides nothing about the first proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.mesh.destinationrules import MergedRule
from apps.mesh.egress.addedtls import NOTHING, AddedTls, Sender, added_tls
from apps.mesh.egress.envoyfilters import is_harmless
from apps.mesh.egress.gateways import forwarding
from apps.mesh.egress.gatewayservers import EgressGateway
from apps.mesh.egress.handshake import Arrival
from apps.mesh.egress.imports import ScopeImports
from apps.mesh.egress.judgement import Judgement
from apps.mesh.egress.outward import PAYLOADS, Forwarding, Sending, outward
from apps.mesh.egress.probing import probed_host
from apps.mesh.egress.services import RegistryService
from apps.mesh.egress.views import MeshView
from apps.mesh.objects.networking import Port, Service
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.podplanes import PROXY_CONTAINER
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer

GATEWAY_KINDS = frozenset(
    {
        "DestinationRule",
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
TLS_MODE = "security.istio.io/tlsMode"
"""The label by which pods say whether their proxy takes mutual TLS (pilot/pkg/serviceregistry/kube,
PodTLSMode); the injector's template for gateways does not set it."""


@dataclass(frozen=True, slots=True)
class Left:
    """Whose connection it is and how it left: `requests` is whether the workload's proxy sends requests on,
    one by one, and `authority` the Host that it gives them ("" where they keep theirs). `imports` is what it
    knows; None for a workload without a proxy."""

    namespace: str
    labels: Mapping[str, str]
    imports: ScopeImports | None = None
    requests: bool = False
    authority: str = ""

    @classmethod
    def of(cls, namespace: str, pod: PodTemplate, imports: ScopeImports, judgement: Judgement) -> Left:
        """What a workload's proxy sends as it was judged."""
        return cls(namespace, pod.labels, imports, judgement.requests, judgement.authority)


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a connection goes: `service` is None for what is outside of the cluster, `number` the port,
    `pods` those behind the Service, each with its namespace."""

    service: Service | None
    number: int
    pods: tuple[tuple[str, PodTemplate], ...] = ()

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


@dataclass(frozen=True, slots=True)
class _Leaving:
    """A connection on its way to a cluster of a service."""

    snapshot: Snapshot
    mesh: MeshView
    left: Left
    destination: Destination
    cluster: tuple[str, int, str]
    service: RegistryService

    @property
    def sender(self) -> Sender:
        return Sender(self.left.namespace, self.left.labels)

    @property
    def rule(self) -> MergedRule | None:
        return self.mesh.rules.of(self.left.namespace, self.left.labels, self.service)

    @property
    def name(self) -> str:
        return self.left.authority or probed_host(self.destination)

    def arrival(self, added: AddedTls) -> Arrival:
        return Arrival(self.name, self.destination.protocol, added, self.left.requests)


def beyond(
    snapshot: Snapshot, mesh: MeshView, goal: Goal, left: Left, destination: Destination, answer: EgressAnswer
) -> EgressAnswer:
    """The answer with what follows after the first proxy."""
    _, port, subset, host = answer.cluster.split("|", 3)
    service = left.imports.shared.service(host) if left.imports is not None else None
    if service is None:
        return answer
    leaving = _Leaving(snapshot, mesh, left, destination, (host, int(port), subset), service)
    if goal.service is None:
        found = _to_host(leaving)
    elif goal.pods and all(_gateway(pod) for _, pod in goal.pods):
        gateway = EgressGateway(snapshot, mesh, goal.service, goal.number, goal.pod_port, goal.pods[0][1])
        found = _to_gateway(leaving, gateway)
    else:
        return answer
    evidence, unknowns = (*answer.evidence, *found.steps), (*answer.unknowns, *found.doubts)
    answer = replace(answer, evidence=evidence, unknowns=unknowns)
    return replace(answer, stopped=found.steps[-1]) if found.stops else answer


def _to_host(leaving: _Leaving) -> Forwarding:
    """Straight to the host."""
    return outward(
        Sending(
            leaving.sender,
            leaving.service,
            leaving.cluster,
            leaving.rule,
            PAYLOADS[leaving.destination.protocol],
            leaving.name if leaving.left.requests else "",
            NOTHING,
            leaving.arrival(NOTHING).seen,
        )
    )


def _to_gateway(leaving: _Leaving, gateway: EgressGateway) -> Forwarding:
    pod, namespace = gateway.pod, gateway.namespace
    for item in leaving.mesh.selecting(namespace, pod.labels):
        if not all(map(is_harmless, item.at_gateways)):
            return _unfollowed(f"{item.ref} may patch the egress gateway")
    rule = leaving.rule
    _, port, subset = leaving.cluster
    if pod.labels.get(TLS_MODE) == "istio" and (rule is None or rule.tls_for(port, subset)[0] is None):
        text = f"The pods of {gateway.service.ref.path} say that they take mutual TLS of the mesh"
        return _unfollowed(f"{text} (label {TLS_MODE})")
    name = leaving.name if leaving.left.requests else ""
    added = added_tls(rule, leaving.sender, leaving.service, leaving.cluster, name)
    found = forwarding(gateway, leaving.arrival(added))
    hidden = next((gap for gap in leaving.snapshot.gaps if gap.kind in GATEWAY_KINDS), None)
    if hidden is not None and (found.stops or hidden.kind == "DestinationRule"):
        doubt = f"What the egress gateway does is not known: objects of kind {hidden.kind} could not be read."
        return Forwarding(doubts=(doubt,))
    return found


def _unfollowed(why: str) -> Forwarding:
    return Forwarding(doubts=(f"{why}; what happens there is not followed.",))


def _gateway(pod: PodTemplate) -> bool:
    return {container.name for container in pod.containers} == {PROXY_CONTAINER}
