"""What one types to suppress findings: which, why, and for how long. Judged by the actions."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms

from apps.analysis.models import Finding
from apps.analysis.suppressing import Pattern, default_until
from apps.mesh.suppression import ALL, REASON_LIMIT

GLOB = "* and ? are wildcards."
_TEXT = {"autocomplete": "off", "spellcheck": "false"}


class SuppressForm(forms.Form):
    """`which` is the one finding, or every finding of its check that the pattern covers."""

    which = forms.ChoiceField(
        choices=[
            ("one", "This finding only"),
            ("pattern", "Every finding of this check on objects that match"),
        ],
        initial="one",
        label="What",
        widget=forms.RadioSelect,
    )
    kind = forms.CharField(max_length=63, required=False, label="Kind", widget=forms.TextInput(_TEXT))
    namespace = forms.CharField(
        max_length=63, required=False, label="Namespace", help_text=GLOB, widget=forms.TextInput(_TEXT)
    )
    name = forms.CharField(
        max_length=253, required=False, label="Name", help_text=GLOB, widget=forms.TextInput(_TEXT)
    )
    reason = forms.CharField(
        max_length=REASON_LIMIT,
        label="Reason",
        help_text="For everybody who finds it quiet. Kept in the audit record.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    until = forms.DateField(
        required=False,
        label="Last day",
        help_text="It counts again after that day (UTC).",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    endless = forms.BooleanField(required=False, label="No last day: until somebody lifts it")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("until") and not data.get("endless") and "until" not in self.errors:
            self.add_error("until", "Name a last day, or say that there is none.")
        return data

    @property
    def last_day(self) -> date | None:
        """Once the form is valid."""
        return None if self.cleaned_data["endless"] else self.cleaned_data["until"]

    def pattern(self, code: str) -> Pattern | None:
        """The pattern that was asked for; None for the one finding. What is left empty means any."""
        data = self.cleaned_data
        if data["which"] != "pattern":
            return None
        return Pattern(code, data["kind"] or ALL, data["namespace"] or ALL, data["name"] or ALL)


def blank(finding: Finding, today: date) -> SuppressForm:
    """The form as it is offered: thirty days, and a pattern that covers the finding."""
    given = {"kind": finding.kind, "namespace": finding.namespace, "name": finding.name}
    return SuppressForm(initial={**given, "until": default_until(today)})
