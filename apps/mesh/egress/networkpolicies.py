"""Whether NetworkPolicies let a pod's connection out: a second gate, beside the mesh and unknown to it.

Follows the Kubernetes API (networking.k8s.io/v1, NetworkPolicySpec): policies that select a pod add up, and a
pod that none selects for egress may go anywhere. Whether the cluster's network plugin enforces them cannot be
seen. Knows nothing of Sidecars.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from apps.mesh.hosts import is_address, network
from apps.mesh.objects.networkpolicies import (
    IpBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicyRule,
)
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.parsing.config import NAMESPACE_NAME_LABEL
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Step
from apps.mesh.webhooks import namespace_labels

EGRESS = "Egress"
RULE = "networking.k8s.io/v1 NetworkPolicySpec"
DNS_PORT = 53
EVERY_PORT = NetworkPolicyPort()
EVERY_ADDRESS = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where a packet goes. `pods` are (namespace, pod) of what stands behind a Service, None for what is
    outside of the cluster; `port` is then theirs, None where their names for it differ or are not known.
    `ip` "" when it is not known."""

    host: str
    port: int | None
    ip: str = ""
    pods: tuple[tuple[str, PodTemplate], ...] | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """`refusal` is the step that stops the connection; `doubt` says what it depends on where that is not
    known. Both empty: it passes."""

    refusal: Step | None = None
    doubt: str = ""


FREE = Passage()


def passage(snapshot: Snapshot, policies: tuple[NetworkPolicy, ...], target: Target) -> Passage:
    """Whether at least one of the policies that select a pod lets it connect to the target."""
    if not policies:
        return FREE
    verdicts = [
        _rule_allows(snapshot, rule, policy.namespace, target)
        for policy in policies
        for rule in policy.egress
    ]
    if True in verdicts:
        return FREE if is_address(target.host) else _resolving(policies, target)
    names = ", ".join(policy.ref.path for policy in policies)
    goal = f"TCP {target.port or 'of its port'} to {target.host}"
    if None in verdicts:
        what = "address" if target.pods is None else "pods"
        return Passage(doubt=f"Whether NetworkPolicy {names} lets {goal} out depends on its {what}.")
    verbs = ("selects", "has") if len(policies) == 1 else ("select", "have")
    text = f"{names} {verbs[0]} the pods and {verbs[1]} no egress rule that allows {goal}; a network plugin "
    text += "that enforces NetworkPolicies drops it."
    return Passage(Step("A NetworkPolicy stops it", text, policies[0].ref, "spec.egress", RULE))


def _resolving(policies: tuple[NetworkPolicy, ...], target: Target) -> Passage:
    """The doubt where no rule has a port for DNS: who answers the pods' questions, and whether the policies
    hold on the way there, cannot be seen."""
    ports = [port for policy in policies for rule in policy.egress for port in rule.ports or (EVERY_PORT,)]
    if any(port.covers(DNS_PORT, protocol) is not False for port in ports for protocol in ("UDP", "TCP")):
        return FREE
    names = ", ".join(policy.ref.path for policy in policies)
    doubt = f"No egress rule of {names} has port 53: the name {target.host} may not be resolved."
    return Passage(doubt=doubt)


def limiting_egress(snapshot: Snapshot) -> dict[str, tuple[NetworkPolicy, ...]]:
    """The policies that limit the egress of the pods that they select, by namespace and ordered by name."""
    found: dict[str, list[NetworkPolicy]] = {}
    for policy in snapshot.each(NetworkPolicy):
        if EGRESS in policy.policy_types:
            found.setdefault(policy.namespace, []).append(policy)
    return {namespace: tuple(policies) for namespace, policies in found.items()}


def _rule_allows(snapshot: Snapshot, rule: NetworkPolicyRule, namespace: str, target: Target) -> bool | None:
    port = _any([_covers(port, target) for port in rule.ports]) if rule.ports else True
    peer = _any([_peer(snapshot, peer, namespace, target) for peer in rule.peers]) if rule.peers else True
    if False in (port, peer):
        return False
    return None if None in (port, peer) else True


def _covers(port: NetworkPolicyPort, target: Target) -> bool | None:
    number = target.port
    if port.name and target.pods is None:
        return False  # the name is one that the containers of a pod give
    if number is None:
        return True if port.number is None and not port.name and port.protocol == "TCP" else None
    return port.covers(number)


def _peer(snapshot: Snapshot, peer: NetworkPolicyPeer, namespace: str, target: Target) -> bool | None:
    if peer.ip_block is not None:
        return _in_block(peer.ip_block, target.ip)
    if target.pods is None:
        return False
    chosen = [_selects(snapshot, peer, namespace, owner, pod) for owner, pod in target.pods]
    return chosen[0] if len(set(chosen)) == 1 else None


def _selects(
    snapshot: Snapshot, peer: NetworkPolicyPeer, namespace: str, owner: str, pod: PodTemplate
) -> bool | None:
    if peer.pod_selector is not None and not peer.pod_selector.matches(pod.labels):
        return False
    if peer.namespace_selector is None:
        return owner == namespace
    known = snapshot.namespaces.get(owner)
    if known is None and not peer.namespace_selector.keys <= {NAMESPACE_NAME_LABEL}:
        return None
    return peer.namespace_selector.matches(namespace_labels(owner, known.labels if known is not None else {}))


def _in_block(block: IpBlock, ip: str) -> bool | None:
    if not ip:
        return True if block.cidr in EVERY_ADDRESS and not block.exceptions else None
    address = ip_address(ip)

    def holds(cidr: str) -> bool:
        found = network(cidr)
        return found is not None and found.version == address.version and address in found

    return holds(block.cidr) and not any(holds(cidr) for cidr in block.exceptions)


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    found = set(verdicts)
    if True in found:
        return True
    return None if None in found else False
