"""Queueing an approved change for the workers, and resuming one that stopped half-way."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, approvals, transitions
from apps.changes.boundaries import between, boundary
from apps.changes.gates import gate
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import WrongStateError
from apps.common.outbox import enqueue

APPLY_TASK = "pipeline.apply_change"
# Nothing is on a cluster yet: windows and freezes count. What stopped in a wave may be resumed any time.
UNWRITTEN = frozenset({State.APPROVED, State.SCHEDULED})


def execute(*, actor: User, change: ChangeSet) -> ChangeSet:
    """By hand: what the quorum queues by itself, after a stop or after trouble. Raises WrongStateError
    (`not_open`) outside of a window or in a freeze, and where no further wave may begin."""
    revision = current_revision(change)
    access.require_everywhere(actor, Permission.EXECUTE, access.places(revision))
    why, now = "", clock.now()
    if State(change.state) in UNWRITTEN:
        why = gate(approvals.standing(change, revision).ruling, now).why
    elif between(change, revision):
        why = boundary(change, approvals.standing(change, revision), now).why
    if why:
        raise WrongStateError(f"{change.number} cannot be applied now. {why}", code="not_open")
    return queue(change, actor=actor, text="Queued for the workers.")


def queue(change: ChangeSet, *, actor: User | None, text: str, event: Event = Event.EXECUTE) -> ChangeSet:
    """State, timeline, audit and message in one transaction; the worker checks everything again."""
    with transaction.atomic():
        transitions.move(
            change,
            event,
            actor=actor,
            text=text,
            tone="run",
            lease_until=None,
            finished_at=None,
            opens_at=None,
            cancel_requested_at=None,
        )
        enqueue(APPLY_TASK, change_id=change.pk)
    return change
