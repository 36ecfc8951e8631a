"""Values computed from a snapshot, each with the kinds it was read from: a change to other kinds leaves it as
it is.

A plain function's value is data: it rests on what was read while it was computed, and on that alone. An
object that keeps hold of the snapshot may read more later; it outlives a change only where its class
declares, in `INPUTS`, every kind that it can ever read. A function that read no changed kind itself is not
run again where all the values that it used came out as the same objects, or as ones that answer the same to
what was asked of them (`asking` and `answers_as`). What is worked out for each namespace by itself
(`EachNamespace`) is worked out again only for those namespaces of which something that was read has changed.
Knows nothing of snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

C = TypeVar("C", bound=Callable[..., Any])
P = ParamSpec("P")
V = TypeVar("V")
EVERY_KIND = ""
"""Read by what looks at all objects."""


class UndeclaredRead(LookupError):
    """Something read a kind that its class does not declare: a mistake in the console, not in a manifest."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a patch replaced. `kinds` are those that changed, "Workload" for all kinds of workloads and their
    pods; `objects` are (before, after) as they were parsed, None for absent or not looked into; `places` are
    the namespaces of what changed, by kind; of a Namespace it is the one that it stands for."""

    kinds: frozenset[str]
    objects: tuple[tuple[Any, Any], ...]
    places: Mapping[str, frozenset[str]]

    def namespaces(self, kinds: Collection[str] | None = None) -> frozenset[str]:
        """The namespaces of what changed of these kinds, or of all."""
        found = (names for kind, names in self.places.items() if kinds is None or kind in kinds)
        return frozenset().union(*found)


def steady(reached: Callable[..., bool]) -> Callable[[C], C]:
    """For a function: its value stays as it is unless `reached(change, *args)` says that a change may make it
    another, and stays the same object where it comes out equal."""

    def marked(compute: C) -> C:
        def after(old: Any, change: Change, *given: Any) -> Any:
            if not reached(change, *given[1:]):
                return old
            found = compute(*given)
            return old if found == old else found

        setattr(compute, "after", after)  # noqa: B010 a function has no such attribute of its own
        return compute

    return marked


class Parts(dict[str, V]):
    """What was found for each namespace. Never changes."""

    def unlike(self, other: Mapping[str, Any]) -> set[str]:
        """The namespaces for which the other has another object, or none."""
        if other is self:
            return set()
        found = {name for name, part in self.items() if other.get(name, self) is not part}
        return found | (other.keys() - self.keys())


class EachNamespace(Generic[P, V]):
    """Works out the same for each namespace by itself: `compute(snapshot, namespace, *args)`, pure, whose
    value is data. What it reads in that namespace alone is known as such. Ask for it with `snapshot.parts`
    and `snapshot.part`."""

    __slots__ = ("__name__", "_compute")

    def __init__(self, compute: Callable[Concatenate[Any, str, P], V]) -> None:
        self._compute = compute
        self.__name__ = compute.__name__

    def __call__(self, snapshot: Any, namespace: str, *args: P.args, **named: P.kwargs) -> V:
        return self._compute(snapshot, namespace, *args, **named)


class Reads:
    """What one value was read from so far: kinds, and other derived values."""

    __slots__ = ("_lenses", "asked", "compute", "declared", "kinds", "local", "name", "parts", "used")

    def __init__(self, compute: Callable[..., Any]) -> None:
        self.compute = compute
        self.name = getattr(compute, "__name__", str(compute))
        self.declared: frozenset[str] | None = getattr(compute, "INPUTS", None)
        self.kinds: set[str] = set()
        self.used: dict[int, Derived] = {}  # by identity, in the order of first use
        self.local: set[str] = set()  # of the own namespace alone, as `parts`
        self.parts: dict[int, Derived] = {}
        self.asked: dict[tuple[Any, ...], set[Any]] = {}
        self._lenses: dict[int, Any] = {}

    def note(self, kind: str) -> None:
        """A kind was read. Raises UndeclaredRead."""
        if self.declared is not None and kind not in self.declared:
            raise UndeclaredRead(f"{self.name} reads {kind or 'every kind'}, which its INPUTS do not name.")
        self.kinds.add(kind)

    def use(self, other: Derived) -> None:
        """Another value was asked for. Raises UndeclaredRead when it rests on more than is declared."""
        if id(other) in self.used:
            return
        if self.declared is not None and not (other.fixed and other.inputs() <= self.declared):
            raise UndeclaredRead(f"{self.name} uses {other.reads.name}, which reads more than it declares.")
        self.used[id(other)] = other

    def use_part(self, other: Derived) -> None:
        """Another value's part of the own namespace was asked for."""
        self.parts[id(other)] = other

    def again(self, used: Iterable[Derived], parts: Iterable[Derived]) -> Reads:
        """The same reads, of values as they are now."""
        made = Reads(self.compute)
        made.kinds, made.asked, made.local = set(self.kinds), self.asked, set(self.local)
        made.used = {id(other): other for other in used}
        made.parts = {id(other): other for other in parts}
        return made

    def lens(self, other: Derived) -> Any:
        """The other's value, or, where it can tell what was asked of it (`asking`), one that notes that."""
        if not hasattr(other.value, "asking"):
            return other.value
        if id(other) not in self._lenses:
            asked = self.asked.setdefault(other.key, set())
            self._lenses[id(other)] = other.value.asking(asked)
        return self._lenses[id(other)]


@dataclass(slots=True, eq=False)
class Derived:
    """A value with what it rests on. `key` is what computes it, with its arguments; `holds` says that it kept
    hold of the snapshot; `plain` that it is data, the value of a function."""

    key: tuple[Any, ...]
    value: Any
    reads: Reads
    holds: bool
    plain: bool
    _inputs: frozenset[str] | None = None

    @property
    def fixed(self) -> bool:
        """Whether `inputs` says everything that it will ever read."""
        if self.reads.declared is not None:
            return True
        return not self.holds and (self.plain or all(other.fixed for other in self.reads.used.values()))

    def inputs(self) -> frozenset[str]:
        """The kinds it rests on."""
        reads = self.reads
        if reads.declared is not None:
            return reads.declared
        if self._inputs is not None:
            return self._inputs
        rests = (other.inputs() for other in (*reads.used.values(), *reads.parts.values()))
        found = frozenset(reads.kinds).union(reads.local, *rests)
        if self.fixed:
            self._inputs = found
        return found

    def outlives(self, changed: Collection[str]) -> bool:
        """Whether it is the same after these kinds have changed."""
        if not changed:
            return True
        return self.fixed and _apart(self.inputs(), changed)

    def hinges(self, changed: Collection[str]) -> bool:
        """Whether, after these kinds have changed, it is the same if the values that it used are."""
        return self.reads.declared is None and self.fixed and _apart(self.reads.kinds, changed)

    def unmoved_by(self, part: Derived, now: Derived) -> bool:
        """Whether it is the same after a value that it used came out as another: the same object, or one
        that answers the same to all that was asked."""
        if now.value is part.value:
            return True
        asked = self.reads.asked.get(part.key)
        return asked is not None and self.plain and now.value.answers_as(part.value, asked)


def _apart(kinds: Collection[str], changed: Collection[str]) -> bool:
    return EVERY_KIND not in kinds and not any(kind in kinds for kind in changed)


@dataclass(frozen=True, slots=True)
class Computed:
    """What was derived so far; of values that a patch reached, the last one with that patch (`outdated`), and
    those that are the same still if their parts are (`hinging`)."""

    values: dict[Any, Derived] = field(default_factory=dict)
    outdated: dict[Any, tuple[Derived, Change]] = field(default_factory=dict)
    hinging: dict[Any, tuple[Derived, Change]] = field(default_factory=dict)

    def after(self, change: Change) -> Computed:
        """What a patch leaves as it is, and what may be made anew from what there is."""
        made = Computed()
        for key, item in self.values.items():
            if item.outlives(change.kinds):
                made.values[key] = item
                continue
            if item.hinges(change.kinds):
                made.hinging[key] = (item, change)
            if item.plain or hasattr(key[0], "after"):
                made.outdated[key] = (item, change)
        return made
