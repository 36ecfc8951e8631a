"""gateway.networking.k8s.io objects: routes, the gateways they attach to, classes and grants."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import RouteMatch
from apps.mesh.objects.selectors import LabelSelector

GATEWAY_API = "gateway.networking.k8s.io"
SAME = "Same"


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """What a route attaches to or sends to, with the API's defaults filled in; `group` "" is the core
    group, `namespace` the route's own where none is given (`elsewhere` tells whether one was)."""

    group: str
    kind: str
    namespace: str
    name: str
    port: int | None = None
    section: str = ""
    elsewhere: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Backend:
    target: ObjectReference
    weight: int = 1


@dataclass(frozen=True, slots=True)
class GatewayRouteRule:
    """`matches` is empty where a rule takes everything; `filters` are the types that are asked for, those
    of backends included. `wrong` says why Istio refuses the rule, "" where it does not."""

    matches: tuple[RouteMatch, ...] = ()
    backends: tuple[Backend, ...] = ()
    filters: tuple[str, ...] = ()
    wrong: str = ""

    @property
    def redirects(self) -> bool:
        return "RequestRedirect" in self.filters


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRoute(MeshObject):
    """What the kinds of routes have in common."""

    parents: tuple[ObjectReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[GatewayRouteRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPRoute(GatewayRoute):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPCRoute(GatewayRoute):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSRoute(GatewayRoute):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TCPRoute(GatewayRoute):
    pass


GATEWAY_ROUTES: tuple[type[GatewayRoute], ...] = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)


@dataclass(frozen=True, slots=True)
class GatewayListener:
    """`hostname` "" takes every name. `routes_from` is Same, All, Selector or None; `kinds` are those
    that may attach, empty for all that the protocol has. `tls_option` is Istio's own mode for TLS that ends
    here, "" where none is given."""

    name: str
    port: int
    protocol: str
    hostname: str = ""
    tls_mode: str = ""
    has_tls: bool = False
    tls_option: str = ""
    routes_from: str = SAME
    namespaces: LabelSelector = field(default_factory=LabelSelector)
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesGateway(MeshObject):
    """The Gateway of the Gateway API; the word sets it apart from Istio's own kind of that name.
    `admits_listener_sets` is whether other objects may add listeners."""

    class_name: str = ""
    listeners: tuple[GatewayListener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()
    admits_listener_sets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayClass(MeshObject):
    controller: str = ""


@dataclass(frozen=True, slots=True)
class GrantSide:
    """Of `from`: group, kind and namespace; of `to`: group, kind and name ("" for any)."""

    group: str
    kind: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceGrant(MeshObject):
    sources: tuple[GrantSide, ...] = ()
    targets: tuple[GrantSide, ...] = ()

    def allows(self, kind: str, namespace: str, target: ObjectReference) -> bool:
        """Whether routes of a kind in a namespace may send to the target, which is in the grant's own."""
        return (
            target.namespace == self.namespace
            and GrantSide(GATEWAY_API, kind, namespace) in self.sources
            and any(
                (side.group, side.kind) == (target.group, target.kind) and side.place in ("", target.name)
                for side in self.targets
            )
        )
