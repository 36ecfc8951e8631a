"""What one types about host sets: an edition as text, where a set is used, and why. Judged by the actions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from apps.analysis.hostediting import REASON_LIMIT, Place
from apps.analysis.hostfile import LIMITS, HostFileError, read
from apps.clusters.models import Environment
from apps.mesh.hostsets import HostSet

_TEXT = {"autocomplete": "off", "spellcheck": "false"}
_REASON = "For everybody who reads it later. Kept in the audit record."


class EditionForm(forms.Form):
    """An edition, pasted or uploaded. Set, edition and source are for a text that does not say them."""

    content = forms.CharField(
        max_length=LIMITS.size,
        required=False,
        strip=False,
        label="Hosts",
        help_text="YAML or JSON as described in docs/hosts.md, or hosts, one a line.",
        widget=forms.Textarea(
            attrs={"class": "mono", "rows": 22, "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    upload = forms.FileField(
        required=False, label="Or upload the file", help_text="It takes the place of the text."
    )
    name = forms.CharField(max_length=40, required=False, label="Set", widget=forms.TextInput(_TEXT))
    edition = forms.CharField(max_length=40, required=False, label="Edition", widget=forms.TextInput(_TEXT))
    source = forms.CharField(max_length=500, required=False, label="Source", widget=forms.TextInput(_TEXT))
    reason = forms.CharField(
        max_length=REASON_LIMIT,
        required=False,
        label="Reason",
        help_text=_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload = data.get("upload")
        if isinstance(upload, UploadedFile):
            data["content"] = self._uploaded(upload)
            shown = QueryDict(mutable=True)
            shown.update(self.data)
            shown["content"] = data["content"]
            self.data = shown
        if not data.get("content", "").strip() and not self.errors:
            self.add_error("content", "Paste the hosts, or choose a file.")
        return data

    def hostset(self, known: HostSet) -> HostSet | None:
        """The edition that was typed; None with an error on the form for each mistake. Once it is valid."""
        given = {name: self.cleaned_data[name].strip() for name in ("name", "edition", "source")}
        try:
            return read(self.cleaned_data["content"], **given, known=known)
        except HostFileError as refusal:
            for problem in refusal.problems:
                self.add_error("content", problem)
        return None

    def _uploaded(self, upload: UploadedFile[Any]) -> str:
        if (upload.size or 0) > LIMITS.size:
            self.add_error("upload", f"The file is larger than the {LIMITS.size // 1024} KiB that are read.")
            return ""
        try:
            text: str = upload.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("upload", "The file is not text.")
            return ""
        return text


class AdoptForm(forms.Form):
    """Where an edition shall be in force, and why. Of Speedscale's set only the reason is asked for."""

    environment = forms.ChoiceField(
        choices=[("*", "Every environment"), *Environment.choices], required=False, label="Environment"
    )
    cluster = forms.CharField(
        max_length=63,
        required=False,
        label="Cluster",
        help_text="* and ? are wildcards. Empty: every cluster.",
        widget=forms.TextInput(_TEXT),
    )
    namespaces = forms.CharField(
        max_length=2000,
        required=False,
        label="Namespaces that need the hosts",
        help_text="Separated by spaces, with * and ?. Empty: the matrix shows the set; nothing is reported.",
        widget=forms.TextInput(_TEXT),
    )
    reason = forms.CharField(
        max_length=REASON_LIMIT, label="Reason", help_text=_REASON, widget=forms.Textarea(attrs={"rows": 2})
    )

    def place(self) -> Place:
        """Once the form is valid."""
        data = self.cleaned_data
        names = data["namespaces"].replace(",", " ").split()
        return Place(data["environment"] or "*", data["cluster"].strip() or "*", tuple(names))


class RetireForm(forms.Form):
    """Why a set is taken out of use."""

    reason = forms.CharField(
        max_length=REASON_LIMIT, label="Reason", help_text=_REASON, widget=forms.Textarea(attrs={"rows": 2})
    )


def adopt_form(place: Place | None) -> AdoptForm:
    """The form with where the set is in use now."""
    if place is None:
        return AdoptForm()
    initial = {
        "environment": place.environment,
        "cluster": place.cluster,
        "namespaces": " ".join(place.namespaces),
    }
    return AdoptForm(initial=initial)
