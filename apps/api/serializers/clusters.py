"""Clusters, their preflight and their refreshes. No secret is ever shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input
from apps.clusters.models import Environment, HealthState
from apps.inventory.models import RefreshRun

TEXT_LIMIT = 64 * 1024


class ClusterSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    environment = serializers.ChoiceField(choices=Environment.choices)
    region = serializers.CharField()
    owner_team = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    server = serializers.CharField()
    paused = serializers.BooleanField()
    health = serializers.ChoiceField(choices=HealthState.choices)
    health_message = serializers.CharField()
    checked_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    kubernetes_version = serializers.CharField()
    identity = serializers.CharField()
    gaps = serializers.ListField(child=serializers.DictField())


class RefreshSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=RefreshRun.State.choices)
    trigger = serializers.CharField()
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    step = serializers.CharField()
    objects_read = serializers.IntegerField()
    changed = serializers.IntegerField()
    message = serializers.CharField()


class SummarySerializer(serializers.Serializer[Any]):
    """The figures of the last analysis."""

    analysed_at = serializers.DateTimeField()
    figures = serializers.DictField()
    control_planes = serializers.ListField(child=serializers.DictField())
    installs = serializers.ListField(child=serializers.DictField())


class CredentialSerializer(serializers.Serializer[Any]):
    """`fingerprint` tells two secrets apart; the secret itself cannot be read."""

    kind = serializers.CharField()
    fingerprint = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ClusterDetailSerializer(ClusterSerializer):
    served = serializers.DictField()
    created_at = serializers.DateTimeField()
    credential = CredentialSerializer(allow_null=True)
    summary = SummarySerializer(allow_null=True)
    latest_refresh = RefreshSerializer(allow_null=True)


class RegistrationSerializer(Input):
    """Either `kubeconfig` (and `context`), or `server`, `ca_pem` and `token` or a client certificate."""

    name = serializers.CharField(max_length=63)
    environment = serializers.ChoiceField(choices=Environment.choices)
    region = serializers.CharField(max_length=63, default="", allow_blank=True)
    owner_team = serializers.CharField(max_length=63, default="", allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(max_length=200), default=dict)
    kubeconfig = serializers.CharField(
        max_length=TEXT_LIMIT, default="", allow_blank=True, write_only=True, trim_whitespace=False
    )
    context = serializers.CharField(  # type: ignore[assignment]
        max_length=253, default="", allow_blank=True, write_only=True
    )
    server = serializers.CharField(max_length=300, default="", allow_blank=True)
    ca_pem = serializers.CharField(max_length=TEXT_LIMIT, default="", allow_blank=True, write_only=True)
    token = serializers.CharField(max_length=TEXT_LIMIT, default="", allow_blank=True, write_only=True)
    client_certificate = serializers.CharField(
        max_length=TEXT_LIMIT, default="", allow_blank=True, write_only=True
    )
    client_key = serializers.CharField(max_length=TEXT_LIMIT, default="", allow_blank=True, write_only=True)
    tls_server_name = serializers.CharField(max_length=253, default="", allow_blank=True)


class PermissionRowSerializer(serializers.Serializer[Any]):
    group = serializers.CharField()
    plural = serializers.CharField()
    verb = serializers.CharField()
    purpose = serializers.CharField()
    allowed = serializers.BooleanField()
    served = serializers.BooleanField()
    sentence = serializers.CharField()


class PreflightSerializer(serializers.Serializer[Any]):
    """What the cluster is, who the console is there, and what it may do."""

    version = serializers.CharField(source="version.git_version")
    identity = serializers.CharField(source="identity.username")
    groups = serializers.ListField(child=serializers.CharField(), source="identity.groups")
    served = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    permissions = PermissionRowSerializer(many=True)
