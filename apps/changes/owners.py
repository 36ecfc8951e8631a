"""Who owns the fields of an object beside the console, by its managedFields. Pure: knows no cluster."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.changes import intents

_ITEM = "k:"


@dataclass(frozen=True, slots=True)
class Owned:
    """Fields (`spec.hosts`) that `manager` owns and that an item would write otherwise."""

    manager: str
    fields: tuple[str, ...]


def owners_met(
    base: Mapping[str, Any], intent: Mapping[str, Any], managed_fields: Sequence[Any]
) -> tuple[Owned, ...]:
    """The other managers whose fields `intent` would give another value than `base` has, by name."""
    met: dict[str, dict[str, None]] = defaultdict(dict)
    for entry in managed_fields:
        if not isinstance(entry, Mapping) or entry.get("subresource"):
            continue
        manager, tree = str(entry.get("manager") or "unnamed"), entry.get("fieldsV1")
        ours = manager == intents.FIELD_MANAGER and entry.get("operation") == "Apply"
        if not ours and isinstance(tree, Mapping):
            met[manager].update(dict.fromkeys(_changed(base, intent, tree, "")))
    return tuple(Owned(manager, tuple(sorted(fields))) for manager, fields in sorted(met.items()) if fields)


def _changed(
    base: Mapping[str, Any], intent: Mapping[str, Any], tree: Mapping[str, Any], path: str
) -> Iterable[str]:
    """The paths of `tree` (as `fieldsV1`) below which `intent` differs from `base`."""
    for key, value in intent.items():
        owned, old = tree.get(f"f:{key}"), base.get(key)
        if not isinstance(owned, Mapping) or value == old:
            continue
        where = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from _changed(old, value, owned, where)
        elif isinstance(value, list) and isinstance(old, list) and any(k.startswith(_ITEM) for k in owned):
            yield from _changed_items(old, value, owned, where)
        else:
            yield where


def _changed_items(
    base: Sequence[Any], intent: Sequence[Any], tree: Mapping[str, Any], path: str
) -> Iterable[str]:
    for mark, owned in tree.items():
        keys = _keys(mark)
        old, new = _with_keys(base, keys), _with_keys(intent, keys)
        if keys and old is not None and new is not None and isinstance(owned, Mapping):
            yield from _changed(old, new, owned, f"{path}[{mark.removeprefix(_ITEM)}]")


def _keys(mark: str) -> Mapping[str, Any]:
    """What `k:{"number":443}` says; nothing for any other mark."""
    try:
        found = json.loads(mark.removeprefix(_ITEM)) if mark.startswith(_ITEM) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _with_keys(items: Sequence[Any], keys: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for item in items:
        if isinstance(item, Mapping) and all(item.get(key) == value for key, value in keys.items()):
            return item
    return None
