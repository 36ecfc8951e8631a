"""Proposing a change: patches become a draft with a prediction and the approvals it will need."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.audit import actions as audit
from apps.changes import drafts, transitions
from apps.changes.access import require_everywhere
from apps.changes.models import ChangeSet
from apps.changes.waves import Plan
from apps.common import clock
from apps.common.errors import InvalidInputError

TITLE_LIMIT = 200
REASON_LIMIT = 4000


def propose(
    *,
    actor: User,
    title: str,
    reason: str,
    patches: drafts.Patches,
    parent: ChangeSet | None = None,
    kind: str = ChangeSet.Kind.CHANGE,
    take_over: drafts.TakeOver = (),
    plan: Plan = drafts.ONE_WAVE,
    left_out: drafts.LeftOut = (),
) -> ChangeSet:
    """A draft, revision 1, simulated and judged. Raises InvalidInputError or PermissionDeniedError."""
    title, reason = checked_words(title, reason)
    require_everywhere(actor, Permission.PROPOSE, drafts.places_of(drafts.in_order(patches)))
    draft = drafts.prepare(patches, take_over=take_over, revert=kind == ChangeSet.Kind.REVERT)
    change = ChangeSet(
        kind=kind, title=title, reason=reason, author=actor, parent=parent, created_at=clock.now()
    )
    return write(change, draft, actor=actor, plan=plan, left_out=left_out)


def write(
    change: ChangeSet,
    draft: drafts.Draft,
    *,
    actor: User | None,
    plan: Plan = drafts.ONE_WAVE,
    left_out: drafts.LeftOut = (),
) -> ChangeSet:
    """Keeps a change that is new, with its first revision. `actor` None is the console, on behalf of the
    author."""
    with transaction.atomic():
        change.save(force_insert=True)
        revision = drafts.write(change, draft, editor=change.author, number=1, plan=plan, left_out=left_out)
        text = f"Proposed: {change.title}"
        transitions.note(change, actor=actor, kind="proposed", text=text)
        audit.record(
            actor=actor,
            action="change.propose",
            summary=f"{change.number}: {text}"[:500],
            object_type="change",
            object_id=change.number,
            cluster=_only_cluster(draft),
            detail={
                "items": [str(item) for item in revision.items.all()[:50]],
                "parent": str(change.parent or ""),
            },
        )
    return change


def checked_words(title: str, reason: str) -> tuple[str, str]:
    """Title and reason without white space around them. Raises InvalidInputError."""
    title, reason = " ".join(title.split()), reason.strip()
    if not title:
        raise InvalidInputError("Give the change a title.", field="title")
    if len(title) > TITLE_LIMIT:
        raise InvalidInputError(f"The title may have {TITLE_LIMIT} characters.", field="title")
    if len(reason) > REASON_LIMIT:
        raise InvalidInputError(f"The reason may have {REASON_LIMIT} characters.", field="reason")
    return title, reason


def _only_cluster(draft: drafts.Draft) -> str:
    names = {cluster.name for cluster, _ in draft.entries}
    return names.pop() if len(names) == 1 else ""
