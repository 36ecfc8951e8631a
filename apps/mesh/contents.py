"""Everything of one cluster as it lies in a snapshot: objects by kind, workloads by namespace, what could not
be read; and what differs between two of them.

Computes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from apps.mesh.derived import Change
from apps.mesh.objects.config import Namespace
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.shelves import Entry, Shelf
from apps.mesh.toplevel import WORKLOAD_INPUTS, order, top_level

EMPTY = Shelf({})


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be read. `namespace` "" means everywhere; `reason` is for people."""

    kind: str
    namespace: str
    reason: str

    def covers(self, kind: str, namespace: str = "") -> bool:
        """Whether an object of that kind in that namespace might be missing because of this gap;
        `namespace` "" asks about the whole cluster."""
        return self.kind == kind and (not self.namespace or not namespace or self.namespace == namespace)


@dataclass(frozen=True, slots=True)
class Contents:
    """`running` are the objects that workloads are made of, by namespace. `places` are the namespaces that
    have an object of their own or hold one, or did before a patch; in order."""

    shelves: Mapping[str, Shelf]
    workloads: Mapping[ResourceRef, Workload]
    by_namespace: Mapping[str, tuple[Workload, ...]]
    running: Mapping[str, tuple[ResourceRef, ...]]
    places: Mapping[str, None]
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, shelves: Mapping[str, Shelf], gaps: tuple[Gap, ...]) -> Contents:
        running = _by_namespace(
            ref for kind in shelves if kind in WORKLOAD_INPUTS for ref in shelves[kind].entries
        )
        found = top_level(shelves, (ref for refs in running.values() for ref in refs))
        workloads = {workload.ref: workload for workload in found}
        places = {place_of(ref) for shelf in shelves.values() for ref in shelf.entries}
        return cls(shelves, workloads, _grouped(found), running, dict.fromkeys(sorted(places)), gaps)

    def replaced(self, shelves: Mapping[str, Shelf], refs: Iterable[ResourceRef]) -> Contents:
        """With these shelves, of which those objects are others."""
        places = {place_of(ref) for ref in refs} - self.places.keys()
        there = dict.fromkeys(sorted(places | self.places.keys())) if places else self.places
        made = replace(self, shelves=shelves, places=there)
        running = _by_namespace(ref for ref in refs if ref.kind in WORKLOAD_INPUTS)
        if not running:
            return made
        for name, changed in running.items():
            known = dict.fromkeys((*self.running.get(name, ()), *changed))
            running[name] = tuple(ref for ref in known if made.entry(ref) is not None)
        return replace(made, running={**self.running, **running})._with_workloads_of(running)

    def _with_workloads_of(self, namespaces: Collection[str]) -> Contents:
        """The same, its workloads of these namespaces put together again; those that are alike stay."""
        workloads = dict(self.workloads)
        found = []
        for item in top_level(self.shelves, (ref for name in namespaces for ref in self.running[name])):
            known = workloads.get(item.ref)
            found.append(known if known == item else item)
        before = {item.ref for name in namespaces for item in self.by_namespace.get(name, ())}
        workloads.update((item.ref, item) for item in found)
        if before != {item.ref for item in found}:
            there = (workloads.keys() - before) | {item.ref for item in found}
            workloads = {ref: workloads[ref] for ref in sorted(there, key=order)}
        grouped = {**self.by_namespace, **dict.fromkeys(namespaces, ()), **_grouped(found)}
        return replace(self, workloads=workloads, by_namespace=grouped)

    def entry(self, ref: ResourceRef) -> Entry | None:
        return self.shelves.get(ref.kind, EMPTY).entries.get(ref)


def change_of(
    before: Contents, after: Contents, changed: Iterable[str], refs: Iterable[ResourceRef]
) -> Change:
    kinds = frozenset("Workload" if kind in WORKLOAD_INPUTS else kind for kind in changed)
    refs = [ref for ref in refs if before.entry(ref) is not after.entry(ref)]
    places: dict[str, set[str]] = {}
    for ref in refs:
        kind = "Workload" if ref.kind in WORKLOAD_INPUTS else ref.kind
        places.setdefault(kind, set()).add(place_of(ref))
    pairs = [(before.entry(ref), after.entry(ref)) for ref in refs]
    objects = tuple((old and old.object, new and new.object) for old, new in pairs)
    return Change(kinds, objects, {kind: frozenset(names) for kind, names in places.items()})


def place_of(ref: ResourceRef) -> str:
    """The namespace that an object is in; of a Namespace the one that it stands for."""
    return ref.name if ref.kind == "Namespace" else ref.namespace


def namespaces_of(shelf: Shelf) -> Mapping[str, Namespace]:
    """The Namespace objects of a shelf, by name."""
    return {namespace.name: namespace for namespace in shelf.objects(Namespace)}


def _by_namespace(refs: Iterable[ResourceRef]) -> dict[str, tuple[ResourceRef, ...]]:
    found: dict[str, list[ResourceRef]] = {}
    for ref in refs:
        found.setdefault(ref.namespace, []).append(ref)
    return {name: tuple(items) for name, items in found.items()}


def _grouped(workloads: Iterable[Workload]) -> dict[str, tuple[Workload, ...]]:
    found: dict[str, list[Workload]] = {}
    for workload in workloads:
        found.setdefault(workload.namespace, []).append(workload)
    return {name: tuple(items) for name, items in found.items()}
