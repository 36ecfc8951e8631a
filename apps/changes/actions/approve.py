"""Approving exactly what was on the screen. The approval that completes the quorum queues the change, or
schedules it when the policy wants another time."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import approvals, decisions, transitions
from apps.changes.actions.complete import complete
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet, Decision, Revision
from apps.changes.refusals import recorded


def approve(*, actor: User, change: ChangeSet, revision: int, digest: str, comment: str = "") -> ChangeSet:
    """One approval. Raises PermissionDeniedError (`self_approval`, `not_eligible`), StaleInputError
    (`digest_mismatch`) or WrongStateError."""
    with recorded(actor=actor, action="change.approve", change=change), transaction.atomic():
        row = decisions.locked(change)
        current = decisions.guard(
            actor, row, event=Event.REACH_QUORUM, revision=revision, digest=digest, comment=comment
        )
        decisions.write(row, current, actor, Decision.Verdict.APPROVE, comment)
        standing = approvals.standing(row, current)
        _tell(row, current, actor, comment, standing)
        if standing.met:
            complete(row, current, standing)
    return row


def _tell(row: ChangeSet, current: Revision, actor: User, comment: str, standing: approvals.Standing) -> None:
    said = f" «{comment.strip()[:200]}»" if comment.strip() else ""
    text = f"Approved, {len(standing.approved)} of {standing.required}.{said}"
    transitions.note(row, actor=actor, kind="approved", text=text, tone="ok")
    audit.record(
        actor=actor,
        action="change.approve",
        summary=f"{row.number}: {text}"[:500],
        object_type="change",
        object_id=row.number,
        detail={"revision": current.number, "digest": current.digest},
    )
