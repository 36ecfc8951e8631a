"""The sign-in form. Whether name and password fit is decided by Django and its lockout."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Keeps the user name after a failure, never the password."""

    error_messages = {
        "invalid_login": "User name or password is wrong.",
        "inactive": "This account is switched off. Ask the operator of this console.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"
        self.fields["username"].widget = forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True, "maxlength": 150}
        )
        self.fields["password"].widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
