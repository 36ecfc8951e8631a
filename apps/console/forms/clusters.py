"""What one types to register a cluster. Whether it can be used is decided by the actions.

Secrets are never sent back to the browser: after an error they are asked for again.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from apps.clusters.models import Environment

MAX_KUBECONFIG = 64 * 1024
KUBECONFIG, DIRECT = "kubeconfig", "direct"
SECRETS = ("kubeconfig", "token", "client_key")
# Names that the actions give to what they refuse, where the form calls it differently.
FIELD_OF = {"text": "kubeconfig", "client_certificate": "token", "client_key": "token", "labels": "name"}


class PlaceForm(forms.Form):
    """What a cluster is called and where it belongs."""

    name = forms.CharField(
        max_length=63,
        label="Cluster name",
        help_text="Lower case, as people say it. Cannot be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    environment = forms.ChoiceField(
        choices=Environment.choices,
        label="Environment",
        help_text="Decides how many approvals a change needs.",
    )
    region = forms.CharField(max_length=63, required=False, label="Region")
    owner_team = forms.CharField(max_length=63, required=False, label="Owner team")


class KubeconfigForm(PlaceForm):
    """A kubeconfig, pasted or uploaded; what is not plain data in it is refused with a sentence."""

    kubeconfig = forms.CharField(
        required=False,
        label="Kubeconfig",
        strip=False,
        help_text="Nothing in it is run, and no file it names is read. At most 64 kB.",
        widget=forms.Textarea(
            attrs={"class": "mono", "rows": 12, "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    upload = forms.FileField(required=False, label="Or upload the file")
    context = forms.CharField(
        max_length=253, required=False, label="Context", help_text="Empty for the current one."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload = data.get("upload")
        if isinstance(upload, UploadedFile) and not data.get("kubeconfig"):
            data["kubeconfig"] = self._read(upload)
        if not data.get("kubeconfig") and not self.errors:
            self.add_error("kubeconfig", "Paste a kubeconfig, or choose its file.")
        return data

    def _read(self, upload: UploadedFile[Any]) -> str:
        if (upload.size or 0) > MAX_KUBECONFIG:
            self.add_error("upload", "The file is larger than 64 kB, which no kubeconfig needs.")
            return ""
        try:
            text: str = upload.read().decode()
        except UnicodeDecodeError:
            self.add_error("upload", "The file is not text.")
            return ""
        return text


class DirectForm(PlaceForm):
    """The API server's address, its CA, and a token."""

    server = forms.CharField(
        max_length=300,
        label="API server",
        help_text="https only, for example https://10.20.0.1:6443",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    ca_pem = forms.CharField(
        label="CA certificate",
        max_length=64 * 1024,
        help_text="PEM, as in certificate-authority-data after decoding. Certificates are always checked.",
        widget=forms.Textarea(attrs={"class": "mono", "rows": 6, "spellcheck": "false"}),
    )
    token = forms.CharField(
        label="Token",
        max_length=16 * 1024,
        help_text="Of a service account. Kept encrypted, never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    tls_server_name = forms.CharField(
        max_length=253,
        required=False,
        label="Name in the certificate",
        help_text="Only when it is not the name in the address.",
    )


class CredentialForm(forms.Form):
    """A new token for a cluster that is registered."""

    token = forms.CharField(
        label="New token",
        max_length=16 * 1024,
        help_text="Tried on the cluster first; the old one is forgotten when it works.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


def blame(form: forms.Form, field: str, message: str) -> None:
    """Puts a refusal beside the field it is about, or above the form when it has no such field."""
    name = FIELD_OF.get(field, field)
    if name not in form.fields and field in ("ca_pem", "server", "token", "tls_server_name", "context"):
        name = "kubeconfig"
    form.add_error(name if name in form.fields else None, message)


def without_secrets(form: forms.Form) -> forms.Form:
    """The same bound form with everything that was typed except secrets."""
    data = QueryDict(mutable=True)
    data.update(form.data)
    for name in SECRETS:
        if name in data:
            data[name] = ""
    form.data = data
    return form
