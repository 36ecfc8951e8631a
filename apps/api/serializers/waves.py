"""Waves of a change: the plan as it is sent and approved, and how far each wave and cluster has come."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input
from apps.changes.progress import Reached, Stage
from apps.changes.waves import SOAK_LIMIT, OnFailure, Suggestion


class OnClusterSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    environment = serializers.CharField()
    reached = serializers.ChoiceField(choices=[reached.value for reached in Reached])
    written = serializers.IntegerField(help_text="Objects that are written.")
    objects = serializers.IntegerField()
    why = serializers.CharField(help_text="What failed or differs.")


class WaveSerializer(serializers.Serializer[Any]):
    """One wave: how far it has come, and each of its clusters."""

    number = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=[stage.value for stage in Stage])
    clusters = OnClusterSerializer(many=True)


class PlanSerializer(Input):
    """Clusters by wave, none for one wave of all; what passes between two waves, and what the first failure
    stops. `suggestion` makes the waves out of environments instead."""

    waves = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(max_length=63), max_length=200),
        max_length=100,
        required=False,
    )
    suggestion = serializers.ChoiceField(
        choices=[one.value for one in Suggestion], required=False, write_only=True
    )
    soak_minutes = serializers.IntegerField(
        min_value=0, max_value=SOAK_LIMIT, default=0, help_text="At least so long between two waves."
    )
    wait = serializers.BooleanField(default=False, help_text="Somebody has to continue after each wave.")
    on_failure = serializers.ChoiceField(
        choices=[one.value for one in OnFailure], default=OnFailure.STOP.value
    )


class LeaveOutSerializer(Input):
    """One cluster to take out of a draft on several."""

    cluster = serializers.CharField(max_length=63)


class LeftOutSerializer(serializers.Serializer[Any]):
    cluster = serializers.CharField()
    why = serializers.CharField()
