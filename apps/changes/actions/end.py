"""The end of time-boxed openings: the console proposes their revert, in the author's name.

A revert that was approved with the change runs; any other waits for approval. Safe to repeat and to be
interrupted: the database allows one end to a change, and a draft that was left behind is sent on.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.audit import actions as audit
from apps.audit.models import Outcome
from apps.changes import drafts, transitions
from apps.changes.actions import propose
from apps.changes.actions.revert import patches_back, plan_back, title_of
from apps.changes.actions.submit import send
from apps.changes.gates import spelled
from apps.changes.lifecycle import REVERTIBLE, State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import ConsoleError, InvalidInputError

BATCH = 50
STUCK = "end_stuck"


def end_due() -> int:
    """Ends what is due; how many reverts were proposed."""
    due = ChangeSet.objects.filter(
        state__in=REVERTIBLE, ends_at__lte=clock.now(), ended_at__isnull=True, ending__isnull=True
    )
    made = sum(_propose(change) for change in due.order_by("pk")[:BATCH])
    left = ChangeSet.objects.filter(ends__isnull=False, state=State.DRAFT, submitted_at__isnull=True)
    for change in left.exclude(events__kind=STUCK).order_by("pk")[:BATCH]:
        _submit(change)
    return made


def _propose(change: ChangeSet) -> bool:
    try:
        patches = patches_back(change)
        draft = drafts.prepare(patches, revert=True)
    except InvalidInputError as refusal:
        _leave(change, refusal)
        return False
    revert = ChangeSet(
        kind=ChangeSet.Kind.REVERT,
        title=title_of(change),
        reason=f"{change.number} was to end at {spelled(change.ends_at or clock.now())}.",
        author=change.author,
        parent=change,
        ends=change,
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            propose.write(revert, draft, actor=None, plan=plan_back(change, patches))
            ChangeSet.objects.filter(pk=change.pk).update(ended_at=clock.now())
            text = f"Its end has come: {revert.number} puts back what was there."
            transitions.note(change, actor=None, kind="ended", text=text)
    except IntegrityError:  # another worker was faster
        return False
    return True


def _submit(change: ChangeSet) -> None:
    try:
        with transaction.atomic():
            send(change, current_revision(change), actor=None)
    except transitions.LostRaceError:
        return
    except ConsoleError as refusal:
        transitions.note(change, actor=None, kind=STUCK, text=refusal.message, tone="bad")


def _leave(change: ChangeSet, refusal: InvalidInputError) -> None:
    """Nothing can be put back by the console: said once, and left to people."""
    with transaction.atomic():
        if not ChangeSet.objects.filter(pk=change.pk, ended_at__isnull=True).update(ended_at=clock.now()):
            return
        nothing = refusal.code == "nothing_to_change"
        text = f"Its end has come. {refusal.message}"
        transitions.note(change, actor=None, kind="ended", text=text, tone="" if nothing else "bad")
        audit.record(
            actor=None,
            action="change.end",
            summary=f"{change.number}: {text}"[:500],
            object_type="change",
            object_id=change.number,
            outcome=Outcome.DONE if nothing else Outcome.FAILED,
        )
