"""Where a change writes, and who may see it or do something everywhere there.

Reads only. The permission itself is decided by `accounts.permissions`, who may decide by `duties`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows, object_filter, require
from apps.changes.models import ChangeItem, ChangeSet, Revision


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One namespace of one cluster that a change writes into."""

    environment: str
    cluster: str
    namespace: str


def places(revision: Revision) -> tuple[Place, ...]:
    """Everywhere a revision writes, without repetition, in order."""
    rows = revision.items.values_list("cluster__environment", "cluster__name", "namespace")
    return tuple(sorted({Place(*row) for row in rows}))


def may_everywhere(user: User, permission: Permission, where: Iterable[Place]) -> bool:
    """Whether the permission holds in every one of the places; in none of none."""
    where = tuple(where)
    return bool(where) and all(
        allows(user, permission, environment=p.environment, cluster=p.cluster, namespace=p.namespace)
        for p in where
    )


def require_everywhere(user: User, permission: Permission, where: Iterable[Place]) -> None:
    """Raises PermissionDeniedError, and records the refusal, for the first place that does not allow."""
    for place in where:
        require(
            user,
            permission,
            environment=place.environment,
            cluster=place.cluster,
            namespace=place.namespace,
        )


def visible_changes(user: User) -> QuerySet[ChangeSet]:
    """The changes of which the person may see every object, wherever it lies."""
    seen = ChangeItem.objects.filter(object_filter(user, Permission.VIEW))
    items = ChangeItem.objects.filter(revision__change=OuterRef("pk"))
    return ChangeSet.objects.filter(Exists(items)).exclude(Exists(items.exclude(pk__in=seen.values("pk"))))
