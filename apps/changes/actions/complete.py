"""What happens when the approvals of a change are complete, whoever gave the last one."""

from __future__ import annotations

from apps.changes import approvals, transitions
from apps.changes.actions.schedule import APPROVAL_VALID_FOR, queue_or_schedule
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet, Revision
from apps.common import clock


def complete(change: ChangeSet, revision: Revision, standing: approvals.Standing) -> None:
    """Pending → approved → queued or scheduled. The caller owns the transaction and has seen the quorum."""
    names = ", ".join(decision.reviewer.display_name for decision in standing.approved)
    none = "The policy asks for no approval of this."
    if approvals.approved_beforehand(change, revision):
        none = f"Approved beforehand, with {change.ends}."
    text = f"The approvals are complete: {names}." if names else none
    transitions.move(
        change,
        Event.REACH_QUORUM,
        actor=None,
        text=text,
        tone="ok",
        approved_digest=revision.digest,
        expires_at=clock.now() + APPROVAL_VALID_FOR,
    )
    queue_or_schedule(change, standing.ruling)
