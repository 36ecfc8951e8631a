"""Reading repositories and pushes. Who may is decided by the caller."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows_somewhere
from apps.changes import access
from apps.changes.models import ChangeSet, Revision
from apps.gitops.models import Push, Repository
from apps.gitops.reading import refusal


def repositories() -> QuerySet[Repository]:
    """All of them by name."""
    return Repository.objects.order_by("name")


def may_know(user: User) -> bool:
    """Whether the person may know which repositories there are: who may push to them, or keeps them."""
    return any(allows_somewhere(user, p) for p in (Permission.EXECUTE, Permission.ADMINISTER))


def pushes(change: ChangeSet) -> QuerySet[Push]:
    """What was pushed of a change, newest first."""
    return Push.objects.filter(change=change).select_related("repository", "revision", "requested_by")


def push_problem(user: User, change: ChangeSet, revision: Revision) -> str:
    """Why this person cannot push the change now, "" when they can. What a page shows; the action decides
    again."""
    if not access.may_everywhere(user, Permission.EXECUTE, access.places(revision)):
        return "Pushing takes the right to apply on every cluster that the change touches."
    return refusal(change)
