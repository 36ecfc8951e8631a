"""What is kept of each workload, put together from what there is of each namespace.

Knows nothing of what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from apps.mesh.derived import Change, EachNamespace, Parts
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

V = TypeVar("V")


class ByWorkload(dict[ResourceRef, V]):
    """By ref, in the order of workloads. Never changes."""

    parts: Parts[tuple[V, ...]]


def gathered(
    snapshot: Snapshot,
    parts: Parts[tuple[V, ...]],
    old: ByWorkload[V] | None = None,
    touched: Collection[str] = (),
) -> ByWorkload[V]:
    """What there is of each workload. `parts` are in the order of the workloads of each namespace, `touched`
    the namespaces of which workloads are others than in `old`."""
    found = _renewed(snapshot, parts, old, touched) if old is not None else None
    if found is None:
        places = {name: iter(part) for name, part in parts.items()}
        found = ByWorkload({item.ref: next(places[item.namespace]) for item in snapshot.workloads})
    found.parts = parts
    return found


def _renewed(
    snapshot: Snapshot, parts: Parts[tuple[V, ...]], old: ByWorkload[V], touched: Collection[str]
) -> ByWorkload[V] | None:
    """The old ones with those of some namespaces replaced; None where workloads came or went."""
    found = ByWorkload(old)
    for name in parts.unlike(old.parts).union(touched):
        members, part = snapshot.workloads_in(name), parts.get(name, ())
        if len(part) != len(old.parts.get(name, ())) or any(item.ref not in old for item in members):
            return None
        found.update(zip((item.ref for item in members), part, strict=True))
    return found


def by_workload(compute: EachNamespace[[], tuple[V, ...]]) -> Callable[[Snapshot], Mapping[ResourceRef, V]]:
    """A function of a snapshot that gives what `compute` finds of the workloads of each namespace (in their
    order) for all of them; ask for it through `snapshot.derived`."""

    def gather(snapshot: Snapshot) -> Mapping[ResourceRef, V]:
        return gathered(snapshot, snapshot.parts(compute))

    def after(old: ByWorkload[V], change: Change, snapshot: Snapshot) -> Mapping[ResourceRef, V]:
        return gathered(snapshot, snapshot.parts(compute), old, change.namespaces({"Workload"}))

    gather.__name__ = compute.__name__
    setattr(gather, "after", after)  # noqa: B010 a function has no such attribute of its own
    return gather
