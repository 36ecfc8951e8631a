"""Every destination outside of a cluster that the mesh's own objects name, and which objects name it.

The console sees no traffic: what workloads call and no object names is not here. Decides no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from apps.mesh.destinations import destinations
from apps.mesh.egresshosts import egress_hosts
from apps.mesh.hosts import resolve_short_name
from apps.mesh.objects.networking import Port, ServiceEntry, Sidecar, VirtualService
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol

EVERYTHING = "*"
HTTPS_PORT, HTTP_PORT = 443, 80
Named = tuple[str, int | None, Protocol]
"""Host, port (None where none is given) and what is sent."""


@dataclass(frozen=True, slots=True)
class NamedHost:
    """`named_by` are the objects that name it, ordered; none for one that a person or a host set names."""

    destination: Destination
    named_by: tuple[ResourceRef, ...] = ()


def named_hosts(snapshot: Snapshot) -> tuple[NamedHost, ...]:
    """The hosts of ServiceEntries, with their ports; those that a VirtualService of the mesh routes, or
    sends to; those that a Sidecar imports by name. Services of the cluster are not among them, nor `*`.
    Where no object gives a host a port, 443 (TLS) is meant. Ask for it through `snapshot.derived`."""
    by_destination: dict[Destination, set[ResourceRef]] = {}
    without_port: dict[str, set[ResourceRef]] = {}
    for ref, (host, port, protocol) in _named(snapshot):
        if port is None:
            without_port.setdefault(host, set()).add(ref)
        else:
            by_destination.setdefault(Destination(host, port, protocol), set()).add(ref)
    known = {destination.host for destination in by_destination}
    for host, refs in without_port.items():
        if host not in known:
            by_destination[Destination(host, HTTPS_PORT, Protocol.TLS)] = refs
        for destination in by_destination:
            if destination.host == host:
                by_destination[destination] |= refs
    return tuple(NamedHost(item, tuple(sorted(by_destination[item]))) for item in sorted(by_destination))


def together(*groups: Iterable[NamedHost]) -> tuple[NamedHost, ...]:
    """The hosts of all groups in their order, each destination once with everything that names it."""
    found: dict[Destination, NamedHost] = {}
    for host in chain(*groups):
        known = found.get(host.destination.plain)
        named_by = host.named_by if known is None else (*known.named_by, *host.named_by)
        asked = host.destination if known is None else known.destination
        found[asked.plain] = NamedHost(asked, tuple(dict.fromkeys(named_by)))
    return tuple(found.values())


def sent(declared: str) -> Protocol:
    """What a client of a service sends, by the protocol that the registry declares for its port."""
    if declared in {"TLS", "HTTPS"}:
        return Protocol.TLS
    return Protocol.TCP if declared in {"TCP", "MONGO", "MYSQL", "REDIS", "UDP"} else Protocol.HTTP


def _named(snapshot: Snapshot) -> Iterator[tuple[ResourceRef, Named]]:
    for entry in snapshot.each(ServiceEntry):
        for host in entry.hosts:
            for port in entry.ports:
                if port.protocol != "UDP":
                    yield entry.ref, (host, port.number, _sent(port))
            if not entry.ports:
                yield entry.ref, (host, None, Protocol.TLS)
    for route in snapshot.each(VirtualService):
        if not route.gateways or MESH_GATEWAY in route.gateways:
            for named in _routed(route):
                if not _of_cluster(named[0]):
                    yield route.ref, named
    for sidecar in snapshot.each(Sidecar):
        for item in egress_hosts(sidecar):
            if item.readable and not item.excluded and not _of_cluster(item.host):
                own = item.listener.port if item.port else None
                sends = _sent(own) if own is not None else Protocol.TLS
                yield sidecar.ref, (item.host, item.port or None, sends)


def _routed(route: VirtualService) -> Iterator[Named]:
    """The hosts that a VirtualService takes, with the ports that it is matched on, and where it sends."""
    hosts = tuple(resolve_short_name(host, route.namespace) for host in route.hosts)
    for protocol, parts, default in (
        (Protocol.HTTP, route.http, HTTP_PORT),
        (Protocol.TLS, route.tls, HTTPS_PORT),
        (Protocol.TCP, route.tcp, None),
    ):
        for part in parts:
            for match in part.matches:
                for host in match.sni_hosts if protocol is Protocol.TLS else hosts:
                    yield host, match.port or default, protocol
            if not part.matches:
                yield from ((host, default, protocol) for host in hosts)
    for goal in destinations(route):
        protocol = Protocol(goal.protocol.upper())
        yield goal.host, goal.target.port, protocol


def _sent(port: Port) -> Protocol:
    if not port.protocol and port.number == HTTPS_PORT:
        return Protocol.TLS
    return sent(port.protocol)


def _of_cluster(host: str) -> bool:
    """Whether a name is one of a cluster's Services (or all of them), or of its machines."""
    return not host or host == EVERYTHING or "." not in host or host.endswith((".svc", ".local"))
