"""What the console asks for on a cluster, in words and as RBAC manifests. Pure data.

The read-only role has no Secrets and no write. ConfigMaps are asked for by name, so the role can
name them. The apply role is separate: without it the console sees and explains, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

ISTIO = "networking.istio.io"
SECURITY = "security.istio.io"
NETWORK = "networking.k8s.io"
GATEWAY_API = "gateway.networking.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
CRDS = "apiextensions.k8s.io"

# Istio's ConfigMaps hold the mesh's configuration, Speedscale's say what the operator was told.
ISTIO_CONFIG_MAPS = ("istio", "istio-user")
SPEEDSCALE_CONFIG_MAPS = (
    "speedscale-operator",
    "speedscale-operator-override",
    "speedscale-forwarder",
    "speedscale-nettap",
    "speedscale-nettap-targets",
)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing the console wants to do. `without` says what is missing if it may not."""

    group: str
    plural: str
    verb: str
    words: str
    without: str
    needed: bool = True


def _list(group: str, plural: str, words: str, without: str, needed: bool = True) -> Need:
    return Need(group, plural, "list", f"see {words}", without, needed)


def _gateway_api(plural: str, words: str, without: str) -> Need:
    """The Gateway API is an addition: a cluster without it lacks nothing."""
    return _list(GATEWAY_API, plural, words, without, False)


READ: tuple[Need, ...] = (
    _list("", "namespaces", "namespaces", "nothing can be said about any workload"),
    _list("", "pods", "pods", "whether the running pods have their proxies stays unknown"),
    _list("", "services", "services", "what the mesh reaches inside the cluster stays unknown"),
    _list(
        "", "configmaps", "Istio's and Speedscale's ConfigMaps", "the outbound traffic policy stays unknown"
    ),
    _list("apps", "deployments", "deployments", "deployments are known through their pods only"),
    _list("apps", "statefulsets", "stateful sets", "stateful sets are known through their pods only"),
    _list("apps", "daemonsets", "daemon sets", "daemon sets are known through their pods only"),
    _list("batch", "jobs", "jobs", "jobs are known through their pods only"),
    _list("batch", "cronjobs", "cron jobs", "cron jobs are not shown"),
    _list(ISTIO, "serviceentries", "service entries", "every egress verdict stays unknown"),
    _list(ISTIO, "sidecars", "sidecars", "every egress verdict stays unknown"),
    _list(ISTIO, "virtualservices", "virtual services", "routes through egress gateways stay unknown"),
    _list(ISTIO, "destinationrules", "destination rules", "TLS origination stays unknown"),
    _list(ISTIO, "gateways", "gateways", "egress and ingress gateways stay unknown"),
    _list(ISTIO, "envoyfilters", "Envoy filters", "patches of proxies are not seen"),
    _list(ISTIO, "workloadentries", "workload entries", "endpoints outside of the cluster stay unknown"),
    _list(ISTIO, "proxyconfigs", "proxy configurations", "settings of single proxies are not seen"),
    _gateway_api("httproutes", "HTTP routes", "HTTP routes of the Gateway API stay unknown"),
    _gateway_api("grpcroutes", "gRPC routes", "gRPC routes of the Gateway API stay unknown"),
    _gateway_api("tlsroutes", "TLS routes", "TLS routes of the Gateway API stay unknown"),
    _gateway_api("tcproutes", "TCP routes", "TCP routes of the Gateway API stay unknown"),
    _gateway_api("gateways", "Kubernetes gateways", "gateways of the Gateway API stay unknown"),
    _gateway_api("gatewayclasses", "gateway classes", "whose the gateways are stays unknown"),
    _gateway_api("referencegrants", "reference grants", "routes across namespaces stay unknown"),
    _list(SECURITY, "peerauthentications", "peer authentications", "mutual TLS modes stay unknown"),
    _list(SECURITY, "authorizationpolicies", "authorization policies", "who may call whom stays unknown"),
    _list(SECURITY, "requestauthentications", "request authentications", "they are not checked"),
    _list("", "serviceaccounts", "service accounts", "accounts that policies name are not checked"),
    _list(NETWORK, "networkpolicies", "network policies", "what the network lets through stays unknown"),
    _list(
        ADMISSION, "mutatingwebhookconfigurations", "mutating webhooks", "expected injection stays unknown"
    ),
    _list(
        ADMISSION,
        "validatingwebhookconfigurations",
        "validating webhooks",
        "Istio's validation stays unknown",
    ),
    _list(CRDS, "customresourcedefinitions", "custom resource definitions", "CRD versions stay unknown"),
    _list("argoproj.io", "rollouts", "Argo rollouts", "rollouts are known through their pods only", False),
)


def _write(group: str, plural: str, verb: str, words: str) -> Need:
    return Need(group, plural, verb, words, "approved changes of this kind cannot be applied")


APPLY: tuple[Need, ...] = (
    _write(ISTIO, "serviceentries", "create", "create service entries"),
    _write(ISTIO, "serviceentries", "patch", "change service entries"),
    _write(ISTIO, "serviceentries", "delete", "delete service entries (to revert)"),
    _write(ISTIO, "sidecars", "create", "create sidecars"),
    _write(ISTIO, "sidecars", "patch", "change sidecars"),
    _write(ISTIO, "sidecars", "delete", "delete sidecars (to revert)"),
    _write(ISTIO, "virtualservices", "patch", "change virtual services"),
    _write(ISTIO, "destinationrules", "patch", "change destination rules"),
    _write(SECURITY, "peerauthentications", "create", "create peer authentications"),
    _write(SECURITY, "peerauthentications", "patch", "change peer authentications"),
    _write(SECURITY, "peerauthentications", "delete", "delete peer authentications (to revert)"),
    _write("apps", "deployments", "patch", "annotate deployments"),
    _write("apps", "statefulsets", "patch", "annotate stateful sets"),
    _write("apps", "daemonsets", "patch", "annotate daemon sets"),
)

NAMESPACE = "meshconsole"

READ_MANIFEST = """\
apiVersion: v1
kind: Namespace
metadata:
  name: meshconsole
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: meshconsole
  namespace: meshconsole
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: meshconsole-read
rules:
- apiGroups: [""]
  resources: [namespaces, pods, services, serviceaccounts]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets, replicasets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
- apiGroups: [networking.istio.io, security.istio.io]
  resources: ["*"]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: ["*"]
  verbs: [get, list, watch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations]
  verbs: [get, list, watch]
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: meshconsole-read
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: meshconsole-read
subjects:
- kind: ServiceAccount
  name: meshconsole
  namespace: meshconsole
"""

APPLY_MANIFEST = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: meshconsole-apply
rules:
- apiGroups: [networking.istio.io]
  resources: [serviceentries, sidecars, virtualservices, destinationrules]
  verbs: [get, create, patch, delete]
- apiGroups: [security.istio.io]
  resources: [peerauthentications]
  verbs: [get, create, patch, delete]
# For annotations of Speedscale; of a workload the console writes nothing else.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: meshconsole-apply
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: meshconsole-apply
subjects:
- kind: ServiceAccount
  name: meshconsole
  namespace: meshconsole
"""
