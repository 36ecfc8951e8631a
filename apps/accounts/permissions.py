"""Who may do what, where. Deny by default; every action asks here, whoever called it.

A binding names environments, clusters and namespaces by glob (`*`, `?`). Knows no cluster: queries
get a condition to filter by. A place left out ("") means *all of them*, so that a binding to one
namespace never allows what concerns the whole cluster; `allows_somewhere` asks the weaker question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from apps.accounts.models import Role, RoleBinding, User
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.common.errors import PermissionDeniedError

ANY = "*"


class Permission(StrEnum):
    VIEW = "view"
    PROPOSE = "propose"
    APPROVE = "approve"
    EXECUTE = "execute"
    BREAK_GLASS = "break_glass"
    SUPPRESS = "suppress"
    OPERATE_CLUSTERS = "operate_clusters"
    ADMINISTER = "administer"
    VIEW_AUDIT = "view_audit"


_P = Permission
ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.VIEW}),
    Role.PROPOSER: frozenset({_P.VIEW, _P.PROPOSE}),
    Role.APPROVER: frozenset({_P.VIEW, _P.APPROVE}),
    Role.OPERATOR: frozenset(
        {_P.VIEW, _P.EXECUTE, _P.BREAK_GLASS, _P.SUPPRESS, _P.OPERATE_CLUSTERS, _P.VIEW_AUDIT}
    ),
    Role.ADMINISTRATOR: frozenset({_P.VIEW, _P.SUPPRESS, _P.OPERATE_CLUSTERS, _P.ADMINISTER, _P.VIEW_AUDIT}),
}

_WORDS = {
    _P.VIEW: "see this",
    _P.PROPOSE: "propose changes",
    _P.APPROVE: "approve changes",
    _P.EXECUTE: "apply changes",
    _P.BREAK_GLASS: "declare an emergency",
    _P.SUPPRESS: "suppress findings",
    _P.OPERATE_CLUSTERS: "register or operate clusters",
    _P.ADMINISTER: "administer the console",
    _P.VIEW_AUDIT: "read the audit record",
}

Person = User | AnonymousUser


def allows(
    user: Person, permission: Permission, *, environment: str = "", cluster: str = "", namespace: str = ""
) -> bool:
    """Whether a binding grants the permission for exactly this place; "" stands for all of them."""
    return any(
        _covers(b.environment, environment)
        and _covers(b.cluster, cluster)
        and _covers(b.namespace, namespace)
        for b in _granting(user, permission)
    )


def allows_somewhere(
    user: Person, permission: Permission, *, environment: str = "", cluster: str = ""
) -> bool:
    """Whether the permission is held for at least some namespace there; "" stands for anywhere."""
    return any(
        (not environment or _covers(b.environment, environment))
        and (not cluster or _covers(b.cluster, cluster))
        for b in _granting(user, permission)
    )


def require(
    user: Person,
    permission: Permission,
    *,
    environment: str = "",
    cluster: str = "",
    namespace: str = "",
    action: str = "",
) -> None:
    """Raises PermissionDeniedError and records the refusal. Reads the bindings afresh.

    Call it before the transaction is opened: a refusal must outlive what is rolled back.
    """
    forget_bindings(user)
    if allows(user, permission, environment=environment, cluster=cluster, namespace=namespace):
        return
    place = " ".join(part for part in (environment, cluster, namespace) if part)
    where = f" in {place}" if place else ""
    record(
        actor=user if isinstance(user, User) else None,
        action=action or f"permission.{permission}",
        summary=f"Refused to {_WORDS[permission]}{where}: no binding grants it.",
        object_type="permission",
        object_id=permission.value,
        cluster=cluster,
        outcome=Outcome.REFUSED,
        detail={"environment": environment, "namespace": namespace},
    )
    refusal = PermissionDeniedError(
        f"Your roles do not let you {_WORDS[permission]}{where}. An administrator can grant it."
    )
    refusal.recorded = True
    raise refusal


def cluster_filter(user: Person, permission: Permission, prefix: str = "") -> Q:
    """The condition on rows with `environment` and `name` (a cluster, or one behind `prefix`, such as
    `cluster__`) for which the permission is held in at least some namespace."""
    condition = nothing()
    for b in _granting(user, permission):
        condition |= _matches(f"{prefix}environment", b.environment) & _matches(f"{prefix}name", b.cluster)
    return condition


def object_filter(
    user: Person, permission: Permission, prefix: str = "cluster__", namespace: str = "namespace"
) -> Q:
    """The condition on rows that belong to a cluster and a namespace."""
    condition = nothing()
    for b in _granting(user, permission):
        condition |= (
            _matches(f"{prefix}environment", b.environment)
            & _matches(f"{prefix}name", b.cluster)
            & _matches(namespace, b.namespace)
        )
    return condition


def forget_bindings(user: Person) -> None:
    """Bindings are read once for each user object, that is once a request; this reads them again."""
    user.__dict__.pop("_bindings", None)


def nothing() -> Q:
    return Q(pk__in=[])


def _granting(user: Person, permission: Permission) -> list[RoleBinding]:
    return [b for b in _bindings(user) if permission in ROLE_PERMISSIONS.get(b.role, frozenset())]


def _bindings(user: Person) -> list[RoleBinding]:
    if not isinstance(user, User) or not user.is_active:
        return []
    known: list[RoleBinding] | None = user.__dict__.get("_bindings")
    if known is None:
        known = list(RoleBinding.objects.filter(Q(user=user) | Q(group__user=user)).distinct())
        if user.is_superuser:
            known.append(RoleBinding(user=user, role=Role.ADMINISTRATOR))
        user.__dict__["_bindings"] = known
    return known


def _covers(glob: str, value: str) -> bool:
    return glob == ANY or bool(value and re.fullmatch(_expression(glob), value))


def _matches(field: str, glob: str) -> Q:
    if glob == ANY:
        return ~nothing()  # an empty Q would vanish in an "or" instead of matching all
    if not set(glob) & {"*", "?"}:
        return Q(**{field: glob})
    return Q(**{f"{field}__regex": f"^{_expression(glob)}$"})


def _expression(glob: str) -> str:
    """Only `*` and `?` mean something in a glob; every other character stands for itself."""
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)


def holders(
    users: Iterable[User], permission: Permission, places: Iterable[tuple[str, str, str]]
) -> list[User]:
    """Those of the users who hold the permission in every (environment, cluster, namespace)."""
    wanted = list(places)
    return [
        user
        for user in users
        if all(allows(user, permission, environment=e, cluster=c, namespace=n) for e, c, n in wanted)
    ]
