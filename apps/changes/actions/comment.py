"""Saying something about a change, in any state, by anybody who may see all of it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import access, transitions
from apps.changes.models import ChangeSet, Comment
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import InvalidInputError

COMMENT_LIMIT = 4000


def comment(*, actor: User, change: ChangeSet, text: str) -> ChangeSet:
    """Adds a comment. Raises InvalidInputError or PermissionDeniedError."""
    text = text.replace("\x00", "").strip()
    if not text or len(text) > COMMENT_LIMIT:
        raise InvalidInputError(f"A comment has between 1 and {COMMENT_LIMIT} characters.", field="text")
    access.require_everywhere(actor, Permission.VIEW, access.places(current_revision(change)))
    with transaction.atomic():
        Comment.objects.create(change=change, author=actor, at=clock.now(), text=text)
        transitions.note(change, actor=actor, kind="commented", text="Commented.")
        audit.record(
            actor=actor,
            action="change.comment",
            summary=f"{change.number}: {text}"[:500],
            object_type="change",
            object_id=change.number,
            detail={"text": text},
        )
    return change
