"""One connection against one port view, the address included where it can be known.

An address that nobody gave is worked out for Services and literal addresses; for the rest the
listeners that only some address would reach are kept as alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.mesh.egress.chains import Listener, TcpTarget
from apps.mesh.egress.matching import Match, PortView, match_connection
from apps.mesh.egress.services import ANY_ADDRESS, Registry, RegistryService
from apps.mesh.hosts import is_address, is_wildcard, network, short_names, subset_of
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


def probed_host(destination: Destination) -> str:
    """The name to send: for `*.x` one below x, as such an entry asks for every name there."""
    return PROBE_LABEL + destination.host[1:] if is_wildcard(destination.host) else destination.host


def connect(
    view: PortView, registry: Registry, host: str, destination: Destination, namespace: str
) -> Connection:
    """Follows the connection; without an address also to the listeners of single addresses."""
    ip = destination.ip or (host if is_address(host) else _cluster_ip(registry, host, namespace))
    match = match_connection(view, host, destination.protocol, ip)
    if ip:
        return Connection(match)
    found: list[Alternative] = []
    for address, service in _addresses(view):
        other = match_connection(view, host, destination.protocol, address)
        if (other.outcome, other.clusters) != (match.outcome, match.clusters):
            found.append(Alternative(address, other, service, subset_of(host, service.host)))
    return Connection(match, tuple(found))


def _cluster_ip(registry: Registry, host: str, namespace: str) -> str:
    """The cluster IP of a Service, by its full name or by one that the namespace's resolver completes."""
    for service in registry.by_host.get(host, ()):
        if service.kubernetes and service.has_address:
            return service.address
    if "." in host and not host.endswith(".svc") and host.count(".") > 1:
        return ""
    for services in registry.by_host.values():
        service = services[0]
        if service.kubernetes and service.has_address and host in short_names(service.host, namespace):
            return service.address
    return ""


def _addresses(view: PortView) -> list[tuple[str, RegistryService]]:
    """One address for each listener or filter chain that a ServiceEntry's addresses made."""
    found: dict[str, RegistryService] = {}
    for bound, listener in view.listeners.items():
        for service, cidrs in _external(listener):
            if bound != ANY_ADDRESS:
                found.setdefault(bound, service)
            for cidr in cidrs:
                net = network(cidr)
                if net is not None:
                    found.setdefault(str(net.network_address), service)
    return sorted(found.items())


def _external(listener: Listener) -> list[tuple[RegistryService, tuple[str, ...]]]:
    return [
        (chain.target.service, chain.cidrs)
        for chain in listener.chains
        if isinstance(chain.target, TcpTarget)
        and chain.target.service is not None
        and not chain.target.service.kubernetes
    ]
