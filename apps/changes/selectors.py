"""Reading changes: only those whose every cluster the asker may see."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes.access import Place, may_everywhere, visible_changes
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet, Decision, Revision


def visible(user: User) -> QuerySet[ChangeSet]:
    """The changes this person may see, newest first, each with its author."""
    return visible_changes(user).select_related("author").order_by("-pk")


def waiting_for(user: User) -> list[ChangeSet]:
    """The changes this person may decide on and has not: no hand in them, no decision on this revision."""
    mine = Decision.objects.filter(
        change=OuterRef("pk"), reviewer=user, revision__number=OuterRef("revision_number")
    )
    edited = Revision.objects.filter(change=OuterRef("pk"), editor=user)
    items = Prefetch("items", ChangeItem.objects.select_related("cluster"))
    pending = (
        visible(user)
        .filter(state=State.PENDING)
        .exclude(author=user)
        .exclude(submitter=user)
        .exclude(Exists(mine))
        .exclude(Exists(edited))
        .prefetch_related(Prefetch("revisions", Revision.objects.prefetch_related(items)))
        .order_by(F("expires_at").asc(nulls_last=True), "pk")
    )
    return [change for change in pending if may_everywhere(user, Permission.APPROVE, _places(change))]


def _places(change: ChangeSet) -> set[Place]:
    current = next((r for r in change.revisions.all() if r.number == change.revision_number), None)
    return {
        Place(item.cluster.environment, item.cluster.name, item.namespace)
        for item in (current.items.all() if current else [])
    }
