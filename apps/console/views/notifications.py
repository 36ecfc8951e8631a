"""Webhooks and what was delivered: for administrators of the console."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, require
from apps.common.errors import InvalidInputError
from apps.console import facets, tables
from apps.console.forms.notifications import WebhookForm
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.notifications import actions, selectors
from apps.notifications.models import Delivery, Webhook

COLUMNS = tuple(tables.Column(label) for label in ("What", "To", "State", "Answer", "Tries", "When", ""))


@signed_in
def webhooks(request: SignedInRequest) -> HttpResponse:
    """The receivers, and how it stands with what they get."""
    require(request.user, Permission.ADMINISTER)
    return render(request, "console/notifications/list.html", {"webhooks": selectors.webhooks()})


@sensitive_post_parameters("url", "secret")
@signed_in
def webhook_new(request: SignedInRequest) -> HttpResponse:
    """The form of a new receiver; a refusal keeps what was typed but the secret."""
    require(request.user, Permission.ADMINISTER)
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = {name: value for name, value in form.cleaned_data.items() if name != "enabled"}
        try:
            webhook = actions.make_webhook(actor=request.user, **data)
        except InvalidInputError as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, f"{webhook} is kept. Send it a test event to see that it answers.")
            return redirect("console:webhook", webhook.pk)
    return _form(request, form, None)


@sensitive_post_parameters("url", "secret")
@signed_in
def webhook(request: SignedInRequest, pk: int) -> HttpResponse:
    """One receiver: change it, test it, remove it, and its last deliveries."""
    require(request.user, Permission.ADMINISTER)
    found = _webhook(pk)
    form = WebhookForm(request.POST or None, known=found)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_webhook(actor=request.user, webhook=found, **form.cleaned_data)
        except InvalidInputError as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("console:webhook", pk)
    return _form(request, form, found)


@require_POST
@signed_in
def webhook_test(request: SignedInRequest, pk: int) -> HttpResponse:
    """Sends a test event now and says what was answered."""
    require(request.user, Permission.ADMINISTER)
    sent = actions.test_webhook(actor=request.user, webhook=_webhook(pk))
    said = f" It said: {sent.said}" if sent.said else ""
    if sent.state == Delivery.State.SENT:
        messages.success(request, f"The receiver answered HTTP {sent.status}.{said}")
    elif sent.status:
        messages.error(request, f"The receiver answered HTTP {sent.status}, which is a refusal.{said}")
    else:
        messages.error(request, sent.said)
    return redirect("console:webhook", pk)


@require_POST
@signed_in
def webhook_remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """Forgets a receiver, its secret and its deliveries."""
    require(request.user, Permission.ADMINISTER)
    found = _webhook(pk)
    actions.remove_webhook(actor=request.user, webhook=found)
    messages.success(request, f"Removed {found}.")
    return redirect("console:webhooks")


@signed_in
def deliveries(request: SignedInRequest) -> HttpResponseBase:
    """What was told to whom and how that went, newest first."""
    require(request.user, Permission.ADMINISTER)
    state, about = facets.typed(request, "state"), facets.typed(request, "webhook")
    found = selectors.deliveries(state=state, webhook=int(about) if about.isdecimal() else None)
    context = {
        "listing": tables.listing(request, found, columns=COLUMNS, what="deliveries"),
        "states": Delivery.State.choices,
        "state": state,
        "filtered": bool(state or about),
    }
    return page_or_fragment(
        request, "console/notifications/deliveries.html", "console/notifications/_deliveries.html", context
    )


@require_POST
@signed_in
def redeliver(request: SignedInRequest, delivery: UUID) -> HttpResponse:
    """Has a delivery that ended sent again."""
    require(request.user, Permission.ADMINISTER)
    found = selectors.deliveries().filter(pk=delivery).first()
    if found is None:
        raise Http404
    actions.redeliver(actor=request.user, delivery=found)
    messages.success(request, "It is sent again within some seconds.")
    return redirect("console:deliveries")


def _webhook(pk: int) -> Webhook:
    found = selectors.webhooks().filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _form(request: SignedInRequest, form: WebhookForm, found: Webhook | None) -> HttpResponse:
    last = selectors.deliveries(webhook=found.pk)[:10] if found else []
    context = {
        "form": form,
        "webhook": found,
        "rows": list(last),
        "crumbs": [("Notifications", reverse("console:webhooks")), (found.name if found else "New", "")],
    }
    status = 400 if form.errors else 200
    return render(request, "console/notifications/webhook.html", context, status=status)
