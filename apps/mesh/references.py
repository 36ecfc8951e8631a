"""What the names that objects give to each other mean: gateways of a VirtualService, hosts of a Gateway.

Follows pilot/pkg/model/config.go (resolveGatewayName). Hosts of Services are in `hosts`. Decides nothing.
"""

from __future__ import annotations

from apps.mesh.refs import ResourceRef

MESH_GATEWAY = "mesh"
"""The reserved word for the sidecars themselves."""


def gateway_ref(name: str, namespace: str) -> ResourceRef | None:
    """The Gateway that an object of a namespace means by `name`, `ns/name`, `./name` or the older
    `name.ns.svc.cluster.local`; None for `mesh`, which is no object."""
    if name == MESH_GATEWAY:
        return None
    if "/" in name:
        owner, _, short = name.partition("/")
        return ResourceRef("Gateway", namespace if owner == "." else owner, short)
    if "." in name:
        short, _, rest = name.partition(".")
        return ResourceRef("Gateway", rest.partition(".")[0], short)
    return ResourceRef("Gateway", namespace, name)


def old_form(name: str) -> bool:
    """Whether a Gateway is named as a Service would be, which the documentation no longer shows."""
    return "." in name and "/" not in name


def bound_host(text: str, namespace: str) -> tuple[str, str]:
    """Namespace and host of a server's `ns/host`, `./host` or `host`; "*" stands for any namespace
    (pkg/config/gateway; networking/v1alpha3/gateway.proto)."""
    owner, slash, host = text.rpartition("/")
    if not slash:
        return "*", text
    return (namespace if owner == "." else owner), host
