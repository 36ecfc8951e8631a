"""Reading changes for pages and REST: inboxes, one change with everything around it, who may decide.

A fixed number of queries each, whatever the size; every one starts from what the person may see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from apps.accounts.models import User
from apps.accounts.permissions import Permission, object_filter
from apps.changes import access, duties, watches
from apps.changes.approvals import Standing, standing
from apps.changes.boundaries import boundary
from apps.changes.contested import foreseen
from apps.changes.gates import Gate, gate
from apps.changes.lifecycle import REVERTIBLE, REVIEWABLE, Event, State, next_state
from apps.changes.models import (
    ChangeEvent,
    ChangeItem,
    ChangeSet,
    Comment,
    Decision,
    Revision,
    Verification,
    Watch,
)
from apps.changes.owners import Owned
from apps.changes.progress import HowFar, how_far
from apps.common import clock

CONFLICT = "FieldManagerConflict"


class Box(StrEnum):
    """The inboxes."""

    WAITS = "waits"
    MINE = "mine"
    ALL = "all"


class Verb(StrEnum):
    """What a person can do with a change."""

    EDIT = "edit"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXECUTE = "execute"
    CANCEL = "cancel"
    REVERT = "revert"
    VERIFY = "verify"
    TAKE_OVER = "take_over"
    BREAK_GLASS = "break_glass"
    REVIEW = "review"
    REBASE = "rebase"
    HAND_OVER = "hand_over"
    TIME_BOX = "time_box"
    COMMENT = "comment"
    PROPOSE_AGAIN = "propose_again"
    ACCEPT_DRIFT = "accept_drift"
    PLAN = "plan"
    NEXT_WAVE = "next_wave"


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """One change as its page shows it. `can` maps a verb to "" or to the reason why not; `contested` an
    item of a draft to the others who own what it writes; `gate` says whether it may be applied now; `drifted`
    are its objects that others have changed since."""

    change: ChangeSet
    revision: Revision
    items: tuple[ChangeItem, ...]
    revisions: tuple[Revision, ...]
    decisions: tuple[Decision, ...]
    events: tuple[ChangeEvent, ...]
    comments: tuple[Comment, ...]
    verifications: tuple[Verification, ...]
    drifted: tuple[Watch, ...]
    standing: Standing
    clusters: tuple[str, ...]
    reverts: tuple[ChangeSet, ...]
    can: Mapping[Verb, str]
    contested: Mapping[int, tuple[Owned, ...]]
    gate: Gate
    progress: HowFar

    @property
    def verification(self) -> Verification | None:
        """The newest: after settling, where there is one."""
        return self.verifications[-1] if self.verifications else None


def current_revision(change: ChangeSet) -> Revision:
    """What the change would write now."""
    return Revision.objects.get(change=change, number=change.revision_number)


def inbox(
    user: User,
    box: Box = Box.ALL,
    *,
    state: str = "",
    cluster: str = "",
    text: str = "",
    drifted: bool = False,
) -> QuerySet[ChangeSet]:
    """Visible changes, newest first, each with `item_count`, `cluster_count`, `clusters_written` (those on
    which everything is), `clusters_left`, `required` and `level`."""
    found = access.visible_changes(user).select_related("author", "parent")
    if box is Box.MINE:
        found = found.filter(Q(author=user) | Q(submitter=user))
    if box is Box.WAITS:
        found = waiting_for(user, found)
    if state:
        found = found.filter(state__in=state.split(","))
    if drifted:
        found = found.filter(drifted_at__isnull=False)
    items = ChangeItem.objects.filter(
        revision__change=OuterRef("pk"), revision__number=OuterRef("revision_number")
    )
    if cluster:
        found = found.filter(Exists(items.filter(cluster__name=cluster)))
    for word in text.split():
        found = found.filter(Q(title__icontains=word) | Q(reason__icontains=word))
    revision = Revision.objects.filter(change=OuterRef("pk"), number=OuterRef("revision_number"))
    by_revision = items.order_by().values("revision")
    places = by_revision.annotate(n=Count("cluster", distinct=True)).values("n")
    left = places.exclude(result=ChangeItem.Result.APPLIED)
    return found.annotate(
        item_count=Subquery(by_revision.annotate(n=Count("pk")).values("n")),
        cluster_count=Subquery(places),
        clusters_left=Coalesce(Subquery(left), 0),
        clusters_written=F("cluster_count") - F("clusters_left"),
        required=Cast(Subquery(revision.values(found=KT("policy__required"))[:1]), IntegerField()),
        level=Subquery(revision.values(found=KT("policy__level"))[:1]),
    ).order_by("-pk")


def waiting_for(user: User, found: QuerySet[ChangeSet]) -> QuerySet[ChangeSet]:
    """Those on which this person may decide and has not yet decided, and emergencies to look over."""
    items = ChangeItem.objects.filter(
        revision__change=OuterRef("pk"), revision__number=OuterRef("revision_number")
    )
    approvable, administered = (
        ~Exists(items.exclude(pk__in=ChangeItem.objects.filter(object_filter(user, p)).values("pk")))
        for p in (Permission.APPROVE, Permission.ADMINISTER)
    )
    decided = Decision.objects.filter(
        change=OuterRef("pk"), reviewer=user, revision__number=OuterRef("revision_number")
    )
    approved = Decision.objects.filter(change=OuterRef("pk"), reviewer=user, verdict=Decision.Verdict.APPROVE)
    decide = Q(state=State.PENDING) & approvable & ~Exists(decided)
    review = review_owed() & (approvable | administered) & ~Exists(approved)
    return duties.without_a_hand(user, found.filter(Exists(items))).filter(decide | review)


def review_owed() -> Q:
    """The condition on emergencies that were written and that nobody has looked over yet."""
    return Q(emergency_by__isnull=False, reviewed_at__isnull=True, state__in=REVIEWABLE)


def waiting_count(user: User) -> int:
    """How many changes wait for this person; one query."""
    return waiting_for(user, access.visible_changes(user)).count()


def visible(user: User, pk: int) -> ChangeSet | None:
    """The change, if it exists and the person may see all of it."""
    found = access.visible_changes(user).select_related(
        "author", "submitter", "parent", "emergency_by", "reviewed_by"
    )
    return found.filter(pk=pk).first()


def detail(user: User, change: ChangeSet) -> ChangeDetail:
    """Everything around one change that `visible` gave."""
    revisions = tuple(change.revisions.select_related("editor").order_by("number"))
    revision = next(r for r in revisions if r.number == change.revision_number)
    progress = how_far(change, revision)
    items = progress.items
    now = standing(change, revision)
    met = foreseen(items) if change.state == State.DRAFT else {}
    return ChangeDetail(
        change=change,
        revision=revision,
        items=items,
        revisions=revisions,
        decisions=tuple(change.decisions.select_related("reviewer", "revision").order_by("id")),
        events=tuple(change.events.order_by("id")),
        comments=tuple(change.comments.select_related("author").order_by("id")),
        verifications=tuple(Verification.objects.filter(change=change).order_by("pk")),
        drifted=watches.drifted(change),
        standing=now,
        clusters=tuple(sorted({item.cluster.name for item in items})),
        reverts=tuple(access.visible_changes(user).filter(parent=change).order_by("pk")),
        can={**abilities(user, change, revision, now), Verb.TAKE_OVER: _take_over(user, change, items, met)},
        contested=met,
        gate=gate(now.ruling, clock.now()),
        progress=progress,
    )


def abilities(user: User, change: ChangeSet, revision: Revision, now: Standing) -> dict[Verb, str]:
    """Each verb with "" or the sentence that says why this person cannot do it now. What a page shows;
    the actions decide again."""
    where = access.places(revision)
    state = State(change.state)
    hand = user.pk in duties.hands(change)
    propose = _permitted(user, Permission.PROPOSE, where)
    execute = _permitted(user, Permission.EXECUTE, where)
    administer = _permitted(user, Permission.ADMINISTER, where)
    decide = _decide(user, hand, now)
    cancel = "" if hand else execute
    return {
        Verb.EDIT: _state(state, Event.EDIT) or propose,
        Verb.SUBMIT: _state(state, Event.SUBMIT) or propose,
        Verb.APPROVE: _state(state, Event.REACH_QUORUM) or decide,
        Verb.REJECT: _state(state, Event.REJECT) or decide,
        Verb.WITHDRAW: _state(state, Event.WITHDRAW) or ("" if hand else administer),
        Verb.EXECUTE: _state(state, Event.EXECUTE) or execute,
        Verb.CANCEL: _state(state, Event.CANCEL) or cancel,
        Verb.REVERT: propose if state in REVERTIBLE else f"There is nothing to put back: {state.label}.",
        Verb.VERIFY: _state(state, Event.VERIFY_AGAIN) or propose,
        Verb.REBASE: _state(state, Event.EDIT) or propose,
        Verb.HAND_OVER: _draft(state) or ("" if user.pk == change.author_id else administer),
        Verb.TIME_BOX: _draft(state) or ("" if hand else "Only those with a hand in it set its end."),
        Verb.COMMENT: "",
        Verb.PROPOSE_AGAIN: watches.nothing_drifted(change) or propose,
        Verb.ACCEPT_DRIFT: watches.nothing_drifted(change) or propose,
        Verb.PLAN: _draft(state) or ("" if hand else "Only those with a hand in it set its waves."),
        Verb.NEXT_WAVE: _state(state, Event.NEXT_WAVE) or execute or _pause(change, now),
        Verb.BREAK_GLASS: _break_glass(change) or _permitted(user, Permission.BREAK_GLASS, where),
        Verb.REVIEW: _review(change) or duties.examiner_problem(user, change, where),
    }


def _draft(state: State) -> str:
    return "" if state is State.DRAFT else f"Not while it is «{state.label}»."


def _pause(change: ChangeSet, now: Standing) -> str:
    return boundary(change, now, clock.now()).why


def _break_glass(change: ChangeSet) -> str:
    if change.emergency_by_id is not None:
        return "It is an emergency already."
    return _state(State(change.state), Event.BREAK_GLASS)


def _review(change: ChangeSet) -> str:
    if change.emergency_by_id is None:
        return "It was no emergency."
    if change.reviewed_at is not None:
        return "It has been reviewed."
    state = State(change.state)
    return "" if state in REVIEWABLE else f"Not while it is «{state.label}»."


def is_contested(item: ChangeItem) -> bool:
    """Whether the last dry run of this object met fields of another owner."""
    return any(cause.get("reason") == CONFLICT for cause in item.dry_run.get("causes") or ())


def _take_over(
    user: User, change: ChangeSet, items: tuple[ChangeItem, ...], met: Mapping[int, object]
) -> str:
    if not any(is_contested(item) or (item.pk in met and not item.force) for item in items):
        return "Neither the last reading nor the last dry run met fields of another owner."
    where = tuple(access.Place(i.cluster.environment, i.cluster.name, i.namespace) for i in items)
    return _state(State(change.state), Event.EDIT) or _permitted(user, Permission.PROPOSE, where)


def _decide(user: User, hand: bool, now: Standing) -> str:
    if hand:
        return "You had a hand in this change: somebody else has to decide on it."
    if any(decision.reviewer_id == user.pk for decision in now.approved):
        return "You have approved this revision."
    if all(person.pk != user.pk for person in now.eligible):
        return "You may not approve everywhere this change writes."
    return ""


def _state(state: State, event: Event) -> str:
    return "" if next_state(state, event) else f"Not while it is «{state.label}»."


def _permitted(user: User, permission: Permission, where: tuple[access.Place, ...]) -> str:
    return "" if access.may_everywhere(user, permission, where) else "Your roles do not let you do this here."
