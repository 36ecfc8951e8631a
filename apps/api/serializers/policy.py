"""The approval policy: versions, their differences, and what one would ask."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.changes import COMMENT, FieldChangeSerializer, GateSerializer
from apps.api.serializers.common import Input, PersonSerializer
from apps.changes import policies
from apps.changes.policies import Level, RiskCode


class ActivePolicySerializer(serializers.Serializer[Any]):
    """The version in force; `since` is null for the built-in one."""

    number = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    content = serializers.SerializerMethodField()

    def get_content(self, active: Any) -> dict[str, Any]:
        return policies.plain(active.policy)


class PolicyVersionSerializer(serializers.Serializer[Any]):
    """A version as it was proposed. `approved` is null until somebody decides."""

    number = serializers.IntegerField()
    based_on = serializers.IntegerField()
    author = PersonSerializer()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    content = serializers.DictField()
    approved = serializers.BooleanField(allow_null=True)
    decided_by = PersonSerializer(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    comment = serializers.CharField()


class ProposedPolicySerializer(PolicyVersionSerializer):
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="What nobody could meet, for administrators."
    )


class PolicyDifferenceSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    against = serializers.IntegerField()
    changes = FieldChangeSerializer(many=True)


class NewPolicySerializer(Input):
    content = serializers.DictField()
    reason = serializers.CharField(max_length=COMMENT)


class QuestionSerializer(Input):
    """What is left out means any."""

    environment = serializers.CharField(max_length=20, default="", allow_blank=True)
    cluster = serializers.CharField(max_length=63, default="", allow_blank=True)
    namespace = serializers.CharField(max_length=63, default="", allow_blank=True)
    kind = serializers.CharField(max_length=63, default="", allow_blank=True)
    level = serializers.ChoiceField(choices=[level.value for level in Level], default=Level.LOW.value)
    risk = serializers.ChoiceField(choices=[code.value for code in RiskCode], default="", allow_blank=True)


class PolicyAnswerSerializer(serializers.Serializer[Any]):
    """What the version in force would ask of such a write now, and why."""

    version = serializers.IntegerField()
    environment = serializers.CharField(source="subject.environment")
    required = serializers.IntegerField(source="ruling.required")  # type: ignore[assignment]
    groups = serializers.ListField(child=serializers.CharField(), source="ruling.groups")
    emergency = serializers.IntegerField(source="ruling.emergency")
    reasons = serializers.ListField(child=serializers.CharField(), source="ruling.reasons")
    gate = GateSerializer()
