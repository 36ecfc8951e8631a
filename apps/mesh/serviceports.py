"""Which ports of a workload's containers its Services lead to, and what Istio takes them for.

Rests on the registry, so that checks and verdicts read a port's protocol alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import container_port
from apps.mesh.egress.services import ServicePort
from apps.mesh.hosts import service_host
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.objects.networking import Service
from apps.mesh.objects.workloads import Workload
from apps.mesh.selection import ServiceIndex
from apps.mesh.snapshot import Snapshot


def served(snapshot: Snapshot, workload: Workload) -> Iterator[tuple[Service, int, int]]:
    """Service, its port and the container's, for every port whose container port is known."""
    for service in snapshot.derived(ServiceIndex).of(workload):
        for port in service.ports:
            taken = container_port(port, workload)
            if taken is not None:
                yield service, port.number, taken


def tcp_ports(snapshot: Snapshot, workload: Workload) -> tuple[int, ...]:
    """The container ports of a workload that Istio takes for TCP (or TLS that it passes on), and for nothing
    else."""
    known = snapshot.derived(KnownHosts)
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
