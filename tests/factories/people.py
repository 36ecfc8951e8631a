"""People for tests. Alice proposes, Bob approves, Charlie operates, Dora administers, Eve may nothing."""

from __future__ import annotations

from apps.accounts.models import Role, RoleBinding, User

CAST = {
    "alice": Role.PROPOSER,
    "bob": Role.APPROVER,
    "charlie": Role.OPERATOR,
    "dora": Role.ADMINISTRATOR,
    "victor": Role.VIEWER,
}


def person(
    username: str, role: str = "", *, environment: str = "*", cluster: str = "*", namespace: str = "*"
) -> User:
    """A person with the role that CAST gives the name, or another one, bound to a place."""
    user, made = User.objects.get_or_create(username=username)
    if made:
        user.set_unusable_password()
        user.save()
    chosen = role or CAST.get(username, "")
    if chosen:
        RoleBinding.objects.create(
            user=user, role=chosen, environment=environment, cluster=cluster, namespace=namespace
        )
    return user
