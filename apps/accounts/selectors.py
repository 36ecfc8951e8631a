"""Reading people, their bindings and their tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from apps.accounts.models import ApiToken, RoleBinding, User
from apps.accounts.permissions import ROLE_PERMISSIONS, Permission, holders


def people() -> QuerySet[User]:
    """All accounts by name, with their bindings."""
    return User.objects.order_by("username").prefetch_related("bindings", "groups__bindings")


def bindings_of(user: User) -> QuerySet[RoleBinding]:
    """What is granted to the person, directly and through groups."""
    return RoleBinding.objects.filter(Q(user=user) | Q(group__user=user)).distinct().order_by("role", "pk")


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The person's tokens, newest first; revoked and expired ones too."""
    return ApiToken.objects.filter(user=user).order_by("-created_at", "-pk")


def eligible(permission: Permission, places: Iterable[tuple[str, str, str]]) -> list[User]:
    """The active people who hold the permission in every (environment, cluster, namespace), by name.
    For "who can approve this"; costs a query for each candidate."""
    roles = [role for role, granted in ROLE_PERMISSIONS.items() if permission in granted]
    candidates = User.objects.filter(is_active=True).filter(
        Q(bindings__role__in=roles) | Q(groups__bindings__role__in=roles) | Q(is_superuser=True)
    )
    return holders(candidates.distinct().order_by("username"), permission, places)


def group_names(user_ids: Iterable[int]) -> Mapping[int, frozenset[str]]:
    """The names of the groups of each of these people; one query."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = User.groups.through.objects.filter(user_id__in=list(user_ids)).values_list(
        "user_id", "group__name"
    )
    for user_id, name in rows:
        found[user_id].add(name)
    return {user_id: frozenset(names) for user_id, names in found.items()}


def known_groups() -> frozenset[str]:
    """The names of all groups."""
    return frozenset(Group.objects.values_list("name", flat=True))
