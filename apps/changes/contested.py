"""Fields that a draft writes and somebody else owns, as far as the last reading says. Asks no cluster.

A server-side apply is refused where it gives another value to a field of another manager. Only the dry
run decides; this lets a person choose before asking for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from apps.changes import intents
from apps.changes.models import ChangeItem
from apps.inventory.models import ObjectVersion

_ITEM = "k:"


@dataclass(frozen=True, slots=True)
class Owned:
    """Fields (`spec.hosts`) that `manager` owns and that an item would write otherwise."""

    manager: str
    fields: tuple[str, ...]


def foreseen(items: Iterable[ChangeItem]) -> dict[int, tuple[Owned, ...]]:
    """By item, who owns what it writes; items that meet nobody are left out. One query at most."""
    updates = [item for item in items if item.action == ChangeItem.Action.UPDATE and item.intent]
    if not updates:
        return {}
    wanted = Q()
    for item in updates:
        wanted |= Q(cluster=item.cluster_id, kind=item.kind, namespace=item.namespace, name=item.name)
    rows = ObjectVersion.objects.filter(wanted, valid_to__isnull=True)
    metas = {
        tuple(row[:4]): row[4] for row in rows.values_list("cluster", "kind", "namespace", "name", "meta")
    }
    found = {}
    for item in updates:
        meta = metas.get((item.cluster_id, item.kind, item.namespace, item.name)) or {}
        owners = owners_met(item.base or {}, item.intent or {}, meta.get("managedFields") or ())
        if owners:
            found[item.pk] = owners
    return found


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
