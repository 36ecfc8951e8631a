"""What one types about the approval policy: a question, a version, a decision. Judged by the actions."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.changes.actions.propose_policy import REASON_LIMIT
from apps.changes.policies import Level, RiskCode, Subject
from apps.clusters.models import Environment

CONTENT_LIMIT = 64 * 1024
_TEXT = {"autocomplete": "off", "spellcheck": "false"}


class QuestionForm(forms.Form):
    """Where and what somebody would write; what is left empty means any."""

    environment = forms.ChoiceField(choices=[("", "Any"), *Environment.choices], required=False)
    cluster = forms.CharField(max_length=63, required=False, widget=forms.TextInput(_TEXT))
    namespace = forms.CharField(max_length=63, required=False, widget=forms.TextInput(_TEXT))
    kind = forms.CharField(max_length=63, required=False, widget=forms.TextInput(_TEXT))
    risk = forms.ChoiceField(
        choices=[("", "None"), *((code.value, code.value) for code in RiskCode)], required=False
    )
    level = forms.ChoiceField(
        choices=[(level.value, level.value.capitalize()) for level in Level], required=False
    )

    def subject(self) -> Subject:
        """The write that is asked about. Of a cluster that is registered the environment is known."""
        data: dict[str, Any] = self.cleaned_data
        risks = frozenset({data["risk"]} if data["risk"] else ())
        return Subject(
            data["environment"],
            data["cluster"],
            data["namespace"],
            data["kind"],
            Level(data["level"] or Level.LOW),
            risks,
        )


class PolicyForm(forms.Form):
    """A version as YAML, and why."""

    content = forms.CharField(
        max_length=CONTENT_LIMIT,
        strip=False,
        label="Policy",
        help_text="YAML: rules and freezes, as described in docs/policy.md.",
        widget=forms.Textarea(
            attrs={"class": "mono", "rows": 24, "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    reason = forms.CharField(
        max_length=REASON_LIMIT,
        label="Reason",
        help_text="For the administrator who will decide. Kept in the audit record.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class PolicyDecisionForm(forms.Form):
    """A decision on one proposed version."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")])
    comment = forms.CharField(
        max_length=REASON_LIMIT,
        required=False,
        label="Comment",
        help_text="Needed to reject.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
