"""Which kinds are read from a cluster, how much of each, and in which order. One row a kind.

Webhooks and deployments come before ConfigMaps: they name the revisions whose configuration is asked
for. ReplicaSets are not read: a pod's own labels say which Deployment it belongs to (Istio's rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.clusters import rbac
from apps.inventory import trimmed
from apps.inventory.pods import Pod


@dataclass(frozen=True, slots=True)
class Kind:
    """`kind` is the console's word for it, `named` the server's where that is another one. `item_type` is
    what an item is decoded into. `whole` keeps the object as it is (but for status
    and managedFields) because it may be edited. `by_name` asks for single names only."""

    group: str
    plural: str
    kind: str
    item_type: Any
    limit: int = 500
    whole: bool = False
    workload: bool = False
    by_name: bool = False
    groups_kept: tuple[str, ...] = ()
    named: str = ""

    @property
    def served_as(self) -> str:
        return self.named or self.kind


def _istio(group: str, plural: str, kind: str) -> Kind:
    return Kind(group, plural, kind, dict[str, Any], whole=True)


KINDS: tuple[Kind, ...] = (
    Kind("", "namespaces", "Namespace", trimmed.Namespace),
    Kind(
        rbac.ADMISSION,
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        dict[str, Any],
        whole=True,
    ),
    Kind(
        rbac.ADMISSION,
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        dict[str, Any],
        whole=True,
    ),
    Kind(
        rbac.CRDS,
        "customresourcedefinitions",
        "CustomResourceDefinition",
        trimmed.Crd,
        limit=50,  # a definition with its schema easily has 200 kB
        groups_kept=("istio.io", "speedscale.com"),
    ),
    Kind("apps", "deployments", "Deployment", trimmed.Workload, workload=True),
    Kind("apps", "statefulsets", "StatefulSet", trimmed.Workload, workload=True),
    Kind("apps", "daemonsets", "DaemonSet", trimmed.Workload, workload=True),
    Kind("batch", "jobs", "Job", trimmed.Workload, workload=True),
    Kind("batch", "cronjobs", "CronJob", trimmed.CronJob, workload=True),
    Kind("argoproj.io", "rollouts", "Rollout", trimmed.Workload, workload=True),
    Kind("", "services", "Service", trimmed.Service),
    _istio(rbac.ISTIO, "serviceentries", "ServiceEntry"),
    _istio(rbac.ISTIO, "sidecars", "Sidecar"),
    _istio(rbac.ISTIO, "virtualservices", "VirtualService"),
    _istio(rbac.ISTIO, "destinationrules", "DestinationRule"),
    _istio(rbac.ISTIO, "gateways", "Gateway"),
    _istio(rbac.ISTIO, "envoyfilters", "EnvoyFilter"),
    _istio(rbac.ISTIO, "workloadentries", "WorkloadEntry"),
    _istio(rbac.ISTIO, "proxyconfigs", "ProxyConfig"),
    _istio(rbac.GATEWAY_API, "httproutes", "HTTPRoute"),
    _istio(rbac.GATEWAY_API, "grpcroutes", "GRPCRoute"),
    _istio(rbac.GATEWAY_API, "tlsroutes", "TLSRoute"),
    _istio(rbac.GATEWAY_API, "tcproutes", "TCPRoute"),
    Kind(rbac.GATEWAY_API, "gateways", "KubernetesGateway", dict[str, Any], whole=True, named="Gateway"),
    _istio(rbac.GATEWAY_API, "gatewayclasses", "GatewayClass"),
    _istio(rbac.GATEWAY_API, "referencegrants", "ReferenceGrant"),
    _istio(rbac.SECURITY, "peerauthentications", "PeerAuthentication"),
    _istio(rbac.SECURITY, "authorizationpolicies", "AuthorizationPolicy"),
    _istio(rbac.SECURITY, "requestauthentications", "RequestAuthentication"),
    Kind(rbac.NETWORK, "networkpolicies", "NetworkPolicy", trimmed.NetworkPolicy),
    Kind("", "serviceaccounts", "ServiceAccount", trimmed.ServiceAccount),
    Kind("", "configmaps", "ConfigMap", trimmed.ConfigMap, by_name=True),
    Kind("", "pods", "Pod", Pod),
)

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(kind.group for kind in KINDS))
EDITABLE: frozenset[str] = frozenset(kind.kind for kind in KINDS if kind.whole)
BY_NAME: Mapping[str, Kind] = {kind.kind: kind for kind in KINDS}
