"""What server-side apply sends for one object, and how an answer is compared. Pure: knows no cluster.

An apply removes every field that its manager owned before and that the new intent leaves out. So an
intent holds what the change changes and, unchanged, whatever the console owns there already; a field
that somebody else owns cannot be removed, and is said to be so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.mesh.patches import stripped
from apps.mesh.refs import Manifest

FIELD_MANAGER = "meshconsole"
OP_ANNOTATION = "meshconsole.io/op"
IDENTITY = ("apiVersion", "kind")


class IntentError(ValueError):
    """A change that server-side apply cannot express; the message is a sentence for people."""


def operation(change_id: int, revision: int, position: int) -> str:
    """The mark that a write leaves on the object, by which the console knows its own work again."""
    return f"CS-{change_id}/{revision}/{position}"


def operation_of(manifest: Manifest) -> str:
    """The mark on an object, "" when it bears none."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(OP_ANNOTATION) or "") if isinstance(annotations, Mapping) else ""


def stamped(manifest: Manifest, op: str) -> dict[str, Any]:
    """The manifest with the mark of this operation."""
    metadata = dict(manifest.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), OP_ANNOTATION: op}
    return {**manifest, "metadata": metadata}


def unstamped(manifest: Manifest) -> dict[str, Any]:
    """The manifest without any operation's mark."""
    metadata = dict(manifest.get("metadata") or {})
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != OP_ANNOTATION}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    return {**manifest, "metadata": metadata}


def intent_for(
    before: Manifest | None, after: Manifest, *, managed_fields: Sequence[Mapping[str, Any]] | None = ()
) -> dict[str, Any]:
    """The apply that turns `before` into `after`; the whole of `after` where nothing was before.

    Lists are sent whole: every list of Istio's kinds but `ServiceEntry.spec.ports` is atomic. Raises
    IntentError when a field would have to go that the console does not own. None for `managed_fields` says
    that nobody has read the owners yet: then only the dry run can tell.
    """
    goal = stripped(after)
    if before is None:
        return goal
    now = stripped(before)
    owned = owned_tree(managed_fields or ())
    removed = tuple(_foreign_removals(now, goal, owned, "")) if managed_fields is not None else ()
    if removed:
        raise IntentError(
            f"{', '.join(removed)} would have to be removed, which a server-side apply cannot do for "
            "fields that the console does not own. Remove them where they are managed."
        )
    intent = _projected(now, goal, owned)
    metadata = {**(intent.get("metadata") or {}), **_identity(goal)}
    return {**intent, **{key: goal[key] for key in IDENTITY}, "metadata": metadata}


def owned_tree(managed_fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields that the console owns by apply, as one tree in the form of `fieldsV1`."""
    tree: dict[str, Any] = {}
    for entry in managed_fields:
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource") and isinstance(entry.get("fieldsV1"), Mapping):
            _merge(tree, entry["fieldsV1"])
    return tree


def laid_over(live: Manifest, before: Manifest, after: Manifest) -> dict[str, Any]:
    """`live` with what `after` changes in `before`. Raises IntentError when `live` no longer says what
    `before` said in a place that changes."""
    return dict(_overlaid(stripped(live), stripped(before), stripped(after), ""))


def comparable(manifest: Manifest) -> dict[str, Any]:
    """What must be equal between two answers for the same write: everything but what moves by itself
    (resourceVersion, uid, creationTimestamp, generation, status, times of managedFields)."""
    body = stripped(manifest)
    fields = (manifest.get("metadata") or {}).get("managedFields") or []
    owners = [
        {key: value for key, value in entry.items() if key != "time"}
        for entry in fields
        if isinstance(entry, Mapping) and not entry.get("subresource")
    ]
    owners.sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return {"content": body, "owners": owners}


def same_content(one: Manifest, other: Manifest) -> bool:
    """Whether two readings say the same, whoever wrote them and whatever operation marked them."""
    return unstamped(stripped(one)) == unstamped(stripped(other))


def _projected(
    before: Mapping[str, Any], after: Mapping[str, Any], owned: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in after.items():
        old, mine = before.get(key), owned.get(f"f:{key}")
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            below = _projected(old, value, mine if isinstance(mine, Mapping) else {})
            if below or (mine is not None and not value):
                found[key] = below
        elif key not in before or old != value or mine is not None:
            found[key] = value
    return found


def _foreign_removals(
    before: Mapping[str, Any], after: Mapping[str, Any], owned: Mapping[str, Any], path: str
) -> Iterable[str]:
    for key, value in before.items():
        mine = owned.get(f"f:{key}")
        where = f"{path}.{key}" if path else str(key)
        if key not in after:
            if isinstance(value, Mapping) and value:
                yield from _foreign_removals(value, {}, mine if isinstance(mine, Mapping) else {}, where)
            elif mine is None:
                yield where
        elif isinstance(value, Mapping) and isinstance(after[key], Mapping):
            yield from _foreign_removals(value, after[key], mine if isinstance(mine, Mapping) else {}, where)


def _overlaid(
    live: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], path: str
) -> Mapping[str, Any]:
    result = dict(live)
    for key in {**before, **after}:
        where = f"{path}.{key}" if path else str(key)
        old, new, now = before.get(key), after.get(key), live.get(key)
        if old == new:
            continue
        if all(isinstance(side, Mapping) for side in (old or {}, new, now or {})) and new is not None:
            result[key] = _overlaid(now or {}, old or {}, new, where)
        elif now != old:
            raise IntentError(f"{where} is no longer what it was when this change was proposed.")
        elif key in after:
            result[key] = new
        else:
            result.pop(key, None)
    return result


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest.get("metadata") or {}
    return {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}


def _merge(tree: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        below = tree.setdefault(key, {})
        if isinstance(value, Mapping) and isinstance(below, dict):
            _merge(below, value)
