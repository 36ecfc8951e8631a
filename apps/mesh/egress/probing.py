"""One connection against one port view, the address included where it can be known.

An address that nobody gave is worked out for Services and literal addresses; for the rest the
listeners that only some address would reach are kept as alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address

from apps.mesh.egress.matching import Match, PortView, match_connection
from apps.mesh.egress.registry import Registry
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import is_address, is_wildcard, service_host, service_names, subset_of
from apps.mesh.verdicts import Destination

PROBE_LABEL = "any-name-below"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another address would lead to. `lists` says whether the service there lists the host."""

    address: str
    match: Match
    service: RegistryService
    lists: bool


@dataclass(frozen=True, slots=True)
class Connection:
    match: Match
    alternatives: tuple[Alternative, ...] = ()

    @property
    def names_subsets(self) -> bool:
        """Whether it rests on the subsets that a DestinationRule of the client's has."""
        matches = (self.match, *(item.match for item in self.alternatives))
        return any(subset for match in matches for _, _, subset in (*match.clusters, *match.missing))


def normal(destination: Destination) -> Destination:
    """The destination with its host in lower case, and without an `ip` that is none."""
    ip = str(ip_address(destination.ip)) if is_address(destination.ip) else ""
    host = destination.host.lower().rstrip(".")
    if (host, ip) == (destination.host, destination.ip):
        return destination
    return replace(destination, host=host, ip=ip)


def probed_host(destination: Destination) -> str:
    """The name to send: for `*.x` one below x, as such an entry asks for every name there."""
    return PROBE_LABEL + destination.host[1:] if is_wildcard(destination.host) else destination.host


def connect(
    view: PortView, registry: Registry, host: str, destination: Destination, namespace: str
) -> Connection:
    """Follows the connection; without an address also to the listeners of single addresses."""
    ip = destination.ip or (host if is_address(host) else _cluster_ip(registry, host, namespace))
    pods_of = "" if ip else _headless(registry, host, namespace)
    match = match_connection(view, host, destination.protocol, ip, pods_of=pods_of)
    if ip or pods_of:
        return Connection(match)
    found: list[Alternative] = []
    for address, service in view.listeners.addresses():
        other = match_connection(view, host, destination.protocol, address)
        if (other.outcome, other.clusters) != (match.outcome, match.clusters):
            found.append(Alternative(address, other, service, subset_of(host, service.host)))
    return Connection(match, tuple(found))


def _headless(registry: Registry, host: str, namespace: str) -> str:
    """The service without an address of its own that the name, or the name of one of its pods, means."""
    for name in (host, host.partition(".")[2]):
        names = service_names(name, namespace)
        for full in (name, service_host(*names) if names is not None else ""):
            for service in registry.by_host.get(full, ()):
                if service.headless or (service.selects and not service.kubernetes):
                    return service.host
    return ""


def _cluster_ip(registry: Registry, host: str, namespace: str) -> str:
    """What the name resolves to where that is known: the cluster IP of a Service, by its full name or
    by one that the namespace's resolver completes, or the address that istiod allocated."""
    for service in registry.by_host.get(host, ()):
        if service.automatic:
            return service.address
    names = service_names(host, namespace)
    for service in registry.by_host.get(service_host(*names), ()) if names is not None else ():
        if service.kubernetes and service.has_address:
            return service.address
    return ""
