"""What is kept of each workload, put together from what there is of each namespace.

Knows nothing of what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from apps.mesh.derived import Change, EachNamespace, Parts
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

V = TypeVar("V")


class ByWorkload(dict[ResourceRef, V]):
    """By ref, in the order of workloads. Never changes."""

    parts: Parts[tuple[V, ...]]


def by_workload(compute: EachNamespace[[], tuple[V, ...]]) -> Callable[[Snapshot], Mapping[ResourceRef, V]]:
    """A function of a snapshot that gives what `compute` finds of the workloads of each namespace (in their
    order) for all of them; ask for it through `snapshot.derived`."""

    def gather(snapshot: Snapshot) -> ByWorkload[V]:
        parts = snapshot.parts(compute)
        places = {name: iter(part) for name, part in parts.items()}
        found = ByWorkload({item.ref: next(places[item.namespace]) for item in snapshot.workloads})
        found.parts = parts
        return found

    def after(old: ByWorkload[V], change: Change, snapshot: Snapshot) -> ByWorkload[V]:
        parts, found = snapshot.parts(compute), ByWorkload(old)
        for name in parts.unlike(old.parts):
            members = snapshot.workloads_in(name)
            if len(members) != len(old.parts.get(name, ())) or any(item.ref not in old for item in members):
                return gather(snapshot)
            found.update(zip((item.ref for item in members), parts.get(name, ()), strict=True))
        found.parts = parts
        return found

    gather.__name__ = compute.__name__
    setattr(gather, "after", after)  # noqa: B010 a function has no such attribute of its own
    return gather
