"""Findings, what suppresses them, and what one sends to suppress or lift."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.analysis.models import Finding, Suppression
from apps.analysis.selectors import Shown
from apps.analysis.suppressing import default_until
from apps.api.serializers.common import Input
from apps.common.clock import now
from apps.mesh.findings import Severity
from apps.mesh.rules.catalogue import why_no_remedy
from apps.mesh.suppression import ALL, By


class Standing(StrEnum):
    """What has become of a suppression."""

    HOLDS = "holds"
    ENDED = "ended"
    LIFTED = "lifted"


class SuppressedSerializer(serializers.Serializer[Any]):
    """Why a finding does not count. `until` is the last day (UTC) on which it does not, null for no end;
    `suppression` is the id of the decision, null when the object's own annotation says so."""

    by = serializers.ChoiceField(choices=[By.ANNOTATION.value, By.CONSOLE.value])
    reason = serializers.CharField()
    until = serializers.DateField(allow_null=True)
    suppression = serializers.IntegerField(allow_null=True)


class FindingSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    fingerprint = serializers.CharField()
    cluster = serializers.CharField(source="cluster.name")
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    title = serializers.CharField()
    message = serializers.CharField()
    api_version = serializers.CharField()
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    path = serializers.CharField()
    references = serializers.ListField(child=serializers.CharField())
    remedy = serializers.CharField()
    no_remedy = serializers.SerializerMethodField()
    hostset = serializers.CharField(help_text="Set and edition of the hosts that it is about, or empty.")
    affected = serializers.ListField(child=serializers.CharField())
    opened_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    state = serializers.SerializerMethodField()
    suppressed = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=[(one.value, one.name) for one in Shown]))
    def get_state(self, row: Finding) -> str:
        return row.state(_today())

    def get_no_remedy(self, row: Finding) -> str:
        """Why the console generates no change for it; empty where `remedy` names one."""
        return "" if row.remedy else why_no_remedy(row.code)

    @extend_schema_field(SuppressedSerializer(allow_null=True))
    def get_suppressed(self, row: Finding) -> Any:
        if not row.is_suppressed(_today()):
            return None
        told = {
            "by": row.suppressed_by,
            "reason": row.suppressed_reason,
            "until": row.suppressed_until,
            "suppression": row.suppression_id,
        }
        return SuppressedSerializer(told).data


class FindingDetailSerializer(FindingSerializer):
    evidence = serializers.ListField(child=serializers.DictField())


class SuppressionSerializer(serializers.Serializer[Any]):
    """A decision: about one finding where it has a fingerprint, else about every finding of the check on
    the objects that match."""

    id = serializers.IntegerField()
    cluster = serializers.CharField(source="cluster.name")
    fingerprint = serializers.CharField()
    code = serializers.CharField()
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    reason = serializers.CharField()
    until = serializers.DateField(allow_null=True)
    state = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    lifted_by = serializers.CharField(source="lifted_by.username", allow_null=True, default=None)
    lifted_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=[(one.value, one.name) for one in Standing]))
    def get_state(self, row: Suppression) -> str:
        return row.state(_today())


class SuppressInput(Input):
    """`until` is the last day (UTC); thirty days from now when it is left out. `endless` instead of it:
    until somebody lifts it."""

    reason = serializers.CharField(max_length=1000)
    until = serializers.DateField(required=False, allow_null=True)
    endless = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["endless"] and attrs.get("until"):
            raise serializers.ValidationError({"until": ["Give a last day or endless, not both."]})
        attrs["until"] = None if attrs["endless"] else attrs.get("until") or default_until(_today())
        return attrs


class PatternInput(SuppressInput):
    """`*` and `?` are wildcards in kind, namespace and name; what is left out means any."""

    code = serializers.CharField(max_length=10)
    kind = serializers.CharField(required=False, default=ALL, max_length=63)
    namespace = serializers.CharField(required=False, default=ALL, max_length=63)
    name = serializers.CharField(required=False, default=ALL, max_length=253)


def _today() -> date:
    return now().date()
