"""Submitting a draft: a worker tries it on the cluster before anybody is asked to approve it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.changes import access, approvals, transitions
from apps.changes.lifecycle import Event
from apps.changes.models import ChangeSet, Revision
from apps.changes.refusals import recorded
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import WrongStateError
from apps.common.outbox import enqueue

VALIDATE_TASK = "pipeline.validate_change"


def submit(*, actor: User, change: ChangeSet) -> ChangeSet:
    """Draft → validating. Raises WrongStateError (`quorum_unreachable`) when too few people may approve."""
    revision = current_revision(change)
    where = access.places(revision)
    access.require_everywhere(actor, Permission.PROPOSE, where)
    if change.ends_at is not None and change.ends_at <= clock.now():
        raise WrongStateError(f"{change.number} would have ended already: set another end.", code="ended")
    with recorded(actor=actor, action="change.submit", change=change), transaction.atomic():
        change.submitter = actor
        send(change, revision, actor=actor)
    return change


def send(change: ChangeSet, revision: Revision, *, actor: User | None) -> None:
    """The submit itself; `actor` None is the console. The caller owns the transaction. Raises
    WrongStateError (`quorum_unreachable`)."""
    problem = approvals.standing(change, revision).problem
    if problem:
        raise WrongStateError(problem, code="quorum_unreachable")
    transitions.move(
        change,
        Event.SUBMIT,
        actor=actor,
        text="Submitted; the dry run starts.",
        tone="run",
        submitter=change.submitter,
        submitted_at=clock.now(),
        lease_until=None,
    )
    if actor is not None:
        revision.submitters.add(actor)
    enqueue(VALIDATE_TASK, change_id=change.pk)
