"""Shapes that several areas use."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Input(serializers.Serializer[Any]):
    """An input serializer that refuses fields it does not know: a typing error must not pass silently."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown[:10]})
        return super().to_internal_value(data)


class CauseSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `code` is stable; `detail` is a sentence for people; `field` names the input at fault."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    field = serializers.CharField(required=False)
    causes = CauseSerializer(many=True, required=False)


class RefSerializer(serializers.Serializer[Any]):
    """A Kubernetes object."""

    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()


class PersonSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    display_name = serializers.CharField()
