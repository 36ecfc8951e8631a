"""Which ports of a workload's containers its Services lead to, and what Istio takes them for.

Rests on the registry, so that checks and verdicts read a port's protocol alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.clienttls import container_port
from apps.mesh.egress.services import ServicePort
from apps.mesh.hosts import service_host
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.objects.networking import Service
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.selection import ServiceIndex
from apps.mesh.snapshot import Snapshot


def served(snapshot: Snapshot, workload: Workload) -> Iterator[tuple[Service, int, int]]:
    """Service, its port and the container's, for every port whose container port is known."""
    for service in snapshot.derived(ServiceIndex).of(workload):
        for port in service.ports:
            taken = container_port(port, workload)
            if taken is not None:
                yield service, port.number, taken


def tcp_ports(snapshot: Snapshot) -> Mapping[ResourceRef, tuple[int, ...]]:
    """By workload: the container ports that Istio takes for TCP (or TLS that it passes on), and for
    nothing else. Only workloads that have one; ask for it through `snapshot.derived`."""
    index, known = snapshot.derived(ServiceIndex), snapshot.derived(KnownHosts)
    candidates = {
        workload.ref: workload
        for service in snapshot.each(Service)
        if any(_is_tcp(known, service, port.number) for port in service.ports)
        for workload in index.behind(service)
    }
    found = {ref: _tcp_only(snapshot, known, workload) for ref, workload in candidates.items()}
    return {ref: ports for ref, ports in found.items() if ports}


def _tcp_only(snapshot: Snapshot, known: KnownHosts, workload: Workload) -> tuple[int, ...]:
    tcp: set[int] = set()
    other: set[int] = set()
    for service, number, taken in served(snapshot, workload):
        (tcp if _is_tcp(known, service, number) else other).add(taken)
    return tuple(sorted(tcp - other))


def _is_tcp(known: KnownHosts, service: Service, number: int) -> bool:
    port = _registered(known, service, number)
    return port is not None and port.tcp


def _registered(known: KnownHosts, service: Service, number: int) -> ServicePort | None:
    found = known.named(service_host(service.name, service.namespace), service.namespace)
    return next((port for item in found if (port := item.port(number)) is not None), None)
