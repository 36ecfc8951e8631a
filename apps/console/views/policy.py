"""The approval policy: what is in force, what it would ask, its history, and new versions of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.changes import policies, policy_reading, policy_versions
from apps.changes.actions.decide_policy import decide_policy
from apps.changes.actions.propose_policy import checked, from_text, propose_policy
from apps.changes.models import PolicyVersion
from apps.common.errors import ConsoleError, PermissionDeniedError
from apps.console import tables
from apps.console.forms.policy import PolicyDecisionForm, PolicyForm, QuestionForm
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in, status_of
from apps.mesh.yamlwriter import to_yaml

QUESTIONS = ("environment", "cluster", "namespace", "kind", "risk", "level")


@signed_in
def policy(request: SignedInRequest) -> HttpResponseBase:
    """The version in force, and the answer to a question in the address."""
    policy_reading.require_reader(request.user)
    form = QuestionForm(request.GET if any(name in request.GET for name in QUESTIONS) else None)
    active = policy_versions.active()
    context = {
        "active": active,
        "form": form,
        "answer": policy_reading.ask(request.user, form.subject()) if form.is_valid() else None,
        "listing": tables.listing(request, policy_versions.history(), what="versions of your own"),
        "administers": policy_reading.administers(request.user),
        "text": text_of(active.policy),
    }
    return page_or_fragment(request, "console/policy/page.html", "console/policy/_answer.html", context)


@signed_in
def propose(request: SignedInRequest) -> HttpResponse:
    """A new version as YAML: first its difference and what nobody could meet, then the proposal."""
    if not policy_reading.administers(request.user):
        raise PermissionDeniedError("Only administrators of the whole console propose a policy.")
    active = policy_versions.active()
    if request.method != "POST":
        return _propose_page(request, PolicyForm(initial={"content": text_of(active.policy)}))
    form = PolicyForm(request.POST)
    preview = "preview" in request.POST
    if not form.is_valid() and not (preview and set(form.errors) <= {"reason"}):
        return _propose_page(request, form, status=400)
    try:
        content = from_text(form.cleaned_data["content"])
        if preview:
            form.errors.pop("reason", None)
            return _propose_page(request, form, shown=_preview(active, checked(content)))
        made = propose_policy(actor=request.user, content=content, reason=form.cleaned_data["reason"])
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _propose_page(request, form, status=status_of(refusal))
    messages.success(request, f"Version {made.number} is proposed. Another administrator has to approve it.")
    return redirect("console:policy-version", made.number)


@signed_in
def version(request: SignedInRequest, number: int) -> HttpResponse:
    """One version, and how it differs from the one it was made from."""
    return _version_page(request, _found(request, number), PolicyDecisionForm())


@require_POST
@signed_in
def decide(request: SignedInRequest, number: int) -> HttpResponse:
    """Approves or rejects a version; a refusal keeps the comment."""
    found = _found(request, number)
    form = PolicyDecisionForm(request.POST)
    if not form.is_valid():
        return _version_page(request, found, form, status=400)
    approve = form.cleaned_data["verdict"] == "approve"
    try:
        decide_policy(
            actor=request.user, version=found, approve=approve, comment=form.cleaned_data["comment"]
        )
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _version_page(request, found, form, status=status_of(refusal))
    words = "is in force from now on" if approve else "is rejected"
    messages.success(request, f"Version {found.number} {words}.")
    return redirect("console:policy-version", number)


def text_of(policy_: policies.Policy) -> str:
    """The policy as YAML."""
    return to_yaml(policies.plain(policy_))


def _found(request: SignedInRequest, number: int) -> PolicyVersion:
    policy_reading.require_reader(request.user)
    found = policy_versions.history().filter(number=number).first()
    if found is None:
        raise Http404
    return found


def _preview(active: policy_versions.Active, wanted: policies.Policy) -> dict[str, Any]:
    return {
        "before": text_of(active.policy),
        "after": text_of(wanted),
        "problems": policy_versions.problems(wanted),
    }


def _propose_page(
    request: SignedInRequest, form: PolicyForm, *, shown: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "crumbs": _crumbs("New version"),
        "previewed": shown is not None,
        **(shown or {}),
    }
    return render(request, "console/policy/propose.html", context, status=status)


def _version_page(
    request: SignedInRequest, found: PolicyVersion, form: PolicyDecisionForm, *, status: int = 200
) -> HttpResponse:
    base = policy_versions.content_of(found.based_on)
    wanted = policies.read(found.content)
    administers = policy_reading.administers(request.user)
    context = {
        "version": found,
        "policy": wanted,
        "before": text_of(base) if base is not None else "",
        "after": text_of(wanted),
        "problems": policy_versions.problems(wanted) if administers and found.approved is None else (),
        "in_force": policy_versions.active().number == found.number,
        "administers": administers,
        "may_decide": administers and found.approved is None and found.author_id != request.user.pk,
        "form": form,
        "crumbs": _crumbs(f"Version {found.number}"),
    }
    return render(request, "console/policy/version.html", context, status=status)


def _crumbs(here: str) -> list[tuple[str, str]]:
    return [("Approval policy", reverse("console:policy")), (here, "")]
