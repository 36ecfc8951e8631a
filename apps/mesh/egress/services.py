"""The service registry as istiod builds it from Services and ServiceEntries.

Follows pilot/pkg/serviceregistry (serviceentry/conversion.go, kube/conversion.go) and
pkg/config/kube/conversion.go. Knows nothing of Sidecars.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from apps.mesh.hosts import is_address, network, service_host
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.networking import Port, Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import (
    EntryVisibility,
    discovered,
    effective_export,
    entry_cap,
    in_revision,
)

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 Istio's word for "no address", nothing is bound here
PODS = "pods of "
"""Stands before a host in the name of a listener for addresses that a snapshot does not hold."""
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


@dataclass(frozen=True, slots=True)
class Registry:
    """All services one control plane knows, the oldest first. `hidden` are ServiceEntries it never
    reads, each with the reason."""

    services: tuple[RegistryService, ...]
    by_host: dict[str, tuple[RegistryService, ...]] = field(default_factory=dict)
    hidden: tuple[tuple[ServiceEntry, str], ...] = ()


class Registries:
    """The registry of each control plane, built once; ask for it through `snapshot.derived`. Control planes
    that read the same share one: a patched snapshot may come with another MeshConfig."""

    INPUTS: ClassVar[frozenset[str]] = frozenset({"Namespace", "Service", "ServiceEntry"})
    __slots__ = ("_found", "_snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: list[tuple[ControlPlane, Registry]] = []

    def of(self, plane: ControlPlane) -> Registry:
        read_by = reader(plane)
        found = next((registry for known, registry in self._found if known == read_by), None)
        if found is None:
            found = build_registry(self._snapshot, plane)
            self._found.append((read_by, found))
        return found


def reader(plane: ControlPlane) -> ControlPlane:
    """The control plane without what decides nothing about what it reads: its policy, and what it runs as."""
    config = replace(plane.config, outbound=None, policy_ref=None, policy_line=0, unread=())
    return replace(plane, config=config, version="", deployment=None, config_map=None)


def build_registry(snapshot: Snapshot, plane: ControlPlane) -> Registry:
    """The registry of a control plane: its discovery selectors and revision filter applied."""
    config = plane.config
    hidden: list[tuple[ServiceEntry, str]] = []
    services: list[RegistryService] = []
    for service in snapshot.each(Service):
        if _discovered(snapshot, plane, service.namespace):
            services.extend(_from_service(service, config.service_export_to))
    for entry in snapshot.each(ServiceEntry):
        if not _discovered(snapshot, plane, entry.namespace):
            hidden.append((entry, "its namespace is outside the mesh's discoverySelectors"))
        elif not in_revision(entry.labels, plane.revision, plane.tags):
            hidden.append((entry, f"its label istio.io/rev limits it to {entry.labels['istio.io/rev']}"))
        else:
            cap = _cap(snapshot, plane, entry)
            services.extend(_from_entry(entry, config.service_export_to, cap, config.dns_capture))
    services.sort(key=lambda item: (item.created, f"{_sort_name(item)}.{item.namespace}"))
    ordered = _with_aliases(services)
    by_host: dict[str, list[RegistryService]] = {}
    for item in ordered:
        by_host.setdefault(item.host, []).append(item)
    return Registry(ordered, {host: tuple(items) for host, items in by_host.items()}, tuple(hidden))


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


def _discovered(snapshot: Snapshot, plane: ControlPlane, namespace: str) -> bool:
    selectors = plane.config.discovery_selectors
    if not selectors:
        return True
    found = snapshot.namespaces.get(namespace)
    return discovered(selectors, found.labels if found is not None else {})


def _cap(snapshot: Snapshot, plane: ControlPlane, entry: ServiceEntry) -> EntryVisibility:
    if not plane.config.entry_cap_applies:
        return EntryVisibility.PUBLIC
    found = snapshot.namespaces.get(entry.namespace)
    labels = found.labels if found is not None else {}
    return entry_cap(plane.config.entry_policies, plane.config.entry_default, labels)


def _sort_name(item: RegistryService) -> str:
    return item.ref.name if item.kubernetes else item.host


def _from_service(service: Service, default: tuple[str, ...]) -> list[RegistryService]:
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


def _from_entry(
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
        tuple(sorted(exported)),
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


def _with_aliases(services: Iterable[RegistryService]) -> tuple[RegistryService, ...]:
    """Gives each service the ExternalName hosts that point at it."""
    services = tuple(services)
    targets = {service.host: service.alias_of for service in services if service.alias_of}
    if not targets:
        return services
    aliases: dict[str, list[str]] = {}
    for host in sorted(targets):
        target, seen = targets[host], {host}
        while target in targets and target not in seen:
            seen.add(target)
            target = targets[target]
        if target not in targets:
            aliases.setdefault(target, []).append(host)
    return tuple(
        replace(service, aliases=tuple(aliases[service.host])) if service.host in aliases else service
        for service in services
    )
