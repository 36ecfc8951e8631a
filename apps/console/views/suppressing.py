"""Suppressing findings and lifting that again, and what is suppressed in a cluster."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.analysis import selectors as analysis
from apps.analysis import suppressing
from apps.analysis.models import Finding, Suppression
from apps.common.clock import now
from apps.common.errors import InvalidInputError, WrongStateError
from apps.console import tables
from apps.console.access import cluster_or_404
from apps.console.forms.suppressing import SuppressForm
from apps.console.guard import SignedInRequest, signed_in
from apps.console.navigation import cluster_tabs, crumbs
from apps.console.suppressed import shown
from apps.console.views.findings import finding_page


@require_POST
@signed_in
def suppress(request: SignedInRequest, pk: int) -> HttpResponse:
    """Suppresses a finding, or all of its check that match; a refusal keeps what was typed."""
    found = _finding(request, pk)
    form = SuppressForm(request.POST)
    if not form.is_valid():
        return finding_page(request, found, form, status=400)
    try:
        row = _suppress(request, found, form)
    except InvalidInputError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return finding_page(request, found, form, status=400)
    messages.success(request, f"Suppressed {row}.")
    return redirect("console:finding", pk)


@require_POST
@signed_in
def lift(request: SignedInRequest, pk: int) -> HttpResponse:
    """Takes back what suppresses a finding."""
    found = _finding(request, pk)
    try:
        row = suppressing.lift_of(actor=request.user, finding=found)
    except WrongStateError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Lifted the suppression of {row}.")
    return redirect("console:finding", pk)


@signed_in
def suppressions(request: SignedInRequest, name: str) -> HttpResponse:
    """What is or was suppressed in a cluster: by whom, why, until when."""
    cluster = cluster_or_404(request.user, name)
    listing = tables.listing(
        request, analysis.suppressions(request.user).filter(cluster=cluster), what="suppressions"
    )
    today = now().date()
    context = {
        "cluster": cluster,
        "tabs": cluster_tabs(name, "cluster-findings"),
        "crumbs": crumbs(name, "Suppressions"),
        "listing": listing,
        "rows": [shown(request.user, row, today) for row in listing.rows],
    }
    return render(request, "console/findings/suppressions.html", context)


@require_POST
@signed_in
def lift_one(request: SignedInRequest, name: str, pk: int) -> HttpResponse:
    """Lifts a suppression from the list of its cluster."""
    cluster = cluster_or_404(request.user, name)
    row = analysis.suppressions(request.user).filter(cluster=cluster, pk=pk).first()
    if row is None:
        raise Http404
    suppressing.lift(actor=request.user, suppression=row)
    messages.success(request, f"Lifted the suppression of {row}.")
    return redirect("console:cluster-suppressions", name)


def _finding(request: SignedInRequest, pk: int) -> Finding:
    found = analysis.findings(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _suppress(request: SignedInRequest, found: Finding, form: SuppressForm) -> Suppression:
    reason, until = form.cleaned_data["reason"], form.last_day
    pattern = form.pattern(found.code)
    if pattern is None:
        return suppressing.suppress_finding(actor=request.user, finding=found, reason=reason, until=until)
    return suppressing.suppress_pattern(
        actor=request.user, cluster=found.cluster, pattern=pattern, reason=reason, until=until
    )
