"""The guards that approving and rejecting share, under the lock of the change's row."""

from __future__ import annotations

from apps.accounts.models import User
from apps.changes import access, duties, transitions
from apps.changes.lifecycle import Event, State, next_state
from apps.changes.models import ChangeSet, Decision, Revision
from apps.common import clock
from apps.common.errors import InvalidInputError, StaleInputError, WrongStateError

COMMENT_LIMIT = 4000


def locked(change: ChangeSet) -> ChangeSet:
    """The row as it is now, held until the transaction ends."""
    return ChangeSet.objects.select_for_update().get(pk=change.pk)


def guard(
    actor: User, change: ChangeSet, *, event: Event, revision: int, digest: str, comment: str
) -> Revision:
    """Raises unless this person may decide on exactly this digest now; returns the revision."""
    if len(comment) > COMMENT_LIMIT:
        raise InvalidInputError(f"The comment may have {COMMENT_LIMIT} characters.", field="comment")
    current = Revision.objects.get(change=change, number=change.revision_number)
    duties.require_decider(actor, change, access.places(current))
    if next_state(State(change.state), event) is None:
        raise WrongStateError(transitions.refusal(change, event))
    if revision != current.number or not current.digest or digest != current.digest:
        raise StaleInputError(
            f"{change.number} is no longer what was on your screen: it is at revision {current.number}. "
            "Read it again before you decide.",
            code="digest_mismatch",
        )
    return current


def write(change: ChangeSet, revision: Revision, actor: User, verdict: str, comment: str) -> Decision:
    """Keeps the decision; the newest one of a reviewer counts."""
    return Decision.objects.create(
        change=change,
        revision=revision,
        reviewer=actor,
        verdict=verdict,
        digest=revision.digest,
        comment=comment.strip(),
        decided_at=clock.now(),
    )
