"""The objects of one kind in a snapshot, parsed and in order; shared by snapshots in which they are alike.

Knows nothing of what else a cluster holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from apps.mesh.objects.base import MeshObject
from apps.mesh.parsing.fields import Problem
from apps.mesh.parsing.registry import Parsed, parse
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.suppression import ignore_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as it came and as it was read."""

    manifest: Manifest
    parsed: Parsed | None
    problems: tuple[Problem, ...]
    ignores: bool = False
    """Whether an annotation of it ignores findings."""

    @property
    def object(self) -> MeshObject | None:
        return self.parsed if isinstance(self.parsed, MeshObject) else None


def read(manifest: Manifest, ref: ResourceRef) -> Entry:
    """Parses a manifest; what is wrong with it becomes problems."""
    problems: list[Problem] = []
    parsed = parse(manifest, ref, problems)
    return Entry(manifest, parsed, tuple(problems), ignore_of(manifest) is not None)


class Shelf:
    """Never changes. All answers are ordered by ref."""

    __slots__ = ("_by_namespace", "_derived", "_objects", "entries", "ignoring", "problems")

    def __init__(self, entries: Mapping[ResourceRef, Entry]) -> None:
        self.entries = entries
        self.ignoring = {ref: entry.manifest for ref, entry in entries.items() if entry.ignores}
        objects: dict[type, list[Any]] = {}
        problems: list[Problem] = []
        for entry in entries.values():
            if isinstance(entry.parsed, MeshObject):
                objects.setdefault(type(entry.parsed), []).append(entry.parsed)
            if entry.problems:
                problems.extend(entry.problems)
        self._objects = {kind: tuple(items) for kind, items in objects.items()}
        self.problems = tuple(problems)
        self._derived: dict[Callable[[Shelf], Any], Any] = {}
        self._by_namespace: dict[type, dict[str, list[Any]]] = {}

    @classmethod
    def of(cls, entries: Mapping[ResourceRef, Entry]) -> Shelf:
        """A shelf of entries in any order."""
        return cls({ref: entries[ref] for ref in sorted(entries, key=_order)})

    def objects(self, kind: type) -> tuple[Any, ...]:
        """The objects of a type; a kind of another API group has none."""
        return self._objects.get(kind, ())

    def objects_in(self, kind: type, namespace: str) -> tuple[Any, ...]:
        """The objects of a type in a namespace."""
        if kind not in self._by_namespace:
            found: dict[str, list[Any]] = {}
            for item in self.objects(kind):
                found.setdefault(item.ref.namespace, []).append(item)
            self._by_namespace[kind] = found
        return tuple(self._by_namespace[kind].get(namespace, ()))

    def changed(self, upserts: Mapping[ResourceRef, Entry], deletes: Collection[ResourceRef]) -> Shelf:
        """A shelf in which these are created or replaced, and those are gone; itself when nothing differs."""
        gone = {ref for ref in deletes if ref in self.entries and ref not in upserts}
        new = {
            ref: entry
            for ref, entry in upserts.items()
            if ref not in self.entries or self.entries[ref].manifest != entry.manifest
        }
        if not gone and not new:
            return self
        entries = {**self.entries, **new}
        for ref in gone:
            del entries[ref]
        if any(ref not in self.entries for ref in new):
            return Shelf.of(entries)
        return Shelf(entries) if gone else self._replaced(entries, new)

    def _replaced(self, entries: Mapping[ResourceRef, Entry], new: Mapping[ResourceRef, Entry]) -> Shelf:
        """A shelf of the same refs, of which these have other entries; made without looking at the rest."""
        pairs = [(self.entries[ref], entry) for ref, entry in new.items()]
        plain = all(
            type(old.parsed) is type(entry.parsed) and not (old.problems or entry.problems)
            for old, entry in pairs
        )
        if not plain or any(old.ignores or entry.ignores for old, entry in pairs):
            return Shelf(entries)
        made = copy(self)
        made.entries, made._derived = entries, {}
        others = {id(old.parsed): entry.parsed for old, entry in pairs}
        made._objects = {
            kind: tuple([others.get(id(item), item) for item in items])
            for kind, items in self._objects.items()
        }
        made._by_namespace = {}
        spaces = {ref.namespace for ref in new}
        for kind, found in self._by_namespace.items():
            renewed = {
                name: [others.get(id(item), item) for item in found[name]] for name in spaces if name in found
            }
            made._by_namespace[kind] = {**found, **renewed}
        return made

    def derived(self, compute: Callable[[Shelf], T]) -> T:
        """`compute(self)`, computed once. `compute` must be a plain function and pure."""
        if compute not in self._derived:
            self._derived[compute] = compute(self)
        found: T = self._derived[compute]
        return found


def shelves_of(entries: Iterable[tuple[ResourceRef, Entry]]) -> dict[str, Shelf]:
    """Shelves by kind, ordered by kind; of two entries with one ref the last counts."""
    by_kind: dict[str, dict[ResourceRef, Entry]] = {}
    for ref, entry in entries:
        by_kind.setdefault(ref.kind, {})[ref] = entry
    return {kind: Shelf.of(by_kind[kind]) for kind in sorted(by_kind)}


def _order(ref: ResourceRef) -> tuple[str, str]:
    return (ref.namespace, ref.name)
