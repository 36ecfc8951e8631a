"""Git repositories that changes can be pushed to: for administrators of the console."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, require
from apps.common.errors import InvalidInputError
from apps.console.forms.gitops import RepositoryForm
from apps.console.guard import SignedInRequest, signed_in
from apps.gitops import actions, selectors
from apps.gitops.models import Repository


@signed_in
def repositories(request: SignedInRequest) -> HttpResponse:
    """The repositories by name."""
    require(request.user, Permission.ADMINISTER)
    return render(request, "console/gitops/list.html", {"repositories": selectors.repositories()})


@sensitive_post_parameters("private_key")
@signed_in
def repository_new(request: SignedInRequest) -> HttpResponse:
    """The form of a new repository; a refusal keeps what was typed but the key."""
    require(request.user, Permission.ADMINISTER)
    form = RepositoryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.make_repository(actor=request.user, **form.cleaned_data)
        except InvalidInputError as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, f"{made} is kept. Test it to see that it answers.")
            return redirect("console:repository", made.pk)
    return _form(request, form, None)


@sensitive_post_parameters("private_key")
@signed_in
def repository(request: SignedInRequest, pk: int) -> HttpResponse:
    """One repository: change it, test it, remove it."""
    require(request.user, Permission.ADMINISTER)
    found = _repository(pk)
    form = RepositoryForm(request.POST or None, known=found)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_repository(actor=request.user, repository=found, **form.cleaned_data)
        except InvalidInputError as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("console:repository", pk)
    return _form(request, form, found)


@require_POST
@signed_in
def repository_test(request: SignedInRequest, pk: int) -> HttpResponse:
    """Asks the repository for its branches now."""
    require(request.user, Permission.ADMINISTER)
    found = _repository(pk)
    problem = actions.test_repository(actor=request.user, repository=found)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, f"It answers and has the branch {found.branch}. Nothing was written.")
    return redirect("console:repository", pk)


@require_POST
@signed_in
def repository_remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """Forgets a repository and its key."""
    require(request.user, Permission.ADMINISTER)
    found = _repository(pk)
    actions.remove_repository(actor=request.user, repository=found)
    messages.success(request, f"Removed {found}.")
    return redirect("console:repositories")


def _repository(pk: int) -> Repository:
    found = selectors.repositories().filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _form(request: SignedInRequest, form: RepositoryForm, found: Repository | None) -> HttpResponse:
    context = {
        "form": form,
        "repository": found,
        "crumbs": [("Repositories", reverse("console:repositories")), (found.name if found else "New", "")],
    }
    status = 400 if form.errors else 200
    return render(request, "console/gitops/repository.html", context, status=status)
