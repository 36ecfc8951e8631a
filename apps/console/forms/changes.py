"""What one types about a change: a decision, or a change by hand. Judged by the actions."""

from __future__ import annotations

from django import forms

from apps.changes.models import ChangeSet

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


class EmergencyForm(forms.Form):
    """Why it cannot wait, and one's password once more."""

    reason = forms.CharField(
        max_length=COMMENT_LIMIT,
        label="Why it cannot wait",
        help_text="Everybody who reviews it afterwards reads this.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ReviewForm(forms.Form):
    """What somebody found who looked an emergency over."""

    comment = forms.CharField(
        max_length=COMMENT_LIMIT,
        label="What you found",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AcceptDriftForm(forms.Form):
    """Why it may stay as others made it."""

    reason = forms.CharField(
        max_length=2000,
        label="Why it may stay as it is",
        help_text="Kept in the timeline and in the audit record.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class CommentForm(forms.Form):
    """Something to say."""

    text = forms.CharField(
        max_length=COMMENT_LIMIT, label="Comment", widget=forms.Textarea(attrs={"rows": 2})
    )


class HandOverForm(forms.Form):
    """To whom a draft goes."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="Somebody who may propose changes everywhere this one writes.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )


class TimeBoxForm(forms.Form):
    """When the effect of a draft ends."""

    ends_at = forms.DateTimeField(
        required=False,
        label="Ends (UTC)",
        help_text="Leave it empty for no end.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    auto_revert = forms.BooleanField(
        required=False, label="Approve the revert together with it: it runs by itself"
    )


def blank_forms(change: ChangeSet) -> dict[str, forms.Form]:
    """What a page of a change offers, by its name in the template; each has ids of its own."""
    until = {"ends_at": change.ends_at, "auto_revert": change.auto_revert}
    return {
        "form": DecisionForm(),
        "emergency_form": EmergencyForm(auto_id="emergency_%s"),
        "review_form": ReviewForm(auto_id="review_%s"),
        "drift_form": AcceptDriftForm(auto_id="drift_%s"),
        "comment_form": CommentForm(auto_id="say_%s"),
        "hand_over_form": HandOverForm(auto_id="hand_over_%s"),
        "time_box_form": TimeBoxForm(auto_id="time_box_%s", initial=until),
    }


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
