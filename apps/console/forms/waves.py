"""What one types about waves: the plan of a draft, and one wish for many clusters. Judged by the actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict

from apps.changes.actions.propose_fleet import Remedy, Wish
from apps.changes.waves import SOAK_LIMIT, OnFailure, Plan, Suggestion
from apps.console.forms.changes import COMMENT_LIMIT, PASTE_LIMIT

FAILURES = (
    (OnFailure.STOP.value, "stops everything"),
    (OnFailure.FINISH_WAVE.value, "lets the other clusters of its wave finish"),
)


class PauseForm(forms.Form):
    """What passes between two waves, and what a failure stops."""

    soak_minutes = forms.IntegerField(
        min_value=0,
        max_value=SOAK_LIMIT,
        initial=0,
        label="Pause between waves, minutes",
        help_text="At least so long after a wave was confirmed.",
    )
    wait = forms.BooleanField(required=False, label="Somebody has to continue after each wave")
    on_failure = forms.ChoiceField(choices=FAILURES, label="The first failure")

    def pause(self) -> dict[str, Any]:
        """As `waves.made` takes it."""
        return {name: self.cleaned_data[name] for name in ("soak_minutes", "wait", "on_failure")}


class PlanForm(PauseForm):
    """The plan of a draft: a number for each cluster, or a suggestion in the place of the numbers."""

    suggestion = forms.ChoiceField(required=False, choices=[(one.value, one.words) for one in Suggestion])

    def __init__(self, data: QueryDict | None, *, plan: Plan, clusters: Sequence[str]) -> None:
        pause = {"soak_minutes": plan.soak_minutes, "wait": plan.wait, "on_failure": plan.on_failure.value}
        super().__init__(data, initial=pause, auto_id="plan_%s")
        self._names = {f"wave_{number}": name for number, name in enumerate(clusters)}
        for field, name in self._names.items():
            self.fields[field] = forms.IntegerField(
                required=False,
                min_value=1,
                max_value=len(clusters),
                initial=plan.wave_of(name),
                label=name,
            )

    def numbered(self) -> list[forms.BoundField]:
        """The numbers, cluster by cluster."""
        return [self[field] for field in self._names]

    def wanted(self) -> dict[str, Any]:
        """As `waves.made` takes it. A cluster without a number is in the first wave."""
        if suggestion := self.cleaned_data["suggestion"]:
            return {"suggestion": suggestion, **self.pause()}
        groups: dict[int, list[str]] = {}
        for field, name in self._names.items():
            groups.setdefault(self.cleaned_data[field] or 1, []).append(name)
        waves = [groups[number] for number in sorted(groups)]
        return {"groups": waves if len(waves) > 1 else (), **self.pause()}


class FleetForm(PauseForm):
    """One wish for many clusters."""

    clusters = forms.MultipleChoiceField(
        label="Clusters", error_messages={"required": "Choose at least one cluster."}
    )
    wish = forms.ChoiceField(label="What is wanted", widget=forms.RadioSelect)
    manifests = forms.CharField(
        required=False,
        max_length=PASTE_LIMIT,
        strip=False,
        label="Manifests",
        help_text="YAML, the same for every cluster. What is there is changed, what is not there is created.",
        widget=forms.Textarea(attrs={"class": "mono", "rows": 8, "spellcheck": "false"}),
    )
    namespaces = forms.CharField(
        required=False,
        max_length=2000,
        label="Only these namespaces",
        help_text="Names with spaces between them. Empty for all.",
    )
    suggestion = forms.ChoiceField(
        choices=[(one.value, one.words) for one in Suggestion],
        initial=Suggestion.ENVIRONMENT.value,
        label="Waves",
        help_text="You can number them anew while it is a draft.",
    )
    title = forms.CharField(required=False, max_length=200, label="Title")
    reason = forms.CharField(
        required=False,
        max_length=COMMENT_LIMIT,
        label="Reason",
        help_text="For the people who will decide.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, names: Iterable[str], code: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._code = code
        clusters = cast(forms.MultipleChoiceField, self.fields["clusters"])
        wish = cast(forms.ChoiceField, self.fields["wish"])
        clusters.choices = [(name, name) for name in names]
        wish.choices = [
            *([("code", f"Mend every finding {code} that the console can mend")] if code else []),
            *((one.value, one.words) for one in Remedy),
            ("manifests", "What the manifests below say"),
        ]
        wish.initial = "code" if code else Remedy.HOSTS.value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("wish") == "manifests" and not data.get("manifests", "").strip():
            self.add_error("manifests", "Paste what the clusters should hold.")
        return data

    def wanted(self) -> Wish:
        """What was wished for."""
        data = self.cleaned_data
        if data["wish"] == "manifests":
            return Wish(manifests=data["manifests"])
        namespaces = tuple(data["namespaces"].split())
        if data["wish"] == "code":
            return Wish(code=self._code, namespaces=namespaces)
        return Wish(Remedy(data["wish"]), namespaces=namespaces)
