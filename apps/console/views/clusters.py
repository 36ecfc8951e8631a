"""One cluster: its state at a glance, and its connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, allows, allows_somewhere
from apps.analysis import coveragedays
from apps.analysis import selectors as analysis
from apps.analysis.exported import coverage_file
from apps.clusters import actions, rbac
from apps.clusters.models import Cluster
from apps.clusters.preflight import PermissionRow, Preflight
from apps.clusters.selectors import credential_warning
from apps.common import clock
from apps.common.errors import InvalidInputError
from apps.console import blocked, checks_shown, figures, rows, sparkline
from apps.console.access import cluster_or_404
from apps.console.evidence import reference
from apps.console.forms.clusters import CredentialForm, blame
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.console.views.refreshing import progress_part

TOP_FINDINGS = 6
TREND_DAYS = coveragedays.PAGE_DAYS
TREND_SPACES = 25


@dataclass(frozen=True, slots=True)
class Plane:
    """A control plane with a link to the object that sets its outbound policy."""

    facts: Mapping[str, Any]
    policy_ref: str
    policy_url: str


@dataclass(frozen=True, slots=True)
class Install:
    """An installation of Speedscale, its parts in words."""

    facts: Mapping[str, Any]
    parts: tuple[str, ...]
    missing: tuple[str, ...]


@signed_in
def overview(request: SignedInRequest, name: str) -> HttpResponseBase:
    """Health, mesh, Speedscale, figures, coverage over time, and what could not be read."""
    cluster = cluster_or_404(request.user, name)
    if request.GET.get("format") == "csv":
        series = coveragedays.with_namespaces(request.user, cluster, TREND_DAYS)
        return coverage_file(f"coverage-{cluster.name}", "csv", series)
    summary = getattr(cluster, "summary", None)
    known = rows.figures_of(cluster)
    open_findings = analysis.open_findings(request.user).filter(cluster=cluster)
    context = {
        "cluster": cluster,
        "row": rows.cluster_row(cluster, clock.now()),
        "known": known,
        "blocked": blocked.sentence(known),
        "captured": figures.number(known.get("captured", 0), known.get("capture_expected", 0)),
        "in_mesh": figures.number(known.get("in_mesh_ok", 0), known.get("in_mesh_expected", 0)),
        "trend_days": TREND_DAYS,
        **_trends(request, cluster),
        "today": clock.now().date(),
        "planes": [_plane(cluster, plane) for plane in (summary.control_planes if summary else [])],
        "installs": [_install(one) for one in (summary.installs if summary else [])],
        "findings": open_findings[:TOP_FINDINGS],
        "crumbs": [*crumbs(name, "")[:1], (name, "")],
        "tabs": cluster_tabs(name, "cluster"),
        "progress": progress_part(request, cluster),
        "warning": credential_warning(cluster),
        "may_operate": _may_operate(request, cluster),
        "may_propose": allows_somewhere(
            request.user, Permission.PROPOSE, environment=cluster.environment, cluster=name
        ),
    }
    return render(request, "console/clusters/overview.html", context)


def _trends(request: SignedInRequest, cluster: Cluster) -> dict[str, Any]:
    """Coverage over time: the cluster's, and the namespaces' that the person may see, the least covered
    first."""
    series = coveragedays.with_namespaces(request.user, cluster, TREND_DAYS)
    whole, *spaces = (sparkline.trend(one, TREND_DAYS) for one in series)
    spaces.sort(key=lambda one: (one.share is None, one.share or 0.0, one.series.namespace))
    return {"trend": whole, "spaces": spaces[:TREND_SPACES], "spaces_more": len(spaces[TREND_SPACES:])}


@signed_in
def connection(request: SignedInRequest, name: str) -> HttpResponse:
    """Address, identity, permissions and credential. Asks the cluster nothing."""
    cluster = cluster_or_404(request.user, name)
    return _connection_page(request, cluster, CredentialForm(), checks_shown.take(request, cluster))


@require_POST
@signed_in
def recheck(request: SignedInRequest, name: str) -> HttpResponse:
    """Asks the cluster again who the console is there and what it may; shows the answer."""
    cluster = cluster_or_404(request.user, name)
    checks_shown.ask(request, cluster)
    return redirect("console:cluster-connection", name)


@require_POST
@signed_in
def pause(request: SignedInRequest, name: str) -> HttpResponse:
    """Pauses the cluster, or resumes a paused one."""
    cluster = cluster_or_404(request.user, name)
    if request.POST.get("to") == "resume":
        actions.resume(actor=request.user, cluster=cluster)
        messages.success(request, f"{name} is read again.")
    else:
        actions.pause(actor=request.user, cluster=cluster)
        messages.success(request, f"{name} is paused: the console neither reads nor writes it.")
    return redirect("console:cluster-connection", name)


@require_POST
@sensitive_post_parameters("token")
@signed_in
def replace_credential(request: SignedInRequest, name: str) -> HttpResponse:
    """A new token, tried first."""
    cluster = cluster_or_404(request.user, name)
    form = CredentialForm(request.POST)
    if form.is_valid():
        try:
            actions.replace_credential(actor=request.user, cluster=cluster, token=form.cleaned_data["token"])
        except InvalidInputError as refusal:
            blame(form, "token", refusal.message)
        else:
            messages.success(request, f"{name} is read with the new token from now on.")
            return redirect("console:cluster-connection", name)
    return _connection_page(request, cluster, form, None, status=400)


@require_POST
@signed_in
def remove(request: SignedInRequest, name: str) -> HttpResponse:
    """Forgets the cluster once its name was typed."""
    cluster = cluster_or_404(request.user, name)
    if request.POST.get("confirm", "") != name:
        messages.error(request, f"Nothing was removed: type {name} to confirm.")
        return redirect("console:cluster-connection", name)
    try:
        actions.remove_cluster(actor=request.user, cluster=cluster)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
        return redirect("console:cluster-connection", name)
    messages.success(request, f"{name} is removed. Nothing on the cluster itself was changed.")
    return redirect("console:clusters")


def _connection_page(
    request: SignedInRequest,
    cluster: Cluster,
    form: CredentialForm,
    checks: Preflight | None,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "cluster": cluster,
        "row": rows.cluster_row(cluster, clock.now()),
        "crumbs": crumbs(cluster.name, "Connection"),
        "tabs": cluster_tabs(cluster.name, "cluster-connection"),
        "form": form,
        "checks": checks,
        "permissions": _ordered(checks.permissions) if checks else (),
        "read_manifest": rbac.READ_MANIFEST,
        "apply_manifest": rbac.APPLY_MANIFEST,
        "warning": credential_warning(cluster),
        "may_operate": _may_operate(request, cluster),
    }
    return render(request, "console/clusters/connection.html", context, status=status)


def _ordered(permissions: Sequence[PermissionRow]) -> list[PermissionRow]:
    """What is missing first."""
    return sorted(permissions, key=lambda row: (not row.missing, row.purpose != "read"))


def _may_operate(request: SignedInRequest, cluster: Cluster) -> bool:
    return allows(
        request.user, Permission.OPERATE_CLUSTERS, environment=cluster.environment, cluster=cluster.name
    )


def _plane(cluster: Cluster, facts: Mapping[str, Any]) -> Plane:
    ref = reference(facts.get("policy_ref"))
    return Plane(facts, str(ref) if ref else "", object_url(cluster.name, ref))


def _install(facts: Mapping[str, Any]) -> Install:
    parts = tuple(
        f"{part.get('role')} {part.get('version') or ''}".strip()
        for part in facts.get("components", [])
        if isinstance(part, Mapping)
    )
    return Install(facts, parts, tuple(str(one) for one in facts.get("missing", [])))
