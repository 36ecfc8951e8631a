"""Registering a cluster: by kubeconfig, or by address, CA and token; refusals beside their field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from apps.accounts.permissions import Permission, allows_somewhere
from apps.clusters import actions, rbac
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, PermissionDeniedError
from apps.console import checks_shown
from apps.console.forms.clusters import (
    DIRECT,
    KUBECONFIG,
    DirectForm,
    KubeconfigForm,
    blame,
    without_secrets,
)
from apps.console.guard import SignedInRequest, signed_in
from apps.console.views.refreshing import ask_for_refresh

PLACE = ("name", "environment", "region", "owner_team")


@sensitive_post_parameters("kubeconfig", "token")
@signed_in
def register(request: SignedInRequest) -> HttpResponse:
    """The form in two ways; a refusal keeps all that was typed but the secrets."""
    if not allows_somewhere(request.user, Permission.OPERATE_CLUSTERS):
        raise PermissionDeniedError(
            "Your roles do not let you register clusters. An operator or an administrator can."
        )
    way = DIRECT if request.GET.get("way", request.POST.get("way", "")) == DIRECT else KUBECONFIG
    kind: type[KubeconfigForm] | type[DirectForm] = DirectForm if way == DIRECT else KubeconfigForm
    if request.method != "POST":
        return _page(request, kind(), way)
    form = kind(request.POST, request.FILES)
    if form.is_valid():
        try:
            cluster = _register(request, form, way)
        except InvalidInputError as refusal:
            blame(form, refusal.field, refusal.message)
        else:
            ask_for_refresh(request, cluster, trigger="registration")
            checks_shown.ask(request, cluster)
            messages.success(request, f"{cluster.name} is registered. Its first reading has been asked for.")
            return redirect("console:cluster-connection", cluster.name)
    return _page(request, without_secrets(form), way, status=400)


def _register(request: SignedInRequest, form: forms.Form, way: str) -> Cluster:
    data: dict[str, Any] = form.cleaned_data
    place = {name: data[name] for name in PLACE}
    if way == KUBECONFIG:
        return actions.register_from_kubeconfig(
            actor=request.user, text=data["kubeconfig"], context=data["context"], **place
        )
    return actions.register_cluster(
        actor=request.user,
        server=data["server"],
        ca_pem=data["ca_pem"],
        token=data["token"],
        tls_server_name=data["tls_server_name"],
        **place,
    )


def _page(request: SignedInRequest, form: forms.Form, way: str, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "way": way,
        "place": [form[name] for name in PLACE],
        "read_manifest": rbac.READ_MANIFEST,
        "apply_manifest": rbac.APPLY_MANIFEST,
    }
    return render(request, "console/clusters/register.html", context, status=status)
