"""The audit record and its checkpoints."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.audit.exported import FORMATS
from apps.audit.models import Outcome


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


class CheckpointSerializer(serializers.Serializer[Any]):
    """A signed head of the chain: Ed25519 over the other fields as JSON with sorted keys and no spaces."""

    version = serializers.IntegerField()
    seq = serializers.IntegerField()
    count = serializers.IntegerField()
    hash = serializers.CharField()
    at = serializers.CharField()
    key = serializers.CharField()
    signature = serializers.CharField()


class AuditQuery(serializers.Serializer[Any]):
    """What can be asked of the record. Times are ISO 8601."""

    q = serializers.CharField(required=False, max_length=200, help_text="Text in summary, object or actor.")
    actor = serializers.CharField(required=False, max_length=150)
    action = serializers.CharField(required=False, max_length=60, help_text="May end in * for its beginning.")
    outcome = serializers.ChoiceField(required=False, choices=Outcome.choices)
    cluster = serializers.CharField(required=False, max_length=63)
    object_type = serializers.CharField(required=False, max_length=40)
    object_id = serializers.CharField(required=False, max_length=300)
    since = serializers.DateTimeField(required=False, help_text="The first moment.")
    until = serializers.DateTimeField(required=False, help_text="The moment before which it ends.")


class AuditExportQuery(AuditQuery):
    as_ = serializers.ChoiceField(required=False, choices=FORMATS, default=FORMATS[0])

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["as"] = fields.pop("as_")  # a word of Python
        return fields
