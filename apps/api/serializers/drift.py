"""Drift of what a change wrote, who keeps an object, and the versions of an object."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input
from apps.api.serializers.mesh import ObjectSerializer
from apps.changes.drift import Drift, What


class KeeperSerializer(serializers.Serializer[Any]):
    """The GitOps tool that keeps the object, and what it does to a change made on the cluster only."""

    tool = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    reverts = serializers.BooleanField(help_text="Whether it puts the object back by itself.")
    what_happens = serializers.CharField()


class DriftedFieldSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    written = serializers.JSONField(allow_null=True, source="before")
    now = serializers.JSONField(allow_null=True, source="after")


class DriftSerializer(serializers.Serializer[Any]):
    """One object that others have changed since. `managers` own the fields now, as far as the cluster says;
    `likely_cause` is the GitOps tool that keeps the object, when one of them is its."""

    position = serializers.IntegerField(source="item.position")
    cluster = serializers.CharField(source="cluster.name")
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    since = serializers.DateTimeField(source="drifted_at")
    what = serializers.ChoiceField(choices=[what.value for what in What], source="drift.what")
    sentence = serializers.SerializerMethodField()
    changes = DriftedFieldSerializer(many=True, source="drift.changes")
    managers = serializers.ListField(child=serializers.CharField(), source="drift.managers")
    likely_cause = serializers.SerializerMethodField()

    def get_sentence(self, watch: Any) -> str:
        return f"{Drift.from_json(watch.drift).sentence}."

    def get_likely_cause(self, watch: Any) -> str:
        return str(watch.drift["keeper"]) if watch.drift["blamed"] else ""


class AcceptDriftSerializer(Input):
    reason = serializers.CharField(max_length=2000)


class ObjectVersionSerializer(serializers.Serializer[Any]):
    """`change` is the number of the change that made it (`CS-12`), "" for others; `managers` own what
    differs from the version before. `sha256` is the same for the same content."""

    id = serializers.IntegerField(source="version.pk")
    valid_from = serializers.DateTimeField(source="version.valid_from")
    valid_to = serializers.DateTimeField(source="version.valid_to", allow_null=True)
    sha256 = serializers.CharField(source="version.content_id")
    change = serializers.CharField(source="number")
    managers = serializers.ListField(child=serializers.CharField())


class ComparedFieldSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ComparedSerializer(serializers.Serializer[Any]):
    before = ObjectSerializer()
    after = ObjectSerializer()
    changes = ComparedFieldSerializer(many=True)
