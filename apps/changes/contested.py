"""Fields that a draft writes and somebody else owns, as far as the last reading says. Asks no cluster.

A server-side apply is refused where it gives another value to a field of another manager. Only the dry
run decides; this lets a person choose before asking for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from apps.changes.models import ChangeItem
from apps.changes.owners import Owned, owners_met
from apps.inventory.models import ObjectVersion


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
