"""One change for many clusters: proposing it, and planning its waves while it is a draft."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import selectors as analysis
from apps.changes.actions.leave_out import leave_out
from apps.changes.actions.plan_waves import plan_waves
from apps.changes.actions.propose_fleet import propose_fleet
from apps.clusters import selectors as clusters_of
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import ConsoleError, InvalidInputError, PermissionDeniedError
from apps.console import facets, rows
from apps.console.forms.waves import FleetForm
from apps.console.guard import SignedInRequest, signed_in, status_of
from apps.console.views.changes import change_page, found_or_404, plan_form


@signed_in
def propose_many(request: SignedInRequest) -> HttpResponse:
    """One wish for the clusters that are ticked: a draft. Errors keep what was typed."""
    if not allows_somewhere(request.user, Permission.PROPOSE):
        raise PermissionDeniedError("Your roles do not let you propose changes.")
    clusters = list(clusters_of.visible(request.user, Permission.PROPOSE).select_related("summary"))
    code = facets.typed(request, "code")
    names = [cluster.name for cluster in clusters]
    if request.method != "POST":
        ticked = request.GET.getlist("cluster") or _affected(request, clusters, code)
        return _page(request, clusters, FleetForm(names=names, code=code, initial={"clusters": ticked}))
    form = FleetForm(request.POST, names=names, code=code)
    if not form.is_valid():
        return _page(request, clusters, form, 400)
    data = form.cleaned_data
    try:
        change = propose_fleet(
            actor=request.user,
            clusters=[cluster for cluster in clusters if cluster.name in data["clusters"]],
            wish=form.wanted(),
            title=data["title"],
            reason=data["reason"],
            suggestion=data["suggestion"],
            **form.pause(),
        )
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _page(request, clusters, form, status_of(refusal))
    messages.success(request, f"{change.number} is a draft. Read what it does, then submit it.")
    return redirect("console:change", change.pk)


@require_POST
@signed_in
def plan(request: SignedInRequest, pk: int) -> HttpResponse:
    """Says in which waves a draft is written."""
    found = found_or_404(request, pk)
    form = plan_form(found, request.POST)
    if not form.is_valid():
        return change_page(request, found, status=400, plan_form=form)
    try:
        plan_waves(actor=request.user, change=found, **form.wanted())
    except ConsoleError as refusal:
        form.add_error(None, refusal.message)
        return change_page(request, found_or_404(request, pk), status=status_of(refusal), plan_form=form)
    messages.success(request, "The waves are part of what will be approved.")
    return redirect(f"{reverse('console:change', args=[pk])}#waves")


@require_POST
@signed_in
def leave_cluster_out(request: SignedInRequest, pk: int) -> HttpResponse:
    """Takes one cluster out of a draft on several."""
    found = found_or_404(request, pk)
    name = request.POST.get("cluster", "")
    try:
        leave_out(actor=request.user, change=found, cluster=name)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{name} is left out. Nothing of the others changed.")
    return redirect(f"{reverse('console:change', args=[pk])}#waves")


def _affected(request: SignedInRequest, clusters: Sequence[Cluster], code: str) -> list[str]:
    """The clusters that the wish is about: those with such a finding, or with a host that is blocked."""
    if code:
        found = analysis.open_findings(request.user).filter(code=code).exclude(remedy="")
        return list(found.order_by().values_list("cluster__name", flat=True).distinct())
    return [cluster.name for cluster in clusters if rows.figures_of(cluster).get("blocked_hosts")]


def _page(
    request: SignedInRequest, clusters: Sequence[Cluster], form: FleetForm, status: int = 200
) -> HttpResponse:
    now = clock.now()
    context = {
        "form": form,
        "rows": [rows.cluster_row(cluster, now) for cluster in clusters],
        "ticked": set(form["clusters"].value() or ()),
        "crumbs": [("Changes", reverse("console:changes")), ("Many clusters", "")],
    }
    return render(request, "console/changes/many.html", context, status=status)
