"""Coverage by day, as REST gives it out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.analysis.exported import figures_of
from apps.analysis.trend import Day


class CoverageDaySerializer(serializers.Serializer[Any]):
    """A day (UTC). `expected` are workloads that ask for capture, `covered` those of them that are captured
    completely, `by_kind` the same by kind of capture, `total` all workloads of applications. On a gap the
    figures are null, and `not_read` names the clusters of which no complete reading is recorded. `paused`
    names those that were paused, and are left out of the sum; where that is all of them, there is none."""

    day = serializers.DateField()
    read = serializers.BooleanField()
    covered = serializers.IntegerField(allow_null=True)
    expected = serializers.IntegerField(allow_null=True)
    percent = serializers.FloatField(allow_null=True, help_text="Covered of expected; null of none.")
    total = serializers.IntegerField(allow_null=True)
    percent_of_total = serializers.FloatField(allow_null=True, help_text="Covered of total; null of none.")
    by_kind = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    not_read = serializers.ListField(child=serializers.CharField())
    paused = serializers.ListField(child=serializers.CharField())

    def to_representation(self, instance: Day) -> Any:
        read = {"day": instance.day, "read": instance.counts is not None}
        silent = {"not_read": instance.not_read, "paused": instance.paused}
        return super().to_representation({**read, **silent, **figures_of(instance.counts)})


class CoverageSeriesSerializer(serializers.Serializer[Any]):
    """The days of one place, oldest first, from the first that is recorded. "" stands for all."""

    environment = serializers.CharField()
    cluster = serializers.CharField()
    namespace = serializers.CharField()
    days = CoverageDaySerializer(many=True)
