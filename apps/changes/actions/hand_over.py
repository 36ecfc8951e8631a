"""Handing a draft to somebody else. Whoever wrote it stays somebody who wrote it and never decides on it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import access, transitions
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.errors import InvalidInputError, WrongStateError


def hand_over(*, actor: User, change: ChangeSet, username: str) -> ChangeSet:
    """Makes somebody the author of a draft; for its author, and for administrators of what it touches.
    Raises InvalidInputError for somebody who may not propose everywhere it writes."""
    where = access.places(current_revision(change))
    if actor.pk != change.author_id:
        access.require_everywhere(actor, Permission.ADMINISTER, where)
    found = User.objects.filter(username=username.strip(), is_active=True).first()
    if found is None or not access.may_everywhere(found, Permission.PROPOSE, where):
        raise InvalidInputError(
            "There is nobody of that name who may propose changes everywhere this one writes.",
            field="username",
        )
    if found.pk == change.author_id:
        raise InvalidInputError(f"It is {found.display_name}'s already.", field="username")
    before = change.author
    with transaction.atomic():
        moved = ChangeSet.objects.filter(pk=change.pk, state=State.DRAFT, author=before).update(author=found)
        if not moved:
            raise WrongStateError(f"{change.number} is no draft of {before.display_name} any more.")
        change.former_authors.add(before)
        text = f"Handed over from {before.display_name} to {found.display_name}."
        transitions.note(change, actor=actor, kind="handed_over", text=text)
        audit.record(
            actor=actor,
            action="change.hand_over",
            summary=f"{change.number}: {text}",
            object_type="change",
            object_id=change.number,
            detail={"from": before.username, "to": found.username},
        )
    change.refresh_from_db()
    return change
