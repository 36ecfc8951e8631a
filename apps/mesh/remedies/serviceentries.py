"""ServiceEntry manifests for hosts: a new one in the shape of Speedscale's page, or one that is extended.

Decides nothing about what is needed; only how it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any

from apps.mesh.hosts import subset_of
from apps.mesh.hostsets import HTTPS_PORT, RequiredHost
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.config import CustomResourceDefinition
from apps.mesh.objects.networking import ServiceEntry, Sidecar, VirtualService
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Protocol

GROUP = "networking.istio.io"
VERSIONS = ("v1", "v1beta1", "v1alpha3")
ENTRY_NAME = "speedscale-external-svc"
PORT_NAMES = {Protocol.TLS: "https", Protocol.HTTP: "http", Protocol.TCP: "tcp"}


def served_version(snapshot: Snapshot) -> str:
    """The API version to write a new ServiceEntry in: what the CRD serves (the newest), else what the
    objects of the cluster use, else v1, which every Istio since 1.22 serves."""
    for crd in snapshot.each(CustomResourceDefinition):
        if crd.group == GROUP and crd.kind == "ServiceEntry":
            for version in VERSIONS:
                if version in crd.served:
                    return f"{GROUP}/{version}"
    kinds: tuple[type[MeshObject], ...] = (ServiceEntry, Sidecar, VirtualService)
    used = {item.api_version for kind in kinds for item in snapshot.each(kind)}
    return next((found for version in VERSIONS if (found := f"{GROUP}/{version}") in used), f"{GROUP}/v1")


def new_entry(
    snapshot: Snapshot,
    namespace: str,
    hosts: Sequence[RequiredHost],
    export_to: Iterable[str] = (),
    *,
    name: str = "",
) -> Manifest:
    """An entry that opens these hosts, all of one port and protocol; without a name under a free one."""
    first = hosts[0]
    spec: dict[str, Any] = {
        "hosts": [host.host for host in narrowed(hosts)],
        "location": "MESH_EXTERNAL",
        "ports": [
            {"name": PORT_NAMES[first.protocol], "number": first.port, "protocol": first.protocol.value}
        ],
        "resolution": "NONE",
    }
    if exported := list(export_to):
        spec["exportTo"] = exported
    return {
        "apiVersion": served_version(snapshot),
        "kind": "ServiceEntry",
        "metadata": {"name": name or free_name(snapshot, namespace, first), "namespace": namespace},
        "spec": spec,
    }


def extended(manifest: Manifest, hosts: Sequence[RequiredHost]) -> Manifest:
    """The same entry with these hosts behind its own; nothing else differs."""
    spec = manifest["spec"]
    known = list(spec.get("hosts") or ())
    more = [host.host for host in narrowed(hosts) if host.host not in known]
    return {**manifest, "spec": {**spec, "hosts": [*known, *more]}}


def narrowed(hosts: Sequence[RequiredHost]) -> tuple[RequiredHost, ...]:
    """The hosts without those that a wildcard among them stands for."""
    return tuple(
        host
        for host in hosts
        if not any(other is not host and subset_of(host.host, other.host) for other in hosts)
    )


def free_name(snapshot: Snapshot, namespace: str, host: RequiredHost, beginning: str = ENTRY_NAME) -> str:
    """The page's name for TLS on 443; another port or a name that is taken gets a number."""
    base = f"{beginning}-{PORT_NAMES[host.protocol]}"
    if host.port != HTTPS_PORT:
        base = f"{base}-{host.port}"
    names = chain([base], (f"{base}-{number}" for number in count(2)))
    return next(n for n in names if not snapshot.exists(ResourceRef("ServiceEntry", namespace, n)))
