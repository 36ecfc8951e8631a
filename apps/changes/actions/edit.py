"""Editing a change: a new revision replaces what it will write; every approval so far is void."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import drafts, transitions
from apps.changes.access import require_everywhere
from apps.changes.actions.propose import checked_words
from apps.changes.lifecycle import Event, State, next_state
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.errors import WrongStateError


def edit(
    *,
    actor: User,
    change: ChangeSet,
    patches: drafts.Patches,
    title: str = "",
    reason: str | None = None,
    take_over: drafts.TakeOver = (),
    left_out: drafts.LeftOut | None = None,
) -> ChangeSet:
    """The next revision, as a draft; `left_out` stays as it is unless given. Raises WrongStateError where the
    content can no longer change."""
    if next_state(State(change.state), Event.EDIT) is None:
        raise WrongStateError(transitions.refusal(change, Event.EDIT))
    words = checked_words(title or change.title, change.reason if reason is None else reason)
    require_everywhere(actor, Permission.PROPOSE, drafts.places_of(drafts.in_order(patches)))
    draft = drafts.prepare(patches, take_over=take_over, revert=change.kind == ChangeSet.Kind.REVERT)
    before = current_revision(change)
    number = change.revision_number + 1
    with transaction.atomic():
        transitions.move(
            change,
            Event.EDIT,
            actor=actor,
            text=f"Edited: revision {number} replaces what was there, approvals of it are void.",
            title=words[0],
            reason=words[1],
            revision_number=number,
            approved_digest="",
            expires_at=None,
        )
        drafts.write(
            change,
            draft,
            editor=actor,
            number=number,
            plan=before.waves,
            left_out=before.left_out if left_out is None else left_out,
        )
    return change
