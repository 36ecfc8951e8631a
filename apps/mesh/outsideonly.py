"""VirtualServices and routes that decide for calls from outside only, of Services that Speedscale captures.

Judges nothing; knows no rule and no remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.capture import captured
from apps.mesh.derived import EachNamespace
from apps.mesh.hosts import matches, resolve_short_name, service_host
from apps.mesh.objects.gatewayapi import GRPCRoute, HTTPRoute
from apps.mesh.objects.networking import VirtualService
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.reports import CaptureKind
from apps.mesh.selection import backed
from apps.mesh.snapshot import Snapshot

SPEAKING = ("VirtualService", "HTTPRoute", "GRPCRoute")


@dataclass(frozen=True, slots=True)
class OutsideOnly:
    """`lacking` are the captured Services it routes to and does not speak for inside of the mesh, by their
    full names; `absent` are those of them that its hosts do not name; `in_mesh` is whether it is bound to
    the mesh at all."""

    item: VirtualService
    lacking: tuple[str, ...]
    absent: tuple[str, ...]
    in_mesh: bool


def outside_only(snapshot: Snapshot) -> Iterator[OutsideOnly]:
    """In the order of the VirtualServices; none of a Service that another one speaks for in the mesh."""
    known = snapshot.derived(captured_hosts)
    if not known or any(snapshot.missing(kind) for kind in SPEAKING):
        return
    inside = [(item, full_hosts(item)) for item in snapshot.each(VirtualService)]
    spoken = spoken_in_mesh(snapshot)
    wild = tuple(host for host in spoken if host.startswith("*"))
    for item, hosts in inside:
        if all(gateway == MESH_GATEWAY for gateway in item.gateways):
            continue
        lacking = tuple(
            host
            for host in destination_hosts(item)
            if host in known and host not in spoken and not any(matches(host, other) for other in wild)
        )
        if lacking:
            absent = tuple(host for host in lacking if host not in hosts)
            yield OutsideOnly(item, lacking, absent, speaks_in_mesh(item))


def full_hosts(item: VirtualService) -> frozenset[str]:
    """The hosts of a VirtualService by their full names."""
    return frozenset(resolve_short_name(host, item.namespace) for host in item.hosts)


def speaks_in_mesh(item: VirtualService) -> bool:
    """Whether proxies of workloads follow it: it names `mesh`, or no gateway at all."""
    return not item.gateways or MESH_GATEWAY in item.gateways


def destination_hosts(item: VirtualService) -> tuple[str, ...]:
    """Where its routes lead, by full names, each once."""
    routes = (*item.http, *item.tls, *item.tcp)
    hosts = (resolve_short_name(d.host, item.namespace) for route in routes for d in route.destinations)
    return tuple(dict.fromkeys(hosts))


def spoken_in_mesh(snapshot: Snapshot) -> frozenset[str]:
    """The hosts that VirtualServices of the mesh name, or that routes of the Gateway API attach to."""
    named = [
        host for item in snapshot.each(VirtualService) if speaks_in_mesh(item) for host in full_hosts(item)
    ]
    routes = (*snapshot.each(HTTPRoute), *snapshot.each(GRPCRoute))
    parents = [parent for route in routes for parent in route.parents if parent.kind == "Service"]
    return frozenset((*named, *(service_host(parent.name, parent.namespace) for parent in parents)))


def captured_hosts(snapshot: Snapshot) -> frozenset[str]:
    """The hosts of Services before captured workloads."""
    return frozenset().union(*snapshot.parts(_captured_in).values())


@EachNamespace
def _captured_in(snapshot: Snapshot, namespace: str) -> frozenset[str]:
    services, reports = snapshot.part(backed, namespace), snapshot.part(captured, namespace)
    return frozenset(
        service_host(service.name, namespace)
        for workload, report in zip(snapshot.workloads_in(namespace), reports, strict=True)
        if {report.expected, report.actual} != {CaptureKind.NONE}
        for service in services.of(workload)
    )
