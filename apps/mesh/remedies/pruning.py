"""Patches with nothing in them that is not needed: each patch, and each item that one adds to a list, is left
out where it is found that the rest is enough. Knows nothing of what it is needed for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.mesh.patches import ManifestPatch

Patches = Sequence[ManifestPatch]
LISTS = ("hosts", "exportTo")


def pruned(patches: Patches, enough: Callable[[Patches], bool]) -> tuple[ManifestPatch, ...]:
    """The patches without what they are enough without. Asks as often as there are patches and items."""
    kept = list(patches)
    for patch in patches:
        others = [one for one in kept if one.ref != patch.ref]
        if enough(others):
            kept = others
            continue
        for index, key, item in _added(patch):
            now = next(one for one in kept if one.ref == patch.ref)
            less = _without(now, index, key, item)
            fewer = [less if one is now else one for one in kept]
            if less is not now and enough(fewer):
                kept = fewer
    return tuple(kept)


def _added(patch: ManifestPatch) -> Iterator[tuple[int, str, str]]:
    """What the patch adds to lists: the index of the egress listener (-1 for the object's own), the field and
    the item. Whom a new object is exported to is not added to anything."""
    before, after = _spec(patch.before), _spec(patch.after)
    for key in LISTS if patch.before is not None else LISTS[:1]:
        yield from ((-1, key, item) for item in after.get(key) or () if item not in (before.get(key) or ()))
    known = before.get("egress") or ()
    for index, listener in enumerate(after.get("egress") or ()):
        there = known[index].get("hosts") or () if index < len(known) else ()
        yield from ((index, "hosts", item) for item in listener.get("hosts") or () if item not in there)


def _without(patch: ManifestPatch, index: int, key: str, item: str) -> ManifestPatch:
    """The patch without one item; itself where nothing would be left in the list."""
    spec = dict(_spec(patch.after))
    holder = spec if index < 0 else dict(spec["egress"][index])
    left = [one for one in holder[key] if one != item]
    if not left:
        return patch
    holder[key] = left
    if index >= 0:
        spec["egress"] = [*spec["egress"][:index], holder, *spec["egress"][index + 1 :]]
    return replace(patch, after={**(patch.after or {}), "spec": spec})


def _spec(manifest: Mapping[str, Any] | None) -> Mapping[str, Any]:
    spec = manifest.get("spec") if manifest is not None else None
    return spec if isinstance(spec, Mapping) else {}
