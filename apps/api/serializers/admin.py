"""Oneself and API tokens."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.tokens import Scope
from apps.api.serializers.common import Input


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
