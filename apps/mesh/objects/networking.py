"""networking.istio.io objects and the Kubernetes Service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.traffic import ClientTls, Subset, TrafficPolicy
from apps.mesh.refs import ResourceRef


@dataclass(frozen=True, slots=True)
class Port:
    """`protocol` is the text of the object in upper case (`TLS`, `HTTP`, `TCP`); for a Service it
    is Kubernetes' (TCP, UDP, SCTP) and `app_protocol` and `name` decide what Istio makes of it.
    `target_port` is a number or the name of a container's port; "" where it is the same number."""

    number: int
    protocol: str = ""
    name: str = ""
    app_protocol: str = ""
    target_port: str = ""
    node_port: int | None = None


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
class WorkloadEntry(MeshObject):
    """`labels` are those of the object before those of its `spec`, as ServiceEntries select by. `probed` is
    whether istiod only counts it while a health check says so."""

    address: str = ""
    probed: bool = False


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
    that a plain `GET /` cannot be said to meet (headers, queryParams …). A header or parameter
    whose match is None only has to be there. Two matches that are equal but for `name` are the same
    to Istio (pkg/config/validation asJSON)."""

    name: str = ""
    port: int | None = None
    gateways: tuple[str, ...] = ()
    source_labels: Mapping[str, str] = field(default_factory=dict)
    source_namespace: str = ""
    uri: StringMatch | None = None
    authority: StringMatch | None = None
    method: StringMatch | None = None
    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    source_subnet: str = ""
    scheme: StringMatch | None = None
    headers: Mapping[str, StringMatch | None] = field(default_factory=dict)
    without_headers: Mapping[str, StringMatch | None] = field(default_factory=dict)
    query_params: Mapping[str, StringMatch | None] = field(default_factory=dict)
    ignore_uri_case: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteDestination:
    """`weight` is 0 where none is given, and `weight_given` tells which of the two it is. `host` is
    as the object says it, in lower case; see `references` for what it means. `sets_headers` is whether
    what goes there is given `headers` of its own."""

    host: str
    port: int | None = None
    subset: str = ""
    weight: int = 0
    weight_given: bool = False
    sets_headers: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What of a request is rewritten; `uri_regex` is the pattern of `uriRegexRewrite`."""

    uri: str = ""
    authority: str = ""
    uri_regex: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """A fault that answers requests instead of the host: `percent` of them, with an HTTP status or, where
    that is None, with the gRPC status `grpc`."""

    percent: float
    status: int | None = None
    grpc: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of any of the three protocols. `answers` says what happens where there is no
    destination: "redirect", "direct" (a direct response) or "delegate"; "" otherwise. `delegate` is
    the namespace ("" for the own) and name of the VirtualService that holds the real routes. `given`
    names the fields that are present (`route`, `fault`, `retries` …). `header_operations` are
    (`request.set`, name in lower case) and so on, of the route itself. `timeout` is the text. `authority` is
    the Host that requests are given, by `rewrite` or by a header that is set; "" where they keep theirs."""

    name: str = ""
    matches: tuple[RouteMatch, ...] = ()
    destinations: tuple[RouteDestination, ...] = ()
    answers: str = ""
    direct_status: int | None = None
    delegate: tuple[str, str] = ("", "")
    mirrors: tuple[RouteDestination, ...] = ()
    rewrite: Rewrite | None = None
    timeout: str = ""
    header_operations: tuple[tuple[str, str], ...] = ()
    authority: str = ""
    abort: Abort | None = None
    given: tuple[str, ...] = ()

    @property
    def answer(self) -> tuple[str, int | None]:
        """What the proxy answers itself and with which status: as `answers` says, or "abort" for a fault that
        every request meets, which comes first (the fault filter stands before the router)."""
        if self.abort is not None and self.abort.percent >= 100:
            return "abort", self.abort.status
        return self.answers, self.direct_status


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualService(MeshObject):
    """istiod makes some of routes of the Gateway API: these bear the ref of the route, and `merged` are
    the refs of others that went into the same one."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    export_to: tuple[str, ...] = ()
    http: tuple[Route, ...] = ()
    tls: tuple[Route, ...] = ()
    tcp: tuple[Route, ...] = ()
    merged: tuple[ResourceRef, ...] = ()

    @property
    def of_gateway_api(self) -> bool:
        return self.ref.kind != "VirtualService"


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """`hosts` are `namespace/host` or a host, as given. `tls_mode` is "" without `tls`, and
    PASSTHROUGH for a `tls` that names no mode: that is the zero value of the enum."""

    hosts: tuple[str, ...] = ()
    port: Port | None = None
    tls_mode: str = ""
    name: str = ""
    bind: str = ""
    credential_names: tuple[str, ...] = ()
    https_redirect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(MeshObject):
    """An empty `selector` is one that is not given; it selects every workload's proxy."""

    selector: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[GatewayServer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRule(MeshObject):
    """`selector` None is "every proxy that sees the rule"; `policy_given` is False where there is no
    `trafficPolicy` at all, so that the one of a younger rule for the host counts."""

    host: str = ""
    policy_given: bool = False
    policy: TrafficPolicy = field(default_factory=TrafficPolicy)
    subsets: tuple[Subset, ...] = ()
    selector: Mapping[str, str] | None = None
    export_to: tuple[str, ...] = ()

    def tls_for(self, port: int, subset: str = "") -> ClientTls | None:
        """The client settings in force for a port of the host, or of one of its subsets; None where
        the rule leaves it to auto mTLS. Settings of a port inherit nothing, those of a subset what
        they leave out (pilot/pkg/networking/util MergeTrafficPolicy)."""
        chosen = self.policy.tls_at(port)
        for item in self.subsets:
            if item.name == subset and subset:
                own = item.policy
                return own.tls_at(port) if port in own.port_tls else own.tls or chosen
        return chosen
