"""A change as a file, and as a commit in a repository."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.console.exports_shown import pushes_part
from apps.console.fragments import answer_poll
from apps.console.guard import SignedInRequest, signed_in
from apps.console.views.changes import found_or_404
from apps.gitops import actions, selectors
from apps.gitops.downloads import Form, download


@signed_in
def export(request: SignedInRequest, pk: int) -> HttpResponse:
    """The current revision as a file."""
    form, cluster = request.GET.get("as", Form.YAML.value), request.GET.get("cluster", "")
    made = download(found_or_404(request, pk), form, cluster=cluster)
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return HttpResponse(made.body, content_type=made.media_type, headers=headers)


@require_POST
@signed_in
def push(request: SignedInRequest, pk: int) -> HttpResponse:
    """Has a worker push the current revision."""
    change = found_or_404(request, pk)
    chosen = request.POST.get("repository", "")
    found = selectors.repositories().filter(pk=int(chosen)).first() if chosen.isdecimal() else None
    if found is None:
        messages.error(request, "Choose a repository.")
    else:
        row = actions.request_push(actor=request.user, change=change, repository=found)
        messages.success(request, f"A worker pushes the branch {row.branch} to {found}.")
    return redirect("console:change", pk)


@signed_in
def pushes(request: SignedInRequest, pk: int) -> HttpResponse:
    """The live list of pushes."""
    return answer_poll(request, pushes_part(request, found_or_404(request, pk)))
