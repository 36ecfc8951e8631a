"""Oneself, API tokens, the audit record."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.tokens import Scope
from apps.api.serializers.common import Input
from apps.audit.models import Outcome


class BindingSerializer(serializers.Serializer[Any]):
    """A role and where it holds; the places are globs."""

    role = serializers.CharField()
    environment = serializers.CharField()
    cluster = serializers.CharField()
    namespace = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    display_name = serializers.CharField()
    email = serializers.CharField()
    bindings = BindingSerializer(many=True)
    token = serializers.CharField(
        allow_null=True, help_text="Prefix of the token in use; null for a session."
    )
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    waiting = serializers.IntegerField(help_text="How many changes wait for your decision.")


class TokenSerializer(serializers.Serializer[Any]):
    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewTokenSerializer(Input):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in Scope]), min_length=1, max_length=10
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class MadeTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="Shown this once.")


class AuditSerializer(serializers.Serializer[Any]):
    """One row of the record; `hash` covers the row and `prev_hash`."""

    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    via = serializers.CharField()
    request_id = serializers.CharField()
    action = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    cluster = serializers.CharField()
    summary = serializers.CharField()
    detail = serializers.DictField()
    prev_hash = serializers.CharField()
    hash = serializers.CharField()
