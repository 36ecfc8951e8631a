"""Steps of a change that take a form of their own: emergency and review, comments, hand-over, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.reauthentication import confirm
from apps.changes.actions.accept_drift import accept_drift
from apps.changes.actions.break_glass import break_glass
from apps.changes.actions.comment import comment
from apps.changes.actions.hand_over import hand_over
from apps.changes.actions.review import review
from apps.changes.actions.time_box import time_box
from apps.changes.models import ChangeSet
from apps.common.errors import ConsoleError
from apps.console.forms.changes import (
    AcceptDriftForm,
    CommentForm,
    EmergencyForm,
    HandOverForm,
    ReviewForm,
    TimeBoxForm,
)
from apps.console.guard import SignedInRequest, signed_in, status_of
from apps.console.views.changes import change_page, found_or_404

Act = Callable[[ChangeSet, dict[str, Any]], object]


@require_POST
@signed_in
def declare(request: SignedInRequest, pk: int) -> HttpResponse:
    """Declares an emergency, after the password once more."""

    def act(change: ChangeSet, data: dict[str, Any]) -> object:
        confirmation = confirm(request, request.user, data["password"])
        return break_glass(
            actor=request.user, change=change, reason=data["reason"], confirmation=confirmation
        )

    form = EmergencyForm(request.POST, auto_id="emergency_%s")
    return _step(request, pk, "emergency_form", form, act, "It is an emergency now. Approvals begin anew.")


@require_POST
@signed_in
def look_over(request: SignedInRequest, pk: int) -> HttpResponse:
    """Reviews an emergency afterwards."""
    form = ReviewForm(request.POST, auto_id="review_%s")
    return _step(
        request,
        pk,
        "review_form",
        form,
        lambda change, data: review(actor=request.user, change=change, comment=data["comment"]),
        "Reviewed.",
    )


@require_POST
@signed_in
def accept(request: SignedInRequest, pk: int) -> HttpResponse:
    """Leaves what has drifted as others made it."""
    form = AcceptDriftForm(request.POST, auto_id="drift_%s")
    return _step(
        request,
        pk,
        "drift_form",
        form,
        lambda change, data: accept_drift(actor=request.user, change=change, reason=data["reason"]),
        "Accepted. It is watched no longer.",
    )


@require_POST
@signed_in
def say(request: SignedInRequest, pk: int) -> HttpResponse:
    """Adds a comment."""
    form = CommentForm(request.POST, auto_id="say_%s")
    return _step(
        request,
        pk,
        "comment_form",
        form,
        lambda change, data: comment(actor=request.user, change=change, text=data["text"]),
        "Your comment is there.",
    )


@require_POST
@signed_in
def hand_on(request: SignedInRequest, pk: int) -> HttpResponse:
    """Hands a draft to somebody else."""
    form = HandOverForm(request.POST, auto_id="hand_over_%s")
    return _step(
        request,
        pk,
        "hand_over_form",
        form,
        lambda change, data: hand_over(actor=request.user, change=change, username=data["username"]),
        "Handed over.",
    )


@require_POST
@signed_in
def set_end(request: SignedInRequest, pk: int) -> HttpResponse:
    """Says when the effect of a draft ends."""
    form = TimeBoxForm(request.POST, auto_id="time_box_%s")
    return _step(
        request,
        pk,
        "time_box_form",
        form,
        lambda change, data: time_box(actor=request.user, change=change, **data),
        "The end is part of what will be approved.",
    )


def _step(request: SignedInRequest, pk: int, name: str, form: Form, act: Act, words: str) -> HttpResponse:
    """Checks the form, does it, and goes back to the change; a refusal keeps what was typed."""
    found = found_or_404(request, pk)
    typed: dict[str, Form] = {name: form}
    if not form.is_valid():
        return change_page(request, found, status=400, **typed)
    try:
        act(found, form.cleaned_data)
    except ConsoleError as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return change_page(request, found_or_404(request, pk), status=status_of(refusal), **typed)
    messages.success(request, words)
    return redirect("console:change", pk)
