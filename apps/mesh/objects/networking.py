"""networking.istio.io objects and the Kubernetes Service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject


@dataclass(frozen=True, slots=True)
class Port:
    """`protocol` is the text of the object in upper case (`TLS`, `HTTP`, `TCP`); for a Service it
    is Kubernetes' (TCP, UDP, SCTP) and `app_protocol` and `name` decide what Istio makes of it."""

    number: int
    protocol: str = ""
    name: str = ""
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: str
    ports: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry(MeshObject):
    """`automatic` are the addresses that istiod has allocated, by host (`status.addresses`)."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    location: str = "MESH_EXTERNAL"
    resolution: str = "NONE"
    endpoints: tuple[Endpoint, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: Mapping[str, str] | None = None
    automatic: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(MeshObject):
    """`cluster_ips` leaves out `None`; a headless Service has none."""

    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] = ()
    headless: bool = False
    ports: tuple[Port, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    external_name: str = ""
    export_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundTrafficPolicy:
    """`mode` is the effective text: an absent mode inside a present policy is REGISTRY_ONLY,
    because that is the zero value of the enum (istio/api mesh/v1alpha1/config.proto)."""

    mode: str
    egress_proxy: str = ""
    mode_given: bool = True


@dataclass(frozen=True, slots=True)
class EgressListener:
    hosts: tuple[str, ...] = ()
    port: Port | None = None
    bind: str = ""
    capture_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar(MeshObject):
    """`workload_selector` None is "every workload"; an empty mapping also matches every workload,
    but counts as a selector. `egress` empty means `*/*`."""

    workload_selector: Mapping[str, str] | None = None
    egress: tuple[EgressListener, ...] = ()
    outbound_policy: OutboundTrafficPolicy | None = None
    ingress_listeners: int = 0


@dataclass(frozen=True, slots=True)
class StringMatch:
    """`kind` is exact, prefix or regex."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """One `match` of an http, tls or tcp route. `others` names conditions that are present and
    that a plain `GET /` cannot be said to meet (headers, queryParams …)."""

    port: int | None = None
    gateways: tuple[str, ...] = ()
    source_labels: Mapping[str, str] = field(default_factory=dict)
    source_namespace: str = ""
    uri: StringMatch | None = None
    authority: StringMatch | None = None
    method: StringMatch | None = None
    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteDestination:
    host: str
    port: int | None = None
    subset: str = ""
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """A route of any of the three protocols. `answers` says what happens where there is no
    destination: "redirect", "direct" (a direct response) or "delegate"; "" otherwise. `delegate` is
    the namespace ("" for the own) and name of the VirtualService that holds the real routes."""

    matches: tuple[RouteMatch, ...] = ()
    destinations: tuple[RouteDestination, ...] = ()
    answers: str = ""
    direct_status: int | None = None
    delegate: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualService(MeshObject):
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    export_to: tuple[str, ...] = ()
    http: tuple[Route, ...] = ()
    tls: tuple[Route, ...] = ()
    tcp: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayServer:
    hosts: tuple[str, ...] = ()
    port: Port | None = None
    tls_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(MeshObject):
    selector: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[GatewayServer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRule(MeshObject):
    host: str = ""
    tls_mode: str = ""
    subsets: tuple[str, ...] = ()
    selector: Mapping[str, str] | None = None
    export_to: tuple[str, ...] = ()
