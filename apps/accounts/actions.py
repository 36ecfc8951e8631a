"""Making people and granting roles. Each action is audited and asks for its permission itself."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group
from django.db import transaction

from apps.accounts.models import Role, RoleBinding, User
from apps.accounts.permissions import ANY, Permission, forget_bindings, require
from apps.audit.actions import record
from apps.common.errors import InvalidInputError

_GLOB = re.compile(r"[a-z0-9*?.-]{1,63}")


def grant_role(
    *,
    actor: User | None,
    role: str,
    user: User | None = None,
    group: Group | None = None,
    environment: str = ANY,
    cluster: str = ANY,
    namespace: str = ANY,
) -> RoleBinding:
    """Binds a role to a person or a group. `actor` None is the console at its first start.
    Granting the same twice gives the same binding."""
    if actor is not None:
        require(actor, Permission.ADMINISTER, action="role.grant")
    if (user is None) == (group is None):
        raise InvalidInputError("Name either a person or a group.", field="user")
    if role not in Role.values:
        raise InvalidInputError(f"There is no role {role!r}.", field="role")
    for field, glob in (("environment", environment), ("cluster", cluster), ("namespace", namespace)):
        if not _GLOB.fullmatch(glob):
            raise InvalidInputError(
                "A glob has lowercase letters, digits, dots, dashes, * and ?.", field=field
            )
    with transaction.atomic():
        binding, made = RoleBinding.objects.get_or_create(
            user=user, group=group, role=role, environment=environment, cluster=cluster, namespace=namespace
        )
        if made:
            place = f"{environment}/{cluster}/{namespace}"
            record(
                actor=actor,
                action="role.grant",
                summary=f"Granted {role} to {user.username if user else group} in {place}.",
                object_type="binding",
                object_id=str(binding.pk),
            )
    if user is not None:
        forget_bindings(user)
    return binding


def revoke_role(*, actor: User, binding: RoleBinding) -> None:
    """Takes a role away at once."""
    require(actor, Permission.ADMINISTER, action="role.revoke")
    with transaction.atomic():
        record(
            actor=actor,
            action="role.revoke",
            summary=f"Took {binding} away in {binding.environment}/{binding.cluster}/{binding.namespace}.",
            object_type="binding",
            object_id=str(binding.pk),
        )
        binding.delete()


def make_person(
    *,
    actor: User | None,
    username: str,
    password: str,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
) -> User:
    """Makes a local account without any role. `actor` None is the console at its first start."""
    if actor is not None:
        require(actor, Permission.ADMINISTER, action="person.make")
    if not username or User.objects.filter(username=username).exists():
        raise InvalidInputError("Choose a user name that is not taken.", field="username")
    with transaction.atomic():
        user = User.objects.create_user(username, email, password, first_name=first_name, last_name=last_name)
        record(
            actor=actor,
            action="person.make",
            summary=f"Made the account {username}.",
            object_type="person",
            object_id=username,
        )
    return user
