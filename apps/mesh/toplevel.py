"""Workloads at the top of their chains of owners, with the pods of all below them.

Knows how objects lie on shelves, and nothing of what a mesh makes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.parsing.registry import POD_GROUPS_KIND
from apps.mesh.parsing.workloads import OwnedGroups, ParsedWorkload
from apps.mesh.refs import ResourceRef
from apps.mesh.shelves import Shelf

WORKLOAD_INPUTS = frozenset({*WORKLOAD_KINDS, POD_GROUPS_KIND})
"""The kinds that workloads are made of."""


def top_level(shelves: Mapping[str, Shelf], refs: Iterable[ResourceRef]) -> list[Workload]:
    """Workloads with their pods, of what `refs` name; owned ReplicaSets and Jobs give way to their owner when
    it is there. Owners are in the namespace of what they own."""
    parsed: dict[ResourceRef, ParsedWorkload] = {}
    pods: list[OwnedGroups] = []
    for ref in refs:
        found = shelves[ref.kind].entries[ref].parsed
        if isinstance(found, ParsedWorkload):
            parsed[found.workload.ref] = found
        elif isinstance(found, OwnedGroups):
            pods.append(found)
    workloads = {
        ref: item.workload
        for ref, item in parsed.items()
        if item.owner is None or item.owner.kind not in WORKLOAD_KINDS or item.owner not in parsed
    }
    for owned in sorted(pods, key=lambda item: item.ref):
        owner = _top(owned.owner, parsed)
        known = workloads.get(owner)
        if known is None:
            template = owned.groups[0].pod if owned.groups else Workload(ref=owner).template
            known = Workload(ref=owner, template=template, observed=False)
        workloads[owner] = replace(known, pod_groups=(*known.pod_groups, *owned.groups))
    return [workloads[ref] for ref in sorted(workloads, key=order)]


def _top(owner: ResourceRef, parsed: Mapping[ResourceRef, ParsedWorkload]) -> ResourceRef:
    """The workload at the top of a chain of owners; chains are short and cannot loop for ever."""
    for _ in range(4):
        found = parsed.get(owner)
        if found is None or found.owner is None or found.owner.kind not in WORKLOAD_KINDS:
            return owner
        owner = found.owner
    return owner


def order(ref: ResourceRef) -> tuple[str, str, str]:
    """The order of workloads."""
    return (ref.kind, ref.namespace, ref.name)
