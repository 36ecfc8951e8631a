"""What istiod's service registry makes of one Service or ServiceEntry.

Follows pilot/pkg/serviceregistry (serviceentry/conversion.go, kube/conversion.go) and
pkg/config/kube/conversion.go. Knows nothing of the registry as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from apps.mesh.hosts import is_address, network, service_host
from apps.mesh.objects.networking import Port, Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import (
    EntryVisibility,
    effective_export,
)

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 Istio's word for "no address", nothing is bound here
DYNAMIC_DNS = "DYNAMIC_DNS"
"""The resolution with which a proxy looks up what is below a wildcard by the name that it is asked for."""
PODS = "pods of "
"""Stands before a host in the name of a listener for addresses that a snapshot does not hold."""
DNS = frozenset({"DNS", "DNS_ROUND_ROBIN"})
WELL_KNOWN_TCP_PORTS = frozenset({25, 53, 3306, 27017})
SERVER_FIRST = frozenset({"MONGO", "MYSQL"})
_HTTP = frozenset({"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"})
_TLS = frozenset({"HTTPS", "TLS"})
_TCP = frozenset({"TCP", "MONGO", "REDIS", "MYSQL"})
_APP_PROTOCOLS = {"kubernetes.io/h2c": "HTTP2", "kubernetes.io/ws": "HTTP", "kubernetes.io/wss": "HTTPS"}
AUTO = "AUTO"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """`protocol` is Istio's: HTTP, HTTP2, GRPC, TLS, HTTPS, TCP, …, UDP, or AUTO where it is sniffed."""

    number: int
    protocol: str
    name: str = ""

    @property
    def http(self) -> bool:
        return self.protocol in _HTTP

    @property
    def tls(self) -> bool:
        return self.protocol in _TLS

    @property
    def tcp(self) -> bool:
        return self.protocol in _TCP or self.protocol in _TLS

    @property
    def sniffed(self) -> bool:
        return self.protocol == AUTO


@dataclass(frozen=True, slots=True)
class RegistryService:
    """One host (and one address) of the registry. `address` is an IP, a CIDR or 0.0.0.0."""

    host: str
    namespace: str
    ref: ResourceRef
    ports: tuple[ServicePort, ...]
    address: str = ANY_ADDRESS
    extra_addresses: tuple[str, ...] = ()
    resolution: str = "NONE"
    kubernetes: bool = False
    automatic: bool = False
    headless: bool = False
    endpoints: tuple[str, ...] = ()
    selects: bool = False
    alias_of: str = ""
    aliases: tuple[str, ...] = ()
    external: bool = False
    exported: frozenset[str] = frozenset()
    merge_key: tuple[object, ...] = ()
    created: str = ""

    @property
    def has_address(self) -> bool:
        return self.address != ANY_ADDRESS

    @property
    def cidr(self) -> bool:
        return "/" in self.address

    def port(self, number: int) -> ServicePort | None:
        return next((port for port in self.ports if port.number == number), None)


@lru_cache(maxsize=1024)
def listener_protocol(text: str) -> str:
    """Istio's protocol.Parse of a ServiceEntry's or listener's protocol; AUTO for what it does not know."""
    upper = text.upper()
    return upper if upper in _HTTP or upper in _TLS or upper in _TCP or upper == "UDP" else AUTO


def service_protocol(port: Port) -> str:
    """What Istio makes of a Service's port: appProtocol, else the prefix of its name, else sniffing;
    plain TCP on the ports where a server speaks first."""
    if port.protocol == "UDP":
        return "UDP"
    if port.app_protocol in _APP_PROTOCOLS:
        return _APP_PROTOCOLS[port.app_protocol]
    name = port.app_protocol or port.name
    if name.lower().startswith("grpc-web"):
        return "GRPC-WEB"
    found = listener_protocol(name.partition("-")[0])
    return "TCP" if found == AUTO and port.number in WELL_KNOWN_TCP_PORTS else found


def from_service(service: Service, default: tuple[str, ...]) -> list[RegistryService]:
    if service.type == "ExternalName" and not service.external_name:
        return []
    addresses = tuple(address for address in service.cluster_ips if is_address(address))
    return [
        RegistryService(
            host=service_host(service.name, service.namespace),
            namespace=service.namespace,
            ref=service.ref,
            ports=tuple(ServicePort(p.number, service_protocol(p), p.name) for p in service.ports),
            address=addresses[0] if addresses else ANY_ADDRESS,
            extra_addresses=addresses[1:],
            resolution="NONE" if service.headless else "STATIC",
            kubernetes=True,
            headless=service.headless,
            selects=bool(service.selector),
            alias_of=service.external_name if service.type == "ExternalName" else "",
            external=service.type == "ExternalName",
            exported=effective_export(service.export_to, default, service.namespace),
            merge_key=("Kubernetes",),
            created=service.created,
        )
    ]


def from_entry(
    entry: ServiceEntry, default: tuple[str, ...], cap: EntryVisibility, dns_capture: bool
) -> list[RegistryService]:
    """One service for each host and each address, as convertServices makes them. Where proxies answer
    DNS, a host without addresses has the one that istiod allocated."""
    exported = effective_export(entry.export_to, default, entry.namespace, cap)
    ports = tuple(ServicePort(p.number, listener_protocol(p.protocol), p.name) for p in entry.ports)
    selector = entry.workload_selector
    merge_key = (
        entry.resolution,
        tuple(sorted(entry.labels.items())),
        tuple(sorted((selector or {}).items())),
        frozenset(entry.export_to),
    )
    opted_out = entry.labels.get("networking.istio.io/enable-autoallocate-ip", "").lower() == "false"
    allocates = dns_capture and entry.resolution != "NONE" and not opted_out
    automatic = {host: ip for host, ip in entry.automatic.items() if allocates and is_address(ip)}
    given = [found for found in map(_address, entry.addresses) if found]
    addresses = given if entry.addresses else [ANY_ADDRESS]
    return [
        RegistryService(
            host=host,
            namespace=entry.namespace,
            ref=entry.ref,
            ports=ports,
            address=automatic.get(host, address) if address == ANY_ADDRESS else address,
            automatic=address == ANY_ADDRESS and host in automatic,
            resolution=entry.resolution,
            endpoints=tuple(endpoint.address for endpoint in entry.endpoints),
            selects=selector is not None,
            external=entry.location == "MESH_EXTERNAL",
            exported=exported,
            merge_key=merge_key,
            created=entry.created,
        )
        for host in entry.hosts
        for address in addresses
    ]


def _address(text: str) -> str:
    """An IP or a CIDR; a CIDR of one address is that address; "" for anything else."""
    found = network(text)
    if found is None:
        return ""
    return str(found.network_address) if found.num_addresses == 1 else text
