"""Changes: the inbox, one change, decisions on it, and what else can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, allows_somewhere
from apps.changes import selectors
from apps.changes.actions.approve import approve
from apps.changes.actions.cancel import cancel
from apps.changes.actions.execute import execute
from apps.changes.actions.next_wave import next_wave
from apps.changes.actions.propose_again import propose_again
from apps.changes.actions.rebase import rebase
from apps.changes.actions.reject import reject
from apps.changes.actions.revert import revert
from apps.changes.actions.submit import submit
from apps.changes.actions.take_over import take_over
from apps.changes.actions.verify_again import verify_again
from apps.changes.actions.withdraw import withdraw
from apps.changes.lifecycle import RUNNING, State
from apps.changes.models import ChangeEvent, ChangeSet, Revision
from apps.changes.progress import HowFar, how_far
from apps.changes.selectors import Box, ChangeDetail, Verb
from apps.changes.waves import told
from apps.common import badges
from apps.common.errors import ConsoleError, InvalidInputError
from apps.console import changes_shown, drift_shown, effects, facets, figures, tables
from apps.console.exports_shown import export_shown
from apps.console.forms.changes import DecisionForm, blank_forms
from apps.console.forms.waves import PlanForm
from apps.console.fragments import answer_poll, live, page_or_fragment
from apps.console.guard import SignedInRequest, signed_in, status_of

POLL_SECONDS = 2
SLOW_POLL_SECONDS = 10
BEFORE_QUEUE = frozenset({State.DRAFT, State.PENDING, State.APPROVED, State.SCHEDULED})
BEFORE_WRITES = BEFORE_QUEUE | {State.VALIDATING, State.STALE, State.QUEUED}
STATES = {state.value: badges.of(badges.CHANGES, state.value).word for state in State}
COLUMNS = (
    tables.Column("Change"),
    tables.Column("State"),
    tables.Column("Risk"),
    tables.Column("Objects", "", "num"),
    tables.Column("Clusters"),
    tables.Column("Author"),
    tables.Column("Submitted"),
    tables.Column("Expires"),
)
WITHOUT_DECISION: dict[str, tuple[Callable[..., ChangeSet], str]] = {
    Verb.SUBMIT: (submit, "Submitted. The dry run on the cluster has been asked for."),
    Verb.WITHDRAW: (withdraw, "Withdrawn. Nothing of it was written."),
    Verb.EXECUTE: (execute, "Queued for the workers."),
    Verb.CANCEL: (cancel, "Cancel asked for. What is written stays written."),
    Verb.NEXT_WAVE: (next_wave, "The next wave is queued for the workers."),
    Verb.VERIFY: (verify_again, "The cluster is read once more."),
    Verb.TAKE_OVER: (take_over, "The next revision takes the fields over. Read it, then submit it."),
    Verb.REBASE: (rebase, "Laid over what is there now. The dry run on the cluster has been asked for."),
    Verb.PROPOSE_AGAIN: (propose_again, "It is a draft of its own. Read it, then submit it."),
    Verb.REVERT: (revert, "This revert is a change of its own. Read it, then submit it."),
}


@signed_in
def changes(request: SignedInRequest) -> HttpResponseBase:
    """The inbox: what waits for this person, what is theirs, or everything they may see."""
    wanted = request.GET.get("box", "")
    box = Box(wanted) if wanted in set(Box) else Box.ALL
    text, states = facets.typed(request), facets.chosen(request, "state")
    drifted = request.GET.get("drifted") == "1"
    found = selectors.inbox(request.user, box, state=",".join(states), text=text, drifted=drifted)
    listing = tables.listing(request, found, columns=COLUMNS, what="changes")
    context = {
        "listing": listing,
        "boxes": [
            (label, tables.query(request, box=one.value, page=None), one is box)
            for label, one in (("All", Box.ALL), ("Waits for me", Box.WAITS), ("Mine", Box.MINE))
        ],
        "box": box.value,
        "states": STATES,
        "chosen_state": states[0] if states else "",
        "text": text,
        "drifted": drifted,
        "filtered": bool(text or states or drifted),
        "may_propose": allows_somewhere(request.user, Permission.PROPOSE),
    }
    return page_or_fragment(request, "console/changes/list.html", "console/changes/_results.html", context)


@signed_in
def change(request: SignedInRequest, pk: int) -> HttpResponse:
    """One change: what it does, prediction, risk, differences, dry run, decisions, progress."""
    return change_page(request, found_or_404(request, pk))


@signed_in
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """The live part. When the change has left the state the page shows, the page is loaded anew,
    unless somebody may be typing a comment there: then a notice says so."""
    found = found_or_404(request, pk)
    response = answer_poll(
        request, _live_part(request, how_far(found, selectors.current_revision(found)), found.events.last())
    )
    shown = request.GET.get("state", "")
    if shown != found.state and shown in RUNNING:
        response = HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return response


@require_POST
@signed_in
def decide(request: SignedInRequest, pk: int) -> HttpResponse:
    """Approves or rejects exactly what was on the screen; a refusal keeps the comment."""
    found = found_or_404(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return change_page(request, found, status=400, form=form)
    data = form.cleaned_data
    action = approve if data["verdict"] == "approve" else reject
    try:
        action(
            actor=request.user,
            change=found,
            revision=data["revision"],
            digest=data["digest"],
            comment=data["comment"],
        )
    except ConsoleError as refusal:
        form.add_error("comment" if refusal.field == "comment" else None, refusal.message)
        return change_page(request, found_or_404(request, pk), status=status_of(refusal), form=form)
    words = "Approved" if data["verdict"] == "approve" else "Rejected"
    messages.success(request, f"{words} {found.number}, revision {data['revision']}.")
    return redirect("console:change", pk)


@require_POST
@signed_in
def act(request: SignedInRequest, pk: int, verb: str) -> HttpResponse:
    """Whatever else can be done with a change; a refusal is a sentence on its page."""
    if verb not in WITHOUT_DECISION:
        raise Http404
    found = found_or_404(request, pk)
    action, words = WITHOUT_DECISION[verb]
    try:
        after = action(actor=request.user, change=found)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
        return redirect("console:change", pk)
    messages.success(request, words)
    return redirect("console:change", after.pk)


def found_or_404(request: SignedInRequest, pk: int) -> ChangeSet:
    """The change, if this person may see all of it."""
    found = selectors.visible(request.user, pk)
    if found is None:
        raise Http404
    return found


def change_page(
    request: SignedInRequest, found: ChangeSet, *, status: int = 200, **typed: Form
) -> HttpResponse:
    """The page of a change; `typed` are forms that were sent and refused, by their name in the template."""
    detail = selectors.detail(request.user, found)
    items = changes_shown.items(detail.items, detail.contested)
    context: dict[str, Any] = {
        "detail": detail,
        "change": found,
        "revision": detail.revision,
        "crumbs": [("Changes", reverse("console:changes")), (found.number, "")],
        "effect": effects.effect(detail.revision.prediction),
        "items": items,
        "contested": [shown for shown in items if shown.owners and not shown.item.force],
        "drifted": drift_shown.drifted(detail.drifted),
        "kept": drift_shown.kept(detail.items) if State(found.state) in BEFORE_WRITES else [],
        "timeline": changes_shown.timeline(detail.events, detail.decisions),
        "live": _live_part(request, detail.progress, detail.events[-1] if detail.events else None),
        **blank_forms(found),
        "plan_form": plan_form(found, None, detail.revision, detail.clusters),
        **typed,
        "opened": set(typed),
        "comments": detail.comments,
        "may_decide": not detail.can[Verb.APPROVE] or not detail.can[Verb.REJECT],
        "why_not": detail.can[Verb.APPROVE],
        "buttons": _buttons(detail.can),
        "gitops": export_shown(request, request.user, found, detail.revision),
        "undecided": State(found.state) in BEFORE_QUEUE,
        "last_one": detail.standing.missing == 1,
        **_verification(detail),
    }
    return render(request, "console/changes/detail.html", context, status=status)


def _buttons(can: Mapping[Verb, str]) -> dict[str, bool]:
    """Which buttons this person gets, by verb."""
    return {verb.value: not reason for verb, reason in can.items()}


def _verification(detail: ChangeDetail) -> dict[str, Any]:
    newest = detail.verification
    if newest is None:
        return {"verification": None}
    return {
        "verification": newest,
        "verified": sorted(newest.detail),
        "first": detail.verifications[0],
        "outcomes": changes_shown.outcomes(newest),
        "deviations": changes_shown.lines(newest, "differences"),
        "remarks": changes_shown.lines(newest, "remarks"),
    }


def plan_form(
    found: ChangeSet,
    data: QueryDict | None,
    revision: Revision | None = None,
    clusters: Sequence[str] | None = None,
) -> PlanForm:
    """The form of a draft's waves."""
    revision = revision or selectors.current_revision(found)
    if clusters is None:
        clusters = sorted(set(revision.items.values_list("cluster__name", flat=True)))
    return PlanForm(data, plan=revision.waves, clusters=clusters)


def _live_part(request: SignedInRequest, far: HowFar, newest: ChangeEvent | None) -> SafeString:
    """Progress while workers are at it, and the waves; a line that notices when the change moves on."""
    found, items = far.change, far.items
    state = State(found.state)
    running = state in RUNNING
    last = newest.pk if newest else 0
    asked = request.GET.get("event", "")
    seen_event = asked if asked.isdecimal() else str(last)
    url = reverse("console:change-progress", args=[found.pk])
    done = changes_shown.written(items)
    context = {
        "change": found,
        "items": items,
        "plan": far.revision.waves,
        "left_out": far.revision.left_out,
        "plan_words": told(far.revision.waves),
        "waves": changes_shown.waves(far),
        "running": running,
        "event": newest,
        "moved_on": not running and seen_event != str(last),
        "progress": figures.progress(done, len(items)),
        "under_way": state in (State.QUEUED, State.APPLYING, State.VERIFYING),
    }
    return live(
        request,
        "console/changes/_live.html",
        context,
        url=f"{url}?state={found.state}" if running else f"{url}?event={seen_event}",
        seconds=POLL_SECONDS if running else SLOW_POLL_SECONDS,
        ends=False,
    )
