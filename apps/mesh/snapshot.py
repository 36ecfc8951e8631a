"""What a cluster holds at one moment: immutable, indexed, in memory.

Knows nothing of where manifests come from, and decides nothing: it answers what is there. A patched snapshot
shares with the first all that the patch cannot have changed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from apps.mesh.derived import EVERY_KIND, Change, Computed, Derived, Reads
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.config import Namespace
from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.parsing.fields import Problem
from apps.mesh.parsing.folding import PodFolder
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.shelves import Entry, Shelf, read, shelves_of
from apps.mesh.toplevel import WORKLOAD_INPUTS, top_level

T = TypeVar("T")
P = ParamSpec("P")
M = TypeVar("M", bound=MeshObject)

_EMPTY = Shelf({})


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
class _Contents:
    shelves: Mapping[str, Shelf]
    workloads: Mapping[ResourceRef, Workload]
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, shelves: Mapping[str, Shelf], gaps: tuple[Gap, ...]) -> _Contents:
        return cls(shelves, {workload.ref: workload for workload in top_level(shelves)}, gaps)

    def entry(self, ref: ResourceRef) -> Entry | None:
        return self.shelves.get(ref.kind, _EMPTY).entries.get(ref)


class Snapshot:
    """Build with `from_manifests`. All answers are ordered by ref, whatever the order of the input."""

    __slots__ = ("__weakref__", "_computed", "_contents", "_reads", "_sink")

    def __init__(
        self,
        contents: _Contents,
        computed: Computed | None = None,
        reads: Reads | None = None,
        sink: set[str] | None = None,
    ) -> None:
        self._contents = contents
        self._computed = computed or Computed()
        self._reads = reads
        self._sink = sink

    @classmethod
    def from_manifests(cls, manifests: Iterable[Manifest], *, gaps: Iterable[Gap] = ()) -> Snapshot:
        """Raw pods are folded into their workloads; of two manifests with one ref the last counts."""
        folder = PodFolder()
        entries: dict[ResourceRef, Entry] = {}
        for manifest in manifests:
            ref = ResourceRef.of(manifest)
            if ref.kind == "Pod":
                folder.add(manifest)
                continue
            if ref.kind in {"ReplicaSet", "Job"}:
                folder.add_owner(manifest)
            entries[ref] = read(manifest, ref)
        for manifest in folder.manifests():
            ref = ResourceRef.of(manifest)
            entries[ref] = read(manifest, ref)
        return cls(_Contents.of(shelves_of(entries.items()), tuple(gaps)))

    def with_patched(self, upserts: Iterable[Manifest] = (), deletes: Iterable[ResourceRef] = ()) -> Snapshot:
        """A snapshot in which these objects are created or replaced, and those are gone. Only what changed
        is parsed again, and what was derived from other kinds stays derived."""
        self._note(EVERY_KIND)
        before, gone = self._contents, list(deletes)
        entries: dict[str, dict[ResourceRef, Entry]] = {ref.kind: {} for ref in gone}
        for manifest in upserts:
            ref = ResourceRef.of(manifest)
            entries.setdefault(ref.kind, {})[ref] = read(manifest, ref)
        changed: dict[str, Shelf] = {}
        for kind, new in entries.items():
            shelf = before.shelves.get(kind, _EMPTY)
            other = shelf.changed(new, [ref for ref in gone if ref.kind == kind])
            if other is not shelf:
                changed[kind] = other
        if not changed:
            return Snapshot(before, self._computed)
        merged = {**before.shelves, **changed}
        shelves = {kind: merged[kind] for kind in sorted(merged) if merged[kind].entries}
        if changed.keys() & WORKLOAD_INPUTS:
            after = _Contents.of(shelves, before.gaps)
        else:
            after = replace(before, shelves=shelves)
        refs = dict.fromkeys((*gone, *(ref for new in entries.values() for ref in new)))
        return Snapshot(after, self._computed.after(_change(before, after, changed, refs)))

    # -- reading ---------------------------------------------------------------------------------

    def aside(self) -> Snapshot:
        """The same snapshot, through which nothing counts as read: for what a value does not rest on."""
        return Snapshot(self._contents, self._computed, sink=self._sink)

    def each(self, kind: type[M]) -> tuple[M, ...]:
        """Every object of a type, ordered by ref. For Workload: see `workloads`."""
        if kind is Workload:
            return self.workloads  # type: ignore[return-value]
        self._note(kind.__name__)
        return self._shelf(kind.__name__).objects(kind)

    def get(self, ref: ResourceRef) -> MeshObject | None:
        """The object, or None when it is absent or of a kind the mesh does not look into."""
        self._note(ref.kind)
        workload = self._contents.workloads.get(ref)
        if workload is not None:
            return workload
        entry = self._contents.entry(ref)
        return entry.object if entry is not None else None

    def exists(self, ref: ResourceRef) -> bool:
        self._note(ref.kind)
        return ref in self._contents.workloads or self._contents.entry(ref) is not None

    def manifest(self, ref: ResourceRef) -> Manifest | None:
        """The manifest as it came, for patches and display."""
        self._note(ref.kind)
        entry = self._contents.entry(ref)
        return entry.manifest if entry is not None else None

    def manifests(self, kind: str = "") -> Iterator[Manifest]:
        """The manifests of a kind (all kinds for ""), ordered by ref."""
        self._note(kind)
        shelves = (self._shelf(kind),) if kind else self._contents.shelves.values()
        return (entry.manifest for shelf in shelves for entry in shelf.entries.values())

    @property
    def refs(self) -> tuple[ResourceRef, ...]:
        self._note(EVERY_KIND)
        return tuple(ref for shelf in self._contents.shelves.values() for ref in shelf.entries)

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """Namespace objects by name; a namespace that only appears on other objects is not here."""
        self._note("Namespace")
        return self._shelf("Namespace").derived(_namespaces)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Top-level workloads (what a ReplicaSet or Job of another one runs is folded into that one)."""
        self._note("Workload")
        return tuple(self._contents.workloads.values())

    def workload(self, namespace: str, name: str, kind: str | None = None) -> Workload | None:
        """The workload of that name; without a kind the first in the order of WORKLOAD_KINDS."""
        self._note("Workload")
        for candidate in (kind,) if kind else WORKLOAD_KINDS:
            found = self._contents.workloads.get(ResourceRef(candidate, namespace, name))
            if found is not None:
                return found
        return None

    @property
    def problems(self) -> tuple[Problem, ...]:
        self._note(EVERY_KIND)
        return tuple(problem for shelf in self._contents.shelves.values() for problem in shelf.problems)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return self._contents.gaps

    def missing(self, kind: str, namespace: str = "") -> Gap | None:
        """The gap that may hide objects of a kind in a namespace ("" = anywhere), if there is one."""
        gaps = self._contents.gaps
        return next((gap for gap in gaps if gap.covers(kind, namespace)), None) if gaps else None

    # -- what is computed once ---------------------------------------------------------------------

    def derived(self, compute: Callable[Concatenate[Snapshot, P], T], *args: P.args, **none: P.kwargs) -> T:
        """`compute(self, *args)`, computed once a snapshot, and kept by patched ones as long as no kind
        that it read has changed. `compute` must be pure and a plain function, whose value is data, or a
        class. Only a class that declares in `INPUTS` every kind it can read may keep hold of the
        snapshot and still be kept; one with `after(old, change, snapshot)` may take over what it can."""
        found = self._derived((compute, *args))
        if self._reads is None:
            value: T = found.value
            return value
        self._reads.use(found)
        noting: T = self._reads.lens(found)
        return noting

    def each_kind(self, compute: Callable[[Shelf], T]) -> list[T]:
        """`compute` of the objects of each kind alone, computed once for as long as none of them changes."""
        self._note(EVERY_KIND)
        return [shelf.derived(compute) for shelf in self._contents.shelves.values()]

    def recording(self) -> tuple[Snapshot, set[str]]:
        """The same snapshot and a set that fills with the kinds that are read through it; "Workload"
        stands for all kinds of workloads and their pods."""
        sink: set[str] = set()
        return Snapshot(self._contents, sink=sink), sink

    def _derived(self, key: tuple[Any, ...]) -> Derived:
        found = self._computed.values.get(key)
        if found is None:
            found = self._computed.values[key] = self._unhinged(key) or self._compute(key)
        return found

    def _unhinged(self, key: tuple[Any, ...]) -> Derived | None:
        """The last value, where all that it used came out as it was: asked for in the same order, as far as
        that is so, since a function that has met nothing new asks for the same."""
        last = self._computed.hinging.pop(key, None)
        if last is None:
            return None
        aside, used = self.aside(), []
        for part in last.reads.used.values():
            used.append(aside._derived(part.key))
            if not last.unmoved_by(part, used[-1]):
                return None
        return last.resting_on(used)

    def _compute(self, key: tuple[Any, ...]) -> Derived:
        compute, *args = key
        reads = Reads(compute)
        view = Snapshot(self._contents, self._computed, reads, self._sink)
        last = self._computed.outdated.pop(key, None)
        if last is None:
            value = compute(view, *args)
        else:
            value = compute.after(last[0].value, last[1], view, *args)
            if value is last[0].value:  # it still rests on what it was read from
                reads.kinds |= last[0].inputs()
        kept = weakref.ref(view)
        del view  # what nobody else holds is gone now, so nothing can be read through it any more
        return Derived(key, value, reads, kept() is not None, not isinstance(compute, type))

    def _shelf(self, kind: str) -> Shelf:
        return self._contents.shelves.get(kind, _EMPTY)

    def _note(self, kind: str) -> None:
        if self._reads is None and self._sink is None:
            return
        kind = "Workload" if kind in WORKLOAD_INPUTS else kind
        if self._reads is not None:
            self._reads.note(kind)
        if self._sink is not None:
            self._sink.add(kind)


def _change(
    before: _Contents, after: _Contents, changed: Iterable[str], refs: Iterable[ResourceRef]
) -> Change:
    kinds = frozenset("Workload" if kind in WORKLOAD_INPUTS else kind for kind in changed)
    pairs = [(before.entry(ref), after.entry(ref)) for ref in refs]
    objects = tuple((old and old.object, new and new.object) for old, new in pairs if old is not new)
    return Change(kinds, objects)


def _namespaces(shelf: Shelf) -> Mapping[str, Namespace]:
    return {namespace.name: namespace for namespace in shelf.objects(Namespace)}
