"""Patches with nothing in them that is not needed: each patch, and each item that one adds to a list, is left
out where the rest is found to be enough. Knows nothing of what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

LISTS = ("hosts", "exportTo")


def pruned(
    after: Snapshot, patches: Sequence[ManifestPatch], enough: Callable[[Snapshot, ResourceRef], bool]
) -> dict[ResourceRef, ManifestPatch]:
    """The patches without what they are enough without; `after` is the snapshot with these and any others.
    Asks as often as there are patches and items, each time about `after` with less of one object."""
    kept = {patch.ref: patch for patch in patches}
    for ref, patch in tuple(kept.items()):
        less = _undone(after, patch)
        if enough(less, ref):
            after = less
            del kept[ref]
            continue
        for index, key, item in _added(patch):
            fewer = _without(kept[ref], index, key, item)
            if fewer is not kept[ref] and enough(less := apply(after, [fewer]), ref):
                after, kept[ref] = less, fewer
    return kept


def _undone(after: Snapshot, patch: ManifestPatch) -> Snapshot:
    if patch.before is None:
        return after.with_patched(deletes=[patch.ref])
    return after.with_patched([patch.before])


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
