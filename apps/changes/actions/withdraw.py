"""Withdrawing a change before anything of it was queued."""

from __future__ import annotations

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, duties, transitions
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision


def withdraw(*, actor: User, change: ChangeSet, comment: str = "") -> ChangeSet:
    """For the author and everybody else with a hand in it, and for administrators of what it touches."""
    if actor.pk not in duties.hands(change):
        access.require_everywhere(actor, Permission.ADMINISTER, access.places(current_revision(change)))
    said = f": {comment.strip()}" if comment.strip() else "."
    transitions.move(change, Event.WITHDRAW, actor=actor, text=f"Withdrawn{said}", tone="warn")
    return change
