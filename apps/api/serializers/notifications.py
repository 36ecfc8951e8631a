"""Webhooks, deliveries and what one wants as mail. Addresses and secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input
from apps.clusters.models import Environment
from apps.notifications.events import CHOICES, Event
from apps.notifications.models import Delivery, Webhook


class WebhookSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    origin = serializers.CharField(help_text="Scheme, host and port of the address.")
    format = serializers.ChoiceField(choices=Webhook.Format.choices)
    events = serializers.ListField(child=serializers.CharField())
    environments = serializers.ListField(child=serializers.CharField(), help_text="None: all of them.")
    enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ListedWebhookSerializer(WebhookSerializer):
    waiting = serializers.IntegerField(help_text="Deliveries that will be tried again.")
    dead = serializers.IntegerField(help_text="Deliveries that were given up.")


class WebhookInput(Input):
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=2000, write_only=True)
    secret = serializers.CharField(max_length=200, write_only=True, trim_whitespace=False)
    format = serializers.ChoiceField(choices=Webhook.Format.choices, default=Webhook.Format.JSON)
    events = serializers.ListField(child=serializers.ChoiceField(choices=CHOICES), min_length=1)
    environments = serializers.ListField(
        child=serializers.ChoiceField(choices=Environment.choices), default=list
    )


class WebhookChange(Input):
    """What is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    url = serializers.CharField(max_length=2000, required=False, write_only=True)
    secret = serializers.CharField(max_length=200, required=False, write_only=True, trim_whitespace=False)
    format = serializers.ChoiceField(choices=Webhook.Format.choices, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=CHOICES), min_length=1, required=False
    )
    environments = serializers.ListField(
        child=serializers.ChoiceField(choices=Environment.choices), required=False
    )
    enabled = serializers.BooleanField(required=False)


class DeliverySerializer(serializers.Serializer[Any]):
    """`webhook` or `recipient` is null. `said` is a short excerpt of the answer, or why none came."""

    id = serializers.UUIDField()
    event = serializers.ChoiceField(
        source="notification.event", choices=[(event.value, event.value) for event in Event]
    )
    change = serializers.IntegerField(source="notification.change_id", allow_null=True)
    webhook = serializers.CharField(source="webhook.name", default=None, allow_null=True)
    recipient = serializers.CharField(source="recipient.username", default=None, allow_null=True)
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    attempts = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    said = serializers.CharField()
    created_at = serializers.DateTimeField()
    tried_at = serializers.DateTimeField(allow_null=True)
    next_at = serializers.DateTimeField()


class PreferenceSerializer(serializers.Serializer[Any]):
    to_decide = serializers.BooleanField(help_text="A change waits for your decision.")
    mine = serializers.BooleanField(help_text="What becomes of changes you had a hand in.")
    trouble = serializers.BooleanField(help_text="A change that you could apply failed or needs attention.")


class PreferenceInput(Input):
    """What is left out stays."""

    to_decide = serializers.BooleanField(required=False)
    mine = serializers.BooleanField(required=False)
    trouble = serializers.BooleanField(required=False)
