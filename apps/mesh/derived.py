"""Values computed from a snapshot, each with the kinds it was read from: a change to other kinds leaves it as
it is.

A plain function's value is data: it rests on what was read while it was computed, and on that alone. An
object that keeps hold of the snapshot may read more later; it outlives a change only where its class
declares, in `INPUTS`, every kind that it can ever read. Knows nothing of snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

EVERY_KIND = ""
"""Read by what looks at all objects."""


class UndeclaredRead(LookupError):
    """Something read a kind that its class does not declare: a mistake in the console, not in a manifest."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a patch replaced. `kinds` are those that changed, "Workload" for all kinds of workloads and their
    pods; `objects` are (before, after) as they were parsed, None for absent or not looked into."""

    kinds: frozenset[str]
    objects: tuple[tuple[Any, Any], ...]


class Reads:
    """What one value was read from so far: kinds, and other derived values."""

    __slots__ = ("declared", "kinds", "name", "used")

    def __init__(self, compute: Callable[..., Any]) -> None:
        self.name = getattr(compute, "__name__", str(compute))
        self.declared: frozenset[str] | None = getattr(compute, "INPUTS", None)
        self.kinds: set[str] = set()
        self.used: list[Derived] = []

    def note(self, kind: str) -> None:
        """A kind was read. Raises UndeclaredRead."""
        if self.declared is not None and kind not in self.declared:
            raise UndeclaredRead(f"{self.name} reads {kind or 'every kind'}, which its INPUTS do not name.")
        self.kinds.add(kind)

    def use(self, other: Derived) -> None:
        """Another value was asked for. Raises UndeclaredRead when it rests on more than is declared."""
        if self.declared is not None and not (other.fixed and other.inputs() <= self.declared):
            raise UndeclaredRead(f"{self.name} uses {other.reads.name}, which reads more than it declares.")
        if other not in self.used:
            self.used.append(other)


@dataclass(slots=True, eq=False)
class Derived:
    """A value with what it rests on. `holds` says that it kept hold of the snapshot; `plain` that it is data,
    the value of a function."""

    value: Any
    reads: Reads
    holds: bool
    plain: bool

    @property
    def fixed(self) -> bool:
        """Whether `inputs` says everything that it will ever read."""
        if self.reads.declared is not None:
            return True
        return not self.holds and (self.plain or all(other.fixed for other in self.reads.used))

    def inputs(self) -> frozenset[str]:
        """The kinds it rests on."""
        if self.reads.declared is not None:
            return self.reads.declared
        return frozenset(self.reads.kinds).union(*(other.inputs() for other in self.reads.used))

    def outlives(self, changed: Collection[str]) -> bool:
        """Whether it is the same after these kinds have changed."""
        if not changed:
            return True
        found = self.inputs()
        return self.fixed and EVERY_KIND not in found and found.isdisjoint(changed)
