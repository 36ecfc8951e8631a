"""The question of the explain page: from which workload, to which host, port and protocol."""

from __future__ import annotations

import ipaddress
import re

from django import forms

from apps.mesh.verdicts import Destination, Protocol

_HOST = re.compile(
    r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)


class ExplainForm(forms.Form):
    """Checks the form of what was typed; whether the workload is there is asked later."""

    workload = forms.CharField(
        max_length=360,
        label="Workload",
        help_text="namespace/name",
        widget=forms.TextInput(attrs={"list": "workloads", "autocomplete": "off", "spellcheck": "false"}),
    )
    host = forms.CharField(
        max_length=253,
        label="Host",
        help_text="A name, *.name for any below it, or an address",
        widget=forms.TextInput(attrs={"list": "hosts", "autocomplete": "off", "spellcheck": "false"}),
    )
    port = forms.IntegerField(min_value=1, max_value=65535, initial=443, label="Port")
    protocol = forms.ChoiceField(
        choices=[("TLS", "TLS (the name is in the handshake)"), ("HTTP", "Plain HTTP"), ("TCP", "Other TCP")],
        initial="TLS",
        label="The client sends",
    )

    def clean_host(self) -> str:
        host = str(self.cleaned_data["host"]).strip().lower()
        if not _HOST.fullmatch(host) and not _is_address(host):
            raise forms.ValidationError(
                "This is neither a host name nor an address; leave out scheme and path."
            )
        return host

    @property
    def destination(self) -> Destination:
        """What is asked about, once the form is valid."""
        data = self.cleaned_data
        return Destination(
            data["host"],
            data["port"],
            Protocol(data["protocol"]),
            ip=data["host"] if _is_address(data["host"]) else "",
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
