"""/api/v1/webhooks/, /api/v1/deliveries/ and /api/v1/me/notifications/."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission, require
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.notifications import (
    DeliverySerializer,
    ListedWebhookSerializer,
    PreferenceInput,
    PreferenceSerializer,
    WebhookChange,
    WebhookInput,
    WebhookSerializer,
)
from apps.common.errors import InvalidInputError
from apps.notifications import actions, selectors
from apps.notifications.models import Delivery, Webhook

CHANGEABLE = ("name", "events", "environments", "format", "enabled")
MADE = OpenApiExample(
    "Trouble in production",
    request_only=True,
    value={
        "name": "on-call",
        "url": "https://hooks.example.com/meshconsole",
        "secret": "a long random text that the receiver knows",
        "events": ["failed", "needs_attention", "diverged"],
        "environments": ["production"],
    },
)


class WebhookEndpoint(Endpoint):
    """For administrators of the console."""

    needs = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Permission.ADMINISTER)

    def webhook(self, pk: int) -> Webhook:
        """The webhook, once the person may know that there is one."""
        require(self.person, Permission.ADMINISTER, action="webhook.read")
        found = selectors.webhooks().filter(pk=pk).first()
        if found is None:
            raise NotFoundError("There is no such webhook.")
        return found


class Webhooks(WebhookEndpoint):
    @extend_schema(operation_id="webhooks_list", responses=listed(ListedWebhookSerializer))
    def get(self, request: Request) -> Response:
        """The receivers by name. Their addresses and secrets are not shown."""
        require(self.person, Permission.ADMINISTER, action="webhook.read")
        return self.paged(selectors.webhooks(), ListedWebhookSerializer)

    @extend_schema(
        operation_id="webhooks_make",
        parameters=[IDEMPOTENCY],
        request=WebhookInput,
        responses={201: WebhookSerializer, **problems(400, 409, 422)},
        examples=[MADE],
    )
    def post(self, request: Request) -> Response:
        """Keeps a receiver. Address and secret are encrypted and never come back."""

        def work() -> Response:
            made = actions.make_webhook(actor=self.person, **self.checked(WebhookInput))
            return Response(WebhookSerializer(made).data, status=201)

        return once(request, self.person, work)


class WebhookOne(WebhookEndpoint):
    @extend_schema(operation_id="webhooks_read", responses={200: ListedWebhookSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """One receiver."""
        return Response(ListedWebhookSerializer(self.webhook(pk)).data)

    @extend_schema(
        operation_id="webhooks_edit",
        request=WebhookChange,
        responses={200: WebhookSerializer, **problems(400, 404)},
        examples=[OpenApiExample("Disable", request_only=True, value={"enabled": False})],
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Changes what is named; the address and the secret stay unless they are given."""
        found, data = self.webhook(pk), self.checked(WebhookChange)
        kept = {
            name: getattr(found, name) for name in ("name", "events", "environments", "format", "enabled")
        }
        row = actions.edit_webhook(actor=self.person, webhook=found, **{**kept, **data})
        return Response(WebhookSerializer(row).data)

    @extend_schema(operation_id="webhooks_remove", responses={204: None, **problems(404)})
    def delete(self, request: Request, pk: int) -> Response:
        """Forgets a receiver, its secret and its deliveries."""
        actions.remove_webhook(actor=self.person, webhook=self.webhook(pk))
        return Response(status=204)


class WebhookTest(WebhookEndpoint):
    @extend_schema(
        operation_id="webhooks_test", request=None, responses={200: DeliverySerializer, **problems(404)}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Sends a test event now, once; `status` and `said` are what was answered."""
        return Response(
            DeliverySerializer(actions.test_webhook(actor=self.person, webhook=self.webhook(pk))).data
        )


class Deliveries(WebhookEndpoint):
    @extend_schema(
        operation_id="deliveries_list",
        parameters=[
            OpenApiParameter("state", str, enum=Delivery.State.values),
            OpenApiParameter("webhook", int, description="Only to this webhook."),
            OpenApiParameter("event", str),
        ],
        responses=listed(DeliverySerializer, 400),
    )
    def get(self, request: Request) -> Response:
        """What was told to whom and how that went, newest first. `dead` ones were given up."""
        require(self.person, Permission.ADMINISTER, action="webhook.read")
        given = self.given({"state": "state", "webhook": "webhook", "event": "event"})
        about = given.get("webhook", "")
        if about and not about.isdecimal():
            raise InvalidInputError("webhook is the id of one.", field="webhook")
        rows = selectors.deliveries(
            state=given.get("state", ""),
            webhook=int(about[:18]) if about else None,
            event=given.get("event", ""),
        )
        return self.paged(rows, DeliverySerializer)


class Redeliver(WebhookEndpoint):
    @extend_schema(
        operation_id="deliveries_redeliver",
        request=None,
        responses={200: DeliverySerializer, **problems(404, 409)},
    )
    def post(self, request: Request, delivery: UUID) -> Response:
        """Has a delivery that ended sent again, under its old id."""
        require(self.person, Permission.ADMINISTER, action="delivery.redeliver")
        found = selectors.deliveries().filter(pk=delivery).first()
        if found is None:
            raise NotFoundError("There is no such delivery.")
        return Response(DeliverySerializer(actions.redeliver(actor=self.person, delivery=found)).data)


class MyNotifications(Endpoint):
    needs = {
        "GET": Permission.VIEW,
        "PATCH": (Permission.PROPOSE, Permission.APPROVE, Permission.EXECUTE, Permission.ADMINISTER),
    }

    @extend_schema(operation_id="me_notifications", responses={200: PreferenceSerializer})
    def get(self, request: Request) -> Response:
        """What you are told by mail."""
        return Response(PreferenceSerializer(selectors.preference_of(self.person)).data)

    @extend_schema(
        operation_id="me_notifications_choose",
        request=PreferenceInput,
        responses={200: PreferenceSerializer, **problems(400)},
    )
    def patch(self, request: Request) -> Response:
        """Chooses what you are told by mail."""
        known = PreferenceSerializer(selectors.preference_of(self.person)).data
        wishes = {**known, **self.checked(PreferenceInput)}
        return Response(PreferenceSerializer(actions.choose_mail(actor=self.person, **wishes)).data)
