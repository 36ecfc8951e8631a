"""What a cluster holds at one moment: immutable, indexed, in memory.

Knows nothing of where manifests come from, and decides nothing: it answers what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.config import Namespace
from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.parsing.fields import Problem
from apps.mesh.parsing.folding import PodFolder
from apps.mesh.parsing.registry import POD_GROUPS_KIND, Parsed, parse
from apps.mesh.parsing.workloads import OwnedGroups, ParsedWorkload
from apps.mesh.refs import Manifest, ResourceRef

T = TypeVar("T")
M = TypeVar("M", bound=MeshObject)

_WORKLOAD_INPUTS = frozenset({*WORKLOAD_KINDS, POD_GROUPS_KIND})


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
class _Entry:
    manifest: Manifest
    parsed: Parsed | None
    problems: tuple[Problem, ...]


class Snapshot:
    """Build with `from_manifests`. All answers are ordered by ref, whatever the order of the input."""

    __slots__ = ("_by_type", "_derived", "_entries", "_gaps", "_reads", "_workloads")

    def __init__(
        self, entries: Mapping[ResourceRef, _Entry], gaps: tuple[Gap, ...], reads: set[str] | None = None
    ) -> None:
        self._entries = {ref: entries[ref] for ref in sorted(entries, key=_order)}
        self._gaps = gaps
        self._reads = reads
        self._derived: dict[Any, Any] = {}
        by_type: dict[type, list[Any]] = {}
        for entry in self._entries.values():
            parsed = entry.parsed
            if isinstance(parsed, MeshObject):
                by_type.setdefault(type(parsed), []).append(parsed)
        self._by_type = {kind: tuple(items) for kind, items in by_type.items()}
        self._workloads = {workload.ref: workload for workload in _join(self._entries)}

    @classmethod
    def from_manifests(cls, manifests: Iterable[Manifest], *, gaps: Iterable[Gap] = ()) -> Snapshot:
        """Raw pods are folded into their workloads; of two manifests with one ref the last counts."""
        folder = PodFolder()
        entries: dict[ResourceRef, _Entry] = {}
        for manifest in manifests:
            ref = ResourceRef.of(manifest)
            if ref.kind == "Pod":
                folder.add(manifest)
                continue
            if ref.kind in {"ReplicaSet", "Job"}:
                folder.add_owner(manifest)
            entries[ref] = _read(manifest, ref)
        for manifest in folder.manifests():
            ref = ResourceRef.of(manifest)
            entries[ref] = _read(manifest, ref)
        return cls(entries, tuple(gaps))

    def with_patched(self, upserts: Iterable[Manifest] = (), deletes: Iterable[ResourceRef] = ()) -> Snapshot:
        """A snapshot in which these objects are created or replaced, and those are gone; only what
        changed is parsed again."""
        entries = dict(self._entries)
        for ref in deletes:
            entries.pop(ref, None)
        for manifest in upserts:
            ref = ResourceRef.of(manifest)
            entries[ref] = _read(manifest, ref)
        return Snapshot(entries, self._gaps)

    # -- reading ---------------------------------------------------------------------------------

    def each(self, kind: type[M]) -> tuple[M, ...]:
        """Every object of a type, ordered by ref. For Workload: see `workloads`."""
        if kind is Workload:
            return self.workloads  # type: ignore[return-value]
        self._note(kind.__name__)
        return self._by_type.get(kind, ())

    def get(self, ref: ResourceRef) -> MeshObject | None:
        """The object, or None when it is absent or of a kind the mesh does not look into."""
        self._note(ref.kind)
        workload = self._workloads.get(ref)
        if workload is not None:
            return workload
        entry = self._entries.get(ref)
        return entry.parsed if entry is not None and isinstance(entry.parsed, MeshObject) else None

    def exists(self, ref: ResourceRef) -> bool:
        self._note(ref.kind)
        return ref in self._entries or ref in self._workloads

    def manifest(self, ref: ResourceRef) -> Manifest | None:
        """The manifest as it came, for patches and display."""
        self._note(ref.kind)
        entry = self._entries.get(ref)
        return entry.manifest if entry is not None else None

    def manifests(self, kind: str = "") -> Iterator[Manifest]:
        """The manifests of a kind (all kinds for ""), ordered by ref."""
        self._note(kind)
        return (entry.manifest for ref, entry in self._entries.items() if not kind or ref.kind == kind)

    @property
    def refs(self) -> tuple[ResourceRef, ...]:
        return tuple(self._entries)

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """Namespace objects by name; a namespace that only appears on other objects is not here."""
        self._note("Namespace")
        return self.derived(_namespaces)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Top-level workloads (what a ReplicaSet or Job of another one runs is folded into that one)."""
        self._note("Workload")
        return tuple(self._workloads.values())

    def workload(self, namespace: str, name: str, kind: str | None = None) -> Workload | None:
        """The workload of that name; without a kind the first in the order of WORKLOAD_KINDS."""
        self._note("Workload")
        for candidate in (kind,) if kind else WORKLOAD_KINDS:
            found = self._workloads.get(ResourceRef(candidate, namespace, name))
            if found is not None:
                return found
        return None

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for entry in self._entries.values() for problem in entry.problems)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return self._gaps

    def missing(self, kind: str, namespace: str = "") -> Gap | None:
        """The gap that may hide objects of a kind in a namespace ("" = anywhere), if there is one."""
        return next((gap for gap in self._gaps if gap.covers(kind, namespace)), None)

    def derived(self, compute: Callable[[Snapshot], T]) -> T:
        """`compute(self)`, computed once a snapshot. `compute` must be a plain function and pure."""
        if compute not in self._derived:
            self._derived[compute] = compute(self)
        found: T = self._derived[compute]
        return found

    # -- declared inputs ---------------------------------------------------------------------------

    def recording(self) -> tuple[Snapshot, set[str]]:
        """The same snapshot and a set that fills with the kinds that are read through it; "Workload"
        stands for all kinds of workloads and their pods."""
        reads: set[str] = set()
        return Snapshot(self._entries, self._gaps, reads), reads

    def _note(self, kind: str) -> None:
        if self._reads is not None:
            self._reads.add("Workload" if kind in _WORKLOAD_INPUTS else kind)


def _order(ref: ResourceRef) -> tuple[str, str, str]:
    return (ref.kind, ref.namespace, ref.name)


def _namespaces(snapshot: Snapshot) -> Mapping[str, Namespace]:
    return {namespace.name: namespace for namespace in snapshot.each(Namespace)}


def _read(manifest: Manifest, ref: ResourceRef) -> _Entry:
    problems: list[Problem] = []
    parsed = parse(manifest, ref, problems)
    return _Entry(manifest, parsed, tuple(problems))


def _join(entries: Mapping[ResourceRef, _Entry]) -> list[Workload]:
    """Workloads with their pods; owned ReplicaSets and Jobs give way to their owner when it is there."""
    parsed: dict[ResourceRef, ParsedWorkload] = {}
    pods: list[OwnedGroups] = []
    for entry in entries.values():
        if isinstance(entry.parsed, ParsedWorkload):
            parsed[entry.parsed.workload.ref] = entry.parsed
        elif isinstance(entry.parsed, OwnedGroups):
            pods.append(entry.parsed)
    workloads = {
        ref: found.workload
        for ref, found in parsed.items()
        if found.owner is None or found.owner.kind not in WORKLOAD_KINDS or found.owner not in parsed
    }
    for owned in sorted(pods, key=lambda item: item.ref):
        owner = _top(owned.owner, parsed)
        known = workloads.get(owner)
        if known is None:
            template = owned.groups[0].pod if owned.groups else Workload(ref=owner).template
            known = Workload(ref=owner, template=template, observed=False)
        workloads[owner] = replace(known, pod_groups=(*known.pod_groups, *owned.groups))
    return [workloads[ref] for ref in sorted(workloads, key=_order)]


def _top(owner: ResourceRef, parsed: Mapping[ResourceRef, ParsedWorkload]) -> ResourceRef:
    """The workload at the top of a chain of owners; chains are short and cannot loop for ever."""
    for _ in range(4):
        found = parsed.get(owner)
        if found is None or found.owner is None or found.owner.kind not in WORKLOAD_KINDS:
            return owner
        owner = found.owner
    return owner
