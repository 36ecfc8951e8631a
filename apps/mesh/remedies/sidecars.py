"""Imports that are added to a Sidecar: where they go, how it is written, and what an approver must read.

The list of hosts is written whole, because it is atomic for the API server; every other field stays. Decides
nothing about what is to be imported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from apps.mesh.blockages import catch_all_index
from apps.mesh.objects.networking import Sidecar
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot


def places(sidecar: Sidecar, ports: Collection[int]) -> Iterator[tuple[int, ...]]:
    """Indices of the egress listeners to try: the catch-all, then those of the ports that are dialled.
    An index behind the last one stands for a new catch-all listener."""
    catch_all = catch_all_index(sidecar)
    default = len(sidecar.egress) if catch_all is None else catch_all
    own = tuple(
        index
        for index, listener in enumerate(sidecar.egress)
        if listener.port is not None and listener.port.number in ports
    )
    yield (default,)
    if own:
        yield own
        yield (*own, default)


def readable(before: Manifest) -> bool:
    """Whether the listeners stand in the manifest as they were read, so that one can be added to."""
    spec = before.get("spec")
    egress = spec.get("egress") if isinstance(spec, Mapping) else None
    return isinstance(egress, list | tuple) and all(
        isinstance(item, Mapping) and isinstance(item.get("hosts") or (), list | tuple) for item in egress
    )


def importing(before: Manifest, more: Mapping[int, Sequence[str]]) -> ManifestPatch:
    """The Sidecar with these imports appended at the listeners of these indices; nothing else differs."""
    spec = before["spec"]
    egress: list[Mapping[str, Any]] = list(spec["egress"])
    for index, items in sorted(more.items()):
        if index >= len(egress):
            egress.append({"hosts": list(items)})
            continue
        known = list(egress[index].get("hosts") or ())
        egress[index] = {**egress[index], "hosts": [*known, *(item for item in items if item not in known)]}
    return updated(before, {**before, "spec": {**spec, "egress": egress}})


def warnings(snapshot: Snapshot, ref: ResourceRef, namespaces: Collection[str]) -> Iterator[str]:
    """Who else keeps the Sidecar, and for whom else it counts than for workloads of these namespaces."""
    manifest = snapshot.manifest(ref) or {}
    if (keeper := keeper_of(manifest)) is not None:
        yield keeper.warning(ref)
    if owners := managers_of(manifest, "egress"):
        yield f"spec.egress of {ref} is owned by {', '.join(owners)}; applying takes the list over."
    if set(namespaces) - {ref.namespace}:
        yield f"{ref} is the mesh default: it counts in every namespace without a Sidecar."
