"""Kubernetes' NetworkPolicy. It holds beside the mesh, whatever Istio says."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.selectors import LabelSelector


@dataclass(frozen=True, slots=True)
class IpBlock:
    """The addresses of `cidr` but for those of `exceptions`."""

    cidr: str
    exceptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPolicyPeer:
    """Addresses, or pods: those of `pod_selector` (None: all) in the namespaces of
    `namespace_selector` (None: the policy's own)."""

    ip_block: IpBlock | None = None
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None


@dataclass(frozen=True, slots=True)
class NetworkPolicyPort:
    """`number` up to `end` (itself where None), or a container port's `name`; all ports with neither."""

    protocol: str = "TCP"
    number: int | None = None
    name: str = ""
    end: int | None = None

    def covers(self, number: int, protocol: str = "TCP") -> bool | None:
        """Whether a port is meant; None where that depends on what the containers call it."""
        if protocol != self.protocol:
            return False
        if self.name:
            return None
        return self.number is None or self.number <= number <= (self.end or self.number)


@dataclass(frozen=True, slots=True)
class NetworkPolicyRule:
    """Allows `ports` (none given: all) of `peers` (none given: everybody)."""

    peers: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy(MeshObject):
    """`policy_types` are those in force: where none are given, Ingress, and Egress where there are
    rules for it."""

    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    policy_types: tuple[str, ...] = ()
    ingress: tuple[NetworkPolicyRule, ...] = ()
    egress: tuple[NetworkPolicyRule, ...] = ()
