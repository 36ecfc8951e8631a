"""The parts of an opening: a host in an entry, a reader of an entry, an import of a Sidecar.

Each can be left out by itself, which is how it is found out what is not needed. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.mesh.hostsets import RequiredHost
from apps.mesh.patches import ManifestPatch, created, updated
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.serviceentries import extended, new_entry
from apps.mesh.remedies.sidecars import importing
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PRIVATE


@dataclass(frozen=True, slots=True)
class Named:
    """The entry lists the host; one that is not there is created, for its own namespace alone."""

    ref: ResourceRef
    host: RequiredHost


@dataclass(frozen=True, slots=True)
class Shown:
    """The entry, which says to whom it is exported, is exported to this namespace as well."""

    ref: ResourceRef
    namespace: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The Sidecar's egress listener of this index lists the host; one behind the last is a new one."""

    ref: ResourceRef
    index: int
    text: str


Part = Named | Shown | Imported


def patches_of(snapshot: Snapshot, parts: Iterable[Part]) -> tuple[ManifestPatch, ...]:
    """One patch for each object, in the order of the parts."""
    by_ref: dict[ResourceRef, list[Part]] = {}
    for part in parts:
        by_ref.setdefault(part.ref, []).append(part)
    return tuple(_patch(snapshot, ref, items) for ref, items in by_ref.items())


def _patch(snapshot: Snapshot, ref: ResourceRef, parts: list[Part]) -> ManifestPatch:
    before = snapshot.manifest(ref)
    hosts = [part.host for part in parts if isinstance(part, Named)]
    if before is None:
        return created(new_entry(snapshot, ref.namespace, hosts, (PRIVATE,), name=ref.name))
    imports: dict[int, list[str]] = {}
    for part in parts:
        if isinstance(part, Imported):
            imports.setdefault(part.index, []).append(part.text)
    if imports:
        return importing(before, imports)
    after = extended(before, hosts) if hosts else before
    if readers := [part.namespace for part in parts if isinstance(part, Shown)]:
        spec = after["spec"]
        after = {**after, "spec": {**spec, "exportTo": [*spec["exportTo"], *readers]}}
    return updated(before, after)
