"""How findings count and list things, so that all say it alike. Knows nothing of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.mesh.objects.base import MeshObject
from apps.mesh.refs import ResourceRef

MAX_LISTED = 5


def listed(items: Iterable[str], limit: int = MAX_LISTED) -> str:
    """`a, b and c`; beyond the limit `a, b and 7 more`."""
    names = list(items)
    if len(names) > limit:
        names = [*names[: limit - 1], f"{len(names) - limit + 1} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 host`, `3 hosts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def namespaces_of(refs: Sequence[ResourceRef]) -> str:
    """`namespace a` or `namespaces a, b and c`."""
    names = sorted({ref.namespace for ref in refs})
    return f"{'namespace' if len(names) == 1 else 'namespaces'} {listed(names)}"


def seniority(first: MeshObject, second: MeshObject) -> str:
    """Why the first of two goes before the second: `is older`, or how the tie is broken."""
    if first.created != second.created:
        return "is older"
    if first.created:
        return "is as old and comes first by name"
    return "comes first by name (neither says how old it is; the oldest would win)"
