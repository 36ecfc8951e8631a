"""Separation of duties: who had a hand in a change, and why somebody may not decide on it.

The one place that pages, REST and workers ask. Deny by default: a person decides only when active, without
any hand in the change, and permitted on every cluster and in every namespace it writes into.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.accounts.selectors import eligible
from apps.changes import access
from apps.changes.access import Place
from apps.changes.models import ChangeSet, Decision, Revision
from apps.common.errors import PermissionDeniedError

AUTHOR = "wrote it"
EDITOR = "edited it"
HOLDER = "held it as a draft"
SUBMITTER = "submitted it"
REQUESTER = "declared the emergency"
APPROVER = "approved it"


def hands(change: ChangeSet) -> Mapping[int, str]:
    """By id, everybody with a hand in the change and what they did. What a token did, its owner did."""
    found: dict[int, str] = {}
    if change.emergency_by_id is not None:
        found[change.emergency_by_id] = REQUESTER
    submitters = Revision.submitters.through.objects.filter(revision__change=change)
    found.update(dict.fromkeys(submitters.values_list("user_id", flat=True), SUBMITTER))
    if change.submitter_id is not None:
        found[change.submitter_id] = SUBMITTER
    found.update(dict.fromkeys(change.former_authors.values_list("pk", flat=True), HOLDER))
    editors = Revision.objects.filter(change=change).values_list("editor_id", flat=True)
    found.update(dict.fromkeys(editors, EDITOR))
    found[change.author_id] = AUTHOR
    return found


def eligible_reviewers(change: ChangeSet, where: Iterable[Place]) -> tuple[User, ...]:
    """The active people who may approve: permitted everywhere it touches, without a hand in it."""
    involved = hands(change)
    wanted = [(place.environment, place.cluster, place.namespace) for place in where]
    if not wanted:
        return ()
    return tuple(user for user in eligible(Permission.APPROVE, wanted) if user.pk not in involved)


def require_decider(user: User, change: ChangeSet, where: Iterable[Place]) -> None:
    """Raises PermissionDeniedError (`not_eligible`, `self_approval`) unless this person may decide on it."""
    person = User.objects.filter(pk=user.pk, is_active=True).first()
    if person is None:
        raise PermissionDeniedError("This account is not active.", code="not_eligible")
    did = hands(change).get(person.pk)
    if did is not None:
        raise PermissionDeniedError(
            f"You cannot decide on {change.number}, because you {did}: somebody else has to decide on it.",
            code="self_approval",
        )
    if not access.may_everywhere(person, Permission.APPROVE, where):
        raise PermissionDeniedError(
            f"You may not approve everywhere {change.number} writes.", code="not_eligible"
        )


def require_examiner(user: User, change: ChangeSet, where: Iterable[Place]) -> None:
    """Raises PermissionDeniedError unless this person may look over an emergency afterwards: somebody who
    neither had a hand in it nor approved it, and may approve or administer everywhere it wrote."""
    reason = examiner_problem(user, change, tuple(where))
    if reason:
        raise PermissionDeniedError(reason, code="self_review" if "because you" in reason else "not_eligible")


def examiner_problem(user: User, change: ChangeSet, where: tuple[Place, ...]) -> str:
    """Why this person may not look over the emergency, "" when they may."""
    did = hands(change).get(user.pk)
    approvals = Decision.objects.filter(change=change, reviewer=user, verdict=Decision.Verdict.APPROVE)
    if did is None and approvals.exists():
        did = APPROVER
    if did is not None:
        return f"You cannot review {change.number}, because you {did}: somebody else has to."
    permitted = any(
        access.may_everywhere(user, p, where) for p in (Permission.APPROVE, Permission.ADMINISTER)
    )
    return "" if permitted else f"You may not approve or administer everywhere {change.number} writes."


def without_a_hand(user: User, found: QuerySet[ChangeSet]) -> QuerySet[ChangeSet]:
    """Those of the changes in which the person had no hand: `hands` as a condition of the database."""
    edited = Revision.objects.filter(change=OuterRef("pk"), editor=user)
    involved = Q(author=user) | Q(submitter=user, submitter__isnull=False)
    involved |= Q(emergency_by=user, emergency_by__isnull=False)
    held = ChangeSet.former_authors.through.objects.filter(changeset=OuterRef("pk"), user=user)
    submitted = Revision.submitters.through.objects.filter(revision__change=OuterRef("pk"), user=user)
    return found.exclude(involved).exclude(Exists(edited)).exclude(Exists(held)).exclude(Exists(submitted))
