"""The entries that have something to do with a destination, whoever asks: what a near miss is chosen from.

Knows nothing of scopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from apps.mesh.egress.services import ServicePort, listener_protocol, service_protocol
from apps.mesh.hosts import is_wildcard, same_site, service_host, service_names, site, subset_of
from apps.mesh.hostsets import speedscale
from apps.mesh.objects.networking import Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol

SPEEDSCALE = "speedscale"
_REQUIRED = frozenset(entry.host for entry in speedscale().hosts)
_SENDS = {
    Protocol.TLS: frozenset({"TLS", "HTTPS", "AUTO"}),
    Protocol.HTTP: frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "AUTO"}),
    Protocol.TCP: frozenset({"TCP", "MONGO", "REDIS", "MYSQL", "AUTO"}),
}


class Failing(IntEnum):
    """Where an entry falls short; the lower the nearer to a match."""

    SHADOWED = 0
    NOT_IMPORTED = 1
    NOT_EXPORTED = 2
    NOT_READ = 3
    PROTOCOL = 4
    PORT = 5
    APEX = 6
    NOT_LISTED = 7


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ServiceEntry or Service that has something to do with a destination, whoever asks. `listed`
    is the host of it that is meant, `index` its place; `likeness` counts hosts of the same site."""

    ref: ResourceRef
    failing: Failing
    listed: str
    index: int
    hosts: int
    ports: tuple[ServicePort, ...]
    export_to: tuple[str, ...]
    speedscale: bool = False
    likeness: int = 0


class EntriesBySite:
    """ServiceEntries by the sites of their hosts, so that few have to be looked at for one; ask for it
    through `snapshot.derived`."""

    INPUTS: ClassVar[frozenset[str]] = frozenset({"ServiceEntry"})
    __slots__ = ("_by_site", "_loose")

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_site: dict[str, list[ServiceEntry]] = {}
        self._loose: list[ServiceEntry] = []
        for entry in snapshot.each(ServiceEntry):
            sites = {site(host) for host in entry.hosts}
            if "" in sites or _of_speedscale(entry):
                self._loose.append(entry)
                continue
            for name in sites:
                self._by_site.setdefault(name, []).append(entry)

    def near(self, host: str) -> Iterator[ServiceEntry]:
        """Those that may list the host, hold it or list others of its site, and Speedscale's own."""
        yield from self._loose
        yield from self._by_site.get(site(host), ())


def candidates(snapshot: Snapshot, host: str, destination: Destination) -> tuple[Candidate, ...]:
    """Entries that list the host, its parent wildcard, or others like it; the likeliest first."""
    found = [
        *entry_candidates(snapshot.derived(EntriesBySite).near(host), host, destination),
        *_services(snapshot, host, destination),
    ]
    required = destination.host in _REQUIRED
    found.sort(
        key=lambda item: (
            item.failing,
            not (required and item.speedscale),
            -item.likeness,
            -item.hosts,
            item.ref,
        )
    )
    return tuple(found)


def entry_candidates(
    entries: Iterable[ServiceEntry], host: str, destination: Destination
) -> Iterator[Candidate]:
    """Those of the entries that have something to do with the destination, in their order."""
    for entry in entries:
        ports = tuple(ServicePort(p.number, listener_protocol(p.protocol), p.name) for p in entry.ports)
        found = _failing(entry.hosts, host, ports, destination)
        if found is not None:
            failing, listed, index = found
            candidate = Candidate(
                ref=entry.ref,
                failing=failing,
                listed=listed,
                index=index,
                hosts=len(entry.hosts),
                ports=ports,
                export_to=entry.export_to,
                speedscale=_of_speedscale(entry),
                likeness=sum(same_site(host, other) for other in entry.hosts),
            )
            if failing is not Failing.NOT_LISTED or _akin(candidate, destination):
                yield candidate


def _services(snapshot: Snapshot, host: str, destination: Destination) -> Iterator[Candidate]:
    names = service_names(host)
    service = snapshot.get(ResourceRef("Service", names[1], names[0])) if names is not None else None
    if not isinstance(service, Service):
        return
    full = service_host(service.name, service.namespace)
    ports = tuple(ServicePort(p.number, service_protocol(p), p.name) for p in service.ports)
    found = _failing((full,), full, ports, destination)
    if found is not None:
        yield Candidate(service.ref, found[0], full, 0, 1, ports, service.export_to)


def _failing(
    hosts: Sequence[str], host: str, ports: Sequence[ServicePort], destination: Destination
) -> tuple[Failing, str, int] | None:
    """How far hosts and ports get, with the host that is meant."""
    there = [port for port in ports if port.number == destination.port]
    speaks = any(port.protocol in _SENDS[destination.protocol] for port in there)
    for index, listed in enumerate(hosts):
        if subset_of(host, listed):
            failing = Failing.SHADOWED if speaks else Failing.PROTOCOL if there else Failing.PORT
            return failing, listed, index
    for index, listed in enumerate(hosts):
        if is_wildcard(listed) and listed[2:] == host:
            return Failing.APEX, listed, index
    return (Failing.NOT_LISTED, "", 0) if speaks else None


def _akin(candidate: Candidate, destination: Destination) -> bool:
    """Whether an entry that does not list the host is the one to name: it lists others of the same
    site, or it is Speedscale's and the host is one that Speedscale needs."""
    return candidate.likeness > 0 or (candidate.speedscale and destination.host in _REQUIRED)


def _of_speedscale(entry: ServiceEntry) -> bool:
    return SPEEDSCALE in entry.namespace or any(f"{SPEEDSCALE}." in host for host in entry.hosts)
