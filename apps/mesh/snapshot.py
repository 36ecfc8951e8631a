"""What a cluster holds at one moment: immutable, indexed, in memory.

Knows nothing of where manifests come from, and decides nothing: it answers what is there. A patched snapshot
shares with the first all that the patch cannot have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from apps.mesh.contents import EMPTY, Contents, Gap, change_of, namespaces_of
from apps.mesh.derived import EVERY_KIND
from apps.mesh.deriving import Deriving
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.config import Namespace
from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.parsing.fields import Problem
from apps.mesh.parsing.folding import PodFolder
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.shelves import Entry, Shelf, read, shelves_of

T = TypeVar("T")
M = TypeVar("M", bound=MeshObject)

__all__ = ["Gap", "Snapshot"]


class Snapshot(Deriving):
    """Build with `from_manifests`. All answers are ordered by ref, whatever the order of the input."""

    __slots__ = ()

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
        return cls(Contents.of(shelves_of(entries.items()), tuple(gaps)))

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
            shelf = before.shelves.get(kind, EMPTY)
            other = shelf.changed(new, [ref for ref in gone if ref.kind == kind])
            if other is not shelf:
                changed[kind] = other
        if not changed:
            return Snapshot(before, self._computed)
        merged = {**before.shelves, **changed}
        shelves = {kind: merged[kind] for kind in sorted(merged) if merged[kind].entries}
        refs = dict.fromkeys((*gone, *(ref for new in entries.values() for ref in new)))
        after = before.replaced(shelves, [ref for ref in refs if ref.kind in changed])
        return Snapshot(after, self._computed.after(change_of(before, after, changed, refs)))

    # -- reading ---------------------------------------------------------------------------------

    def each(self, kind: type[M]) -> tuple[M, ...]:
        """Every object of a type, ordered by ref. For Workload: see `workloads`."""
        if kind is Workload:
            return self.workloads  # type: ignore[return-value]
        self._note(kind.__name__)
        return self._shelf(kind.__name__).objects(kind)

    def get(self, ref: ResourceRef) -> MeshObject | None:
        """The object, or None when it is absent or of a kind the mesh does not look into."""
        self._note_of(ref)
        workload = self._contents.workloads.get(ref)
        if workload is not None:
            return workload
        entry = self._contents.entry(ref)
        return entry.object if entry is not None else None

    def exists(self, ref: ResourceRef) -> bool:
        self._note_of(ref)
        return ref in self._contents.workloads or self._contents.entry(ref) is not None

    def manifest(self, ref: ResourceRef) -> Manifest | None:
        """The manifest as it came, for patches and display."""
        self._note_of(ref)
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
        return self._shelf("Namespace").derived(namespaces_of)

    def namespace(self, name: str) -> Namespace | None:
        """The Namespace object of that name."""
        self._note_in("Namespace", name)
        return self._shelf("Namespace").derived(namespaces_of).get(name)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Top-level workloads (what a ReplicaSet or Job of another one runs is folded into that one)."""
        self._note("Workload")
        return tuple(self._contents.workloads.values())

    def workloads_in(self, namespace: str) -> tuple[Workload, ...]:
        """The top-level workloads of a namespace."""
        self._note_in("Workload", namespace)
        return self._contents.by_namespace.get(namespace, ())

    def each_in(self, kind: type[M], namespace: str) -> tuple[M, ...]:
        """Every object of a type in a namespace, ordered by ref."""
        self._note_in(kind.__name__, namespace)
        found: tuple[M, ...] = self._shelf(kind.__name__).objects_in(kind, namespace)
        return found

    def workload(self, namespace: str, name: str, kind: str | None = None) -> Workload | None:
        """The workload of that name; without a kind the first in the order of WORKLOAD_KINDS."""
        self._note_in("Workload", namespace)
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

    def each_kind(self, compute: Callable[[Shelf], T]) -> list[T]:
        """`compute` of the objects of each kind alone, computed once for as long as none of them changes."""
        self._note(EVERY_KIND)
        return [shelf.derived(compute) for shelf in self._contents.shelves.values()]

    def recording(self) -> tuple[Snapshot, set[str]]:
        """The same snapshot and a set that fills with the kinds that are read through it; "Workload"
        stands for all kinds of workloads and their pods."""
        sink: set[str] = set()
        return Snapshot(self._contents, sink=sink), sink

    def _shelf(self, kind: str) -> Shelf:
        return self._contents.shelves.get(kind, EMPTY)
