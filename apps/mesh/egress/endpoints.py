"""Whether a ServiceEntry gives its host any address to connect to.

Follows pilot/pkg/serviceregistry/serviceentry/conversion.go (services, convertServiceEntryToInstances): a
cluster without one answers 503 to HTTP and resets everything else. What a Service leads to is not asked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from apps.mesh.egress.services import DNS, RegistryService
from apps.mesh.egress.views import MeshView
from apps.mesh.hosts import is_address
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.objects.selectors import is_subset
from apps.mesh.refs import ResourceRef
from apps.mesh.selection import WorkloadIndex
from apps.mesh.snapshot import Snapshot

PASSTHROUGH = "NONE"


class Supply(Enum):
    NONE = auto()
    SOME = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`text` says why there are none, or why that is not known."""

    supply: Supply
    ref: ResourceRef | None = None
    path: str = ""
    text: str = ""


PLENTY = Endpoints(Supply.SOME)


def endpoints_of(snapshot: Snapshot, mesh: MeshView, service: RegistryService) -> Endpoints:
    """What the entries of the service's host in its namespace give its cluster: enough when one of them gives
    some. With resolution NONE connections go where they were dialled, and an entry gives others nothing."""
    if service.resolution == PASSTHROUGH:
        return PLENTY
    found = PLENTY
    for item in mesh.registry.by_host.get(service.host, ()):
        if item.namespace != service.namespace or (item.resolution == PASSTHROUGH and not item.kubernetes):
            continue
        entry = snapshot.get(item.ref)
        here = _of_entry(snapshot, mesh, entry) if isinstance(entry, ServiceEntry) else PLENTY
        if here.supply is Supply.SOME:
            return here
        if found.supply is not Supply.UNKNOWN:
            found = here
    return found


def _of_entry(snapshot: Snapshot, mesh: MeshView, entry: ServiceEntry) -> Endpoints:
    if entry.resolution not in DNS | {"STATIC"}:
        return PLENTY
    if entry.workload_selector is not None:
        return _selected(snapshot, mesh, entry, entry.workload_selector)
    if entry.endpoints or entry.resolution in DNS:
        return PLENTY
    text = f"resolution of {entry.ref.path} is STATIC, and it has no endpoints."
    return Endpoints(Supply.NONE, entry.ref, "spec.endpoints", text)


def _selected(
    snapshot: Snapshot, mesh: MeshView, entry: ServiceEntry, wanted: Mapping[str, str]
) -> Endpoints:
    path, shown = (
        "spec.workloadSelector",
        ", ".join(f"{key}={value}" for key, value in sorted(wanted.items())),
    )
    unsure = ""
    for item in mesh.workload_entries:
        if item.namespace != entry.namespace or not is_subset(wanted, item.labels):
            continue
        if entry.resolution == "STATIC" and item.address and not _is_place(item.address):
            continue  # a name is only an endpoint for an entry that looks names up
        if not item.probed:
            return PLENTY
        unsure = f"whether WorkloadEntry {item.ref.path} is healthy is not known"
    for workload in snapshot.derived(WorkloadIndex).selected(entry.namespace, wanted):
        if any(is_subset(wanted, group.pod.labels) for group in workload.live_groups):
            return PLENTY
        if not workload.live_groups:
            unsure = f"no pod of {workload.ref} runs now"
    for kind in ("WorkloadEntry", "Pod"):
        gap = snapshot.missing(kind, entry.namespace)
        if gap is not None:
            unsure = f"objects of kind {kind} could not be read: {gap.reason}"
    if unsure:
        text = f"{entry.ref} takes its endpoints from workloads with {shown}, and {unsure}."
        return Endpoints(Supply.UNKNOWN, entry.ref, path, text)
    text = (
        f"It takes its endpoints from workloads of {entry.namespace} with {shown or 'any label'}, and the "
        "cluster has neither a WorkloadEntry nor a pod with them."
    )
    return Endpoints(Supply.NONE, entry.ref, path, text)


def _is_place(address: str) -> bool:
    return is_address(address) or address.startswith("unix://")
