"""From a finding, a cell of the matrix or a paste to a change; and what it would do, beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import selectors as analysis
from apps.analysis.models import Finding
from apps.changes import previews
from apps.changes.actions.propose_fix import propose_fix, remedy_of
from apps.changes.actions.propose_yaml import propose_yaml
from apps.changes.previews import Preview
from apps.clusters.models import Cluster
from apps.common.errors import ConsoleError, InvalidInputError, PermissionDeniedError
from apps.console import effects, facets
from apps.console.access import cluster_or_404
from apps.console.evidence import reference
from apps.console.forms.changes import PASTE_LIMIT, PasteForm
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in, status_of
from apps.console.manifests import editable_yaml
from apps.console.navigation import crumbs
from apps.mesh.hostsets import SPEEDSCALE
from apps.mesh.patches import ManifestPatch, stripped, to_yaml
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import Target


@dataclass(frozen=True, slots=True)
class PatchShown:
    """One write of a preview."""

    action: str
    ref: str
    before: str
    after: str


@require_POST
@signed_in
def from_cell(request: SignedInRequest, name: str) -> HttpResponse:
    """A draft with the smallest fix of one cell of the matrix; without a cell, of the whole cluster."""
    cluster = cluster_or_404(request.user, name)
    key, host = request.POST.get("scope", "").replace("\x00", ""), request.POST.get("host", "")
    hostset = request.POST.get("set", "").replace("\x00", "") or SPEEDSCALE
    if (key or host) and analysis.scope(request.user, cluster, key, hostset) is None:
        raise Http404
    try:
        change = propose_fix(actor=request.user, cluster=cluster, scope=key, host=host, hostset=hostset)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
        return redirect(_matrix_url(name, hostset, key, host))
    messages.success(request, f"{change.number} is a draft. Read what it does, then submit it.")
    return redirect("console:change", change.pk)


@require_POST
@signed_in
def from_finding(request: SignedInRequest, pk: int) -> HttpResponse:
    """A draft with the remedy of one finding."""
    finding = _finding(request, pk)
    try:
        change = propose_fix(actor=request.user, cluster=finding.cluster, finding=finding)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
        return redirect("console:finding", pk)
    messages.success(request, f"{change.number} is a draft. Read what it does, then submit it.")
    return redirect("console:change", change.pk)


@signed_in
def fix_of_cell(request: SignedInRequest, name: str) -> HttpResponseBase:
    """What the smallest fix of a cell would write and change."""
    cluster = cluster_or_404(request.user, name)
    key, host = facets.typed(request, "scope"), request.GET.get("host", "")
    hostset = facets.typed(request, "set", 40) or SPEEDSCALE
    scope = analysis.scope(request.user, cluster, key, hostset)
    if scope is None or host not in scope.answers:
        raise Http404
    target = Target(hosts=(host,), scopes=(key,), hostset=hostset)
    context = _remedy_context(cluster, remedy_of(scope, host), target)
    context["crumbs"] = crumbs(name, "Smallest fix")
    context["back"] = _matrix_url(name, hostset, key, host)
    return page_or_fragment(request, "console/changes/preview.html", "console/changes/_preview.html", context)


@signed_in
def remedy_of_finding(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """What the remedy of a finding would write and change."""
    finding = _finding(request, pk)
    ref = ResourceRef(finding.kind, finding.namespace, finding.name)
    context = _remedy_context(finding.cluster, finding.remedy, Target(ref=ref))
    context["crumbs"] = crumbs(finding.cluster.name, "Remedy")
    context["back"] = reverse("console:finding", args=[pk])
    cluster = finding.cluster
    may = allows_somewhere(
        request.user, Permission.PROPOSE, environment=cluster.environment, cluster=cluster.name
    )
    offered = may and finding.resolved_at is None
    context["propose_url"] = reverse("console:finding-propose", args=[pk]) if offered else ""
    return page_or_fragment(request, "console/changes/preview.html", "console/changes/_preview.html", context)


@signed_in
def by_hand(request: SignedInRequest, name: str) -> HttpResponse:
    """A change out of pasted YAML: first its prediction, then a draft; errors keep what was typed."""
    cluster = cluster_or_404(request.user, name)
    if not allows_somewhere(
        request.user, Permission.PROPOSE, environment=cluster.environment, cluster=cluster.name
    ):
        raise PermissionDeniedError(f"Your roles do not let you propose changes in {name}.")
    if request.method != "POST":
        return _paste_page(request, cluster, PasteForm(initial=_start(request, cluster)))
    form = PasteForm(request.POST)
    if "preview" in request.POST:
        return _preview_paste(request, cluster, form)
    if form.is_valid():
        data = form.cleaned_data
        try:
            change = propose_yaml(
                actor=request.user,
                cluster=cluster,
                text=data["manifests"],
                title=data["title"],
                reason=data["reason"],
                take_over=data["take_over"],
            )
        except ConsoleError as refusal:
            _blame(form, refusal)
            return _paste_page(request, cluster, form, status=status_of(refusal))
        messages.success(request, f"{change.number} is a draft. Submit it to have it tried on the cluster.")
        return redirect("console:change", change.pk)
    return _paste_page(request, cluster, form, status=400)


def _start(request: SignedInRequest, cluster: Cluster) -> dict[str, str]:
    """What the fields hold at first: the object that the address names, as it is now."""
    ref = reference(request.GET.get("object", ""))
    if ref is None:
        return {}
    text = editable_yaml(request.user, cluster, ref)
    return {"manifests": text, "title": f"Change {ref}" if text else ""}


def _preview_paste(request: SignedInRequest, cluster: Cluster, form: PasteForm) -> HttpResponse:
    """The prediction for what is in the field now; title and reason may still be empty."""
    form.is_valid()
    for field in ("title", "reason"):
        form.errors.pop(field, None)
    text = str(form.cleaned_data.get("manifests", ""))
    if form.errors or not text or len(text) > PASTE_LIMIT:
        return _paste_page(request, cluster, form, status=400)
    try:
        preview = previews.of_paste(cluster, text)
    except ConsoleError as refusal:
        _blame(form, refusal)
        return _paste_page(request, cluster, form, status=status_of(refusal))
    return _paste_page(request, cluster, form, shown=_shown(cluster, preview))


def _paste_page(
    request: SignedInRequest,
    cluster: Cluster,
    form: PasteForm,
    *,
    shown: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "cluster": cluster,
        "form": form,
        "crumbs": crumbs(cluster.name, "Change by hand"),
        "previewed": shown is not None,
        **(shown or {}),
    }
    return render(request, "console/changes/by_hand.html", context, status=status)


def _matrix_url(name: str, hostset: str, scope: str, host: str) -> str:
    """The matrix of a set with the explanation of a cell, where one is meant."""
    asked = {"set": hostset if hostset != SPEEDSCALE else "", "scope": scope, "host": host}
    given = urlencode({key: value for key, value in asked.items() if value})
    return f"{reverse('console:cluster-egress', args=[name])}?{given}#explain"


def _remedy_context(cluster: Cluster, remedy: str, target: Target) -> dict[str, Any]:
    try:
        return {"cluster": cluster, **_shown(cluster, previews.of_remedy(cluster, remedy, target))}
    except InvalidInputError as refusal:
        return {"cluster": cluster, "refusal": refusal.message}


def _shown(cluster: Cluster, preview: Preview) -> dict[str, Any]:
    return {
        "summary": preview.summary,
        "warnings": preview.warnings,
        "patches": list(shown_patches(preview.patches)),
        "effect": effects.effect({cluster.name: preview.prediction}),
    }


def shown_patches(patches: Iterable[ManifestPatch]) -> Iterable[PatchShown]:
    """Each write as text before and after."""
    for patch in patches:
        yield PatchShown(
            action=patch.action.value.capitalize(),
            ref=str(patch.ref),
            before=to_yaml(stripped(patch.before)) if patch.before else "",
            after=to_yaml(stripped(patch.after)) if patch.after else "",
        )


def _blame(form: PasteForm, refusal: ConsoleError) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else "manifests", refusal.message)


def _finding(request: SignedInRequest, pk: int) -> Finding:
    finding = analysis.findings(request.user).filter(pk=pk).first()
    if finding is None:
        raise Http404
    return finding
