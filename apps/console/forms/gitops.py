"""What one types about a repository. Judged by the actions; a private key is never sent back."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.gitops.layout import DEFAULT_TEMPLATE, FIELDS
from apps.gitops.models import Repository

_TEXT = {"autocomplete": "off", "spellcheck": "false"}
_MONO = {**_TEXT, "class": "mono", "rows": 4}
KEPT = "Leave it empty to keep what is stored; it is never shown again."


class Silent(forms.Textarea):
    """Never shows what was typed into it."""

    def format_value(self, value: Any) -> str:
        return ""


class RepositoryForm(forms.Form):
    """A repository. When one is changed, the key may stay empty."""

    name = forms.CharField(max_length=100, label="Name", widget=forms.TextInput(_TEXT))
    branch = forms.CharField(
        max_length=200,
        label="Base branch",
        initial="main",
        help_text="Changes start from it. It is never written.",
        widget=forms.TextInput(_TEXT),
    )
    url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="ssh://git@host/path.git, git@host:path.git, or file:///path.git where it is allowed.",
        widget=forms.TextInput({**_TEXT, "inputmode": "url"}),
    )
    path_template = forms.CharField(
        max_length=300,
        label="Path of a new object",
        initial=DEFAULT_TEMPLATE,
        help_text=f"May hold {', '.join(f'{{{field}}}' for field in FIELDS)}. What is there stays.",
        widget=forms.TextInput(_TEXT),
    )
    layout = forms.ChoiceField(choices=Repository.Layout.choices, label="Layout")
    known_hosts = forms.CharField(
        max_length=20_000,
        required=False,
        label="Host keys",
        help_text="For SSH: lines of known_hosts, checked by you. No other key is accepted.",
        widget=forms.Textarea(_MONO),
    )
    private_key = forms.CharField(
        max_length=20_000,
        required=False,
        strip=False,
        label="Private key",
        help_text="For SSH: without a passphrase, with the right to write. Encrypted, never shown again.",
        widget=Silent(_MONO),
    )

    def __init__(self, *args: Any, known: Repository | None = None, **kwargs: Any) -> None:
        if known is not None:
            given = ("name", "branch", "url", "path_template", "layout", "known_hosts")
            kwargs.setdefault("initial", {name: getattr(known, name) for name in given})
        super().__init__(*args, **kwargs)
        if known is not None and known.ciphertext:
            self.fields["private_key"].help_text = KEPT
