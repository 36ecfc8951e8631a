"""The custom resource definitions of the Gateway API, as its experimental channel installs them.

A cluster serves these kinds where its store holds the definitions. Their schemas are open: what they refuse
is not played.
"""

from collections.abc import Mapping

from apps.simcluster.schema import Json

GROUP = "gateway.networking.k8s.io"
# kind → plural, versions, the stored one first
GATEWAY_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "GatewayClass": ("gatewayclasses", ("v1", "v1beta1")),
    "Gateway": ("gateways", ("v1", "v1beta1")),
    "HTTPRoute": ("httproutes", ("v1", "v1beta1")),
    "GRPCRoute": ("grpcroutes", ("v1",)),
    "TLSRoute": ("tlsroutes", ("v1alpha2",)),
    "TCPRoute": ("tcproutes", ("v1alpha2",)),
    "ReferenceGrant": ("referencegrants", ("v1beta1",)),
}


def gateway_definitions() -> list[Json]:
    """The CRD objects of all kinds."""
    return [_definition(kind, plural, versions) for kind, (plural, versions) in GATEWAY_KINDS.items()]


def _definition(kind: str, plural: str, versions: tuple[str, ...]) -> Json:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = [
        {
            "name": version,
            "served": True,
            "storage": version == versions[0],
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        for version in versions
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api",
                "gateway.networking.k8s.io/channel": "experimental",
            },
        },
        "spec": {
            "group": GROUP,
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
                "categories": ["gateway-api"],
            },
            "scope": "Cluster" if kind == "GatewayClass" else "Namespaced",
            "versions": served,
            "conversion": {"strategy": "None"},
        },
    }
