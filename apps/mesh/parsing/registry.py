"""Which kind is read by which function. The one list to extend when a kind is added."""

from __future__ import annotations

from collections.abc import Callable

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.gatewayapi import GATEWAY_API
from apps.mesh.parsing import (
    config,
    envoyfilters,
    gatewayapi,
    networking,
    networkpolicies,
    routes,
    security,
    traffic,
    workloads,
)
from apps.mesh.parsing.fields import Fields, Problem
from apps.mesh.parsing.workloads import OwnedGroups, ParsedWorkload
from apps.mesh.refs import Manifest, ResourceRef

Parsed = MeshObject | ParsedWorkload | OwnedGroups
Reader = Callable[[Fields, ResourceRef], Parsed]

POD_GROUPS_KIND = "PodGroups"
POD_GROUPS_API = "meshconsole.io/v1"

CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "CustomResourceDefinition",
        "GatewayClass",
    }
)

READERS: dict[tuple[str, str], Reader] = {
    ("", "Namespace"): config.namespace,
    ("", "ConfigMap"): config.config_map,
    ("", "Service"): networking.service,
    ("", "ServiceAccount"): config.service_account,
    ("", "ReplicationController"): workloads.workload,
    ("apps", "Deployment"): workloads.workload,
    ("apps", "StatefulSet"): workloads.workload,
    ("apps", "DaemonSet"): workloads.workload,
    ("apps", "ReplicaSet"): workloads.workload,
    ("batch", "Job"): workloads.workload,
    ("batch", "CronJob"): workloads.workload,
    ("argoproj.io", "Rollout"): workloads.workload,
    ("apps.openshift.io", "DeploymentConfig"): workloads.workload,
    ("meshconsole.io", POD_GROUPS_KIND): workloads.pod_groups,
    ("networking.istio.io", "Sidecar"): networking.sidecar,
    ("networking.istio.io", "ServiceEntry"): networking.service_entry,
    ("networking.istio.io", "VirtualService"): routes.virtual_service,
    ("networking.istio.io", "WorkloadEntry"): networking.workload_entry,
    ("networking.istio.io", "ProxyConfig"): config.proxy_config,
    ("networking.istio.io", "Gateway"): traffic.gateway,
    ("networking.istio.io", "DestinationRule"): traffic.destination_rule,
    ("networking.istio.io", "EnvoyFilter"): envoyfilters.envoy_filter,
    (GATEWAY_API, "KubernetesGateway"): gatewayapi.kubernetes_gateway,
    (GATEWAY_API, "GatewayClass"): gatewayapi.gateway_class,
    (GATEWAY_API, "HTTPRoute"): gatewayapi.http_route,
    (GATEWAY_API, "GRPCRoute"): gatewayapi.grpc_route,
    (GATEWAY_API, "TLSRoute"): gatewayapi.tls_route,
    (GATEWAY_API, "TCPRoute"): gatewayapi.tcp_route,
    (GATEWAY_API, "ReferenceGrant"): gatewayapi.reference_grant,
    ("security.istio.io", "PeerAuthentication"): security.peer_authentication,
    ("networking.k8s.io", "NetworkPolicy"): networkpolicies.network_policy,
    ("security.istio.io", "RequestAuthentication"): security.request_authentication,
    ("security.istio.io", "AuthorizationPolicy"): security.authorization_policy,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): config.mutating_webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): config.validating_webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): config.custom_resource_definition,
}


def group_of(api_version: str) -> str:
    """`apps/v1` → `apps`; `v1` → "" (the core group)."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def parse(manifest: Manifest, ref: ResourceRef, problems: list[Problem]) -> Parsed | None:
    """The object of a manifest, or None for a kind that the mesh does not look into."""
    reader = READERS.get((group_of(str(manifest.get("apiVersion") or "")), ref.kind))
    if reader is None:
        return None
    return reader(Fields(manifest, ref, problems), ref)
