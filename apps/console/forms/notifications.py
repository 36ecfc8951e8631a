"""What one types about webhooks and mail. Judged by the actions; a secret is never sent back."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.clusters.models import Environment
from apps.notifications.events import CHOICES
from apps.notifications.models import Preference, Webhook

_TEXT = {"autocomplete": "off", "spellcheck": "false"}
KEPT = "Leave it empty to keep what is stored; it is never shown again."


class WebhookForm(forms.Form):
    """A receiver. When one is changed, address and secret may stay empty."""

    name = forms.CharField(max_length=100, label="Name", widget=forms.TextInput(_TEXT))
    url = forms.CharField(
        max_length=2000,
        label="Address",
        help_text="https:// only, public or in a network that the operator allows.",
        widget=forms.TextInput({**_TEXT, "inputmode": "url"}),
    )
    secret = forms.CharField(
        max_length=200,
        strip=False,
        label="Signing secret",
        help_text="At least 16 characters. The receiver checks every delivery with it.",
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    format = forms.ChoiceField(choices=Webhook.Format.choices, label="Format")
    events = forms.MultipleChoiceField(
        choices=CHOICES, label="Events", widget=forms.CheckboxSelectMultiple, initial=[v for v, _ in CHOICES]
    )
    environments = forms.MultipleChoiceField(
        choices=Environment.choices,
        required=False,
        label="Environments",
        help_text="None chosen: all of them.",
        widget=forms.CheckboxSelectMultiple,
    )
    enabled = forms.BooleanField(required=False, initial=True, label="Enabled")

    def __init__(self, *args: Any, known: Webhook | None = None, **kwargs: Any) -> None:
        if known is not None:
            given = ("name", "format", "events", "environments", "enabled")
            kwargs.setdefault("initial", {name: getattr(known, name) for name in given})
        super().__init__(*args, **kwargs)
        if known is not None:
            for name in ("url", "secret"):
                self.fields[name].required = False
                self.fields[name].help_text = KEPT


class MailForm(forms.Form):
    """What a person wants as mail."""

    to_decide = forms.BooleanField(required=False, label="A change waits for my decision")
    mine = forms.BooleanField(required=False, label="What becomes of changes I wrote, edited or submitted")
    trouble = forms.BooleanField(
        required=False, label="A change that I could apply failed, diverged or needs attention"
    )


def mail_form(preference: Preference) -> MailForm:
    """The form with what is chosen now."""
    return MailForm(initial={name: getattr(preference, name) for name in MailForm.base_fields})
