"""What one types about a change: a decision, or a change by hand. Judged by the actions."""

from __future__ import annotations

from django import forms

COMMENT_LIMIT = 4000
# Pastes beyond this are refused before anything is parsed.
PASTE_LIMIT = 512 * 1024


class DecisionForm(forms.Form):
    """A decision on exactly one digest, as it stood on the screen."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")])
    revision = forms.IntegerField(min_value=1)
    digest = forms.CharField(max_length=64, required=False)
    comment = forms.CharField(
        max_length=COMMENT_LIMIT,
        required=False,
        label="Comment",
        help_text="Needed to reject. Kept in the audit record.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class PasteForm(forms.Form):
    """Manifests that somebody wrote, and what they are for."""

    title = forms.CharField(max_length=200, label="Title", help_text="What it does, in one line.")
    reason = forms.CharField(
        max_length=COMMENT_LIMIT,
        required=False,
        label="Reason",
        help_text="For the people who will decide.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    manifests = forms.CharField(
        max_length=PASTE_LIMIT,
        strip=False,
        label="Manifests",
        help_text="YAML, one or more documents. What is there is changed, what is not there is created.",
        widget=forms.Textarea(
            attrs={"class": "mono", "rows": 18, "spellcheck": "false", "autocomplete": "off"}
        ),
        error_messages={"max_length": "The paste is larger than 512 kB. Split it into several changes."},
    )
    take_over = forms.BooleanField(
        required=False,
        label="Take over fields that another manager owns",
        help_text="Raises the number of approvals. Reviewers see it.",
    )
