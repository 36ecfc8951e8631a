"""POST /api/v1/changes/{id}/…: the rarer steps of a change, each one action."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import ApiToken
from apps.accounts.permissions import Permission
from apps.accounts.reauthentication import confirm
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, problems
from apps.api.serializers.changes import (
    ChangeSerializer,
    CommentSerializer,
    EmergencyInputSerializer,
    HandOverSerializer,
    TextSerializer,
    TimeBoxSerializer,
)
from apps.api.serializers.drift import AcceptDriftSerializer
from apps.api.serializers.waves import LeaveOutSerializer, PlanSerializer
from apps.api.views.change_verbs import DONE
from apps.api.views.changes import ChangeEndpoint, plan_asked
from apps.changes.actions.accept_drift import accept_drift
from apps.changes.actions.break_glass import break_glass
from apps.changes.actions.comment import comment
from apps.changes.actions.hand_over import hand_over
from apps.changes.actions.leave_out import leave_out
from apps.changes.actions.next_wave import next_wave
from apps.changes.actions.plan_waves import plan_waves
from apps.changes.actions.propose_again import propose_again
from apps.changes.actions.rebase import rebase
from apps.changes.actions.review import review
from apps.changes.actions.time_box import time_box
from apps.common.errors import PermissionDeniedError

ACCEPTED = OpenApiExample(
    "They know", request_only=True, value={"reason": "The platform team moved it to their own entry."}
)
BY_ENVIRONMENT = OpenApiExample(
    "By environment",
    request_only=True,
    value={"suggestion": "environment", "soak_minutes": 30, "wait": False, "on_failure": "finish-wave"},
)
BOXED = OpenApiExample(
    "For a week", request_only=True, value={"ends_at": "2027-01-31T18:00:00Z", "auto_revert": True}
)


class Rebase(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(operation_id="changes_rebase", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Lays the change over what is there now and tries it again; approvals so far are void."""
        return self.shown(rebase(actor=self.person, change=self.change(pk)))


class ProposeAgain(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_propose_again",
        request=None,
        parameters=[IDEMPOTENCY],
        responses={201: ChangeSerializer, **problems(400, 404, 409, 422)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """A draft of its own that writes what others changed since once more, on what is there now."""
        change = self.change(pk)
        return once(
            request, self.person, lambda: self.shown(propose_again(actor=self.person, change=change), 201)
        )


class AcceptDrift(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_accept_drift",
        request=AcceptDriftSerializer,
        responses=DONE,
        examples=[ACCEPTED],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Leaves what has drifted as others made it; those objects are watched no longer."""
        data = self.checked(AcceptDriftSerializer)
        return self.shown(accept_drift(actor=self.person, change=self.change(pk), reason=data["reason"]))


class BreakGlass(ChangeEndpoint):
    needs = {"POST": ()}

    @extend_schema(operation_id="changes_break_glass", request=EmergencyInputSerializer, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Declares an emergency. Refused for every token (`session_required`): it takes a person's session
        and their password once more."""
        if isinstance(request.auth, ApiToken):
            raise PermissionDeniedError(
                "A token cannot declare an emergency: sign in and do it yourself.", code="session_required"
            )
        change, data = self.change(pk), self.checked(EmergencyInputSerializer)
        confirmation = confirm(request._request, self.person, data["password"])
        done = break_glass(actor=self.person, change=change, reason=data["reason"], confirmation=confirmation)
        return self.shown(done)


class Review(ChangeEndpoint):
    needs = {"POST": (Permission.APPROVE, Permission.ADMINISTER)}

    @extend_schema(operation_id="changes_review", request=CommentSerializer, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Looks an emergency over, by somebody who neither wrote, declared nor approved it."""
        data = self.checked(CommentSerializer)
        return self.shown(review(actor=self.person, change=self.change(pk), comment=data["comment"]))


class Comments(ChangeEndpoint):
    needs = {"POST": (Permission.PROPOSE, Permission.APPROVE)}

    @extend_schema(
        operation_id="changes_comment",
        request=TextSerializer,
        parameters=[IDEMPOTENCY],
        responses={201: ChangeSerializer, **problems(400, 404, 409, 422)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Says something about a change; plain text. They come with the change, as `comments`."""
        data = self.checked(TextSerializer)
        change = self.change(pk)
        return once(
            request,
            self.person,
            lambda: self.shown(comment(actor=self.person, change=change, text=data["text"]), 201),
        )


class HandOver(ChangeEndpoint):
    needs = {"POST": (Permission.PROPOSE, Permission.ADMINISTER)}

    @extend_schema(operation_id="changes_hand_over", request=HandOverSerializer, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Hands a draft to somebody who may propose everywhere it writes."""
        data = self.checked(HandOverSerializer)
        done = hand_over(actor=self.person, change=self.change(pk), username=data["username"])
        return self.shown(done)


class TimeBox(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_time_box", request=TimeBoxSerializer, responses=DONE, examples=[BOXED]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Says when the effect of a draft ends. It is part of what is approved."""
        data = self.checked(TimeBoxSerializer)
        return self.shown(time_box(actor=self.person, change=self.change(pk), **data))


class Waves(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_plan", request=PlanSerializer, responses=DONE, examples=[BY_ENVIRONMENT]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Says in which waves a draft is written. It is part of what is approved."""
        data = self.checked(PlanSerializer)
        return self.shown(plan_waves(actor=self.person, change=self.change(pk), **plan_asked(data)))


class LeaveOut(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(operation_id="changes_leave_out", request=LeaveOutSerializer, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Takes one cluster out of a draft on several: the next revision, with the others as they were."""
        data = self.checked(LeaveOutSerializer)
        return self.shown(leave_out(actor=self.person, change=self.change(pk), cluster=data["cluster"]))


class NextWave(ChangeEndpoint):
    needs = {"POST": Permission.EXECUTE}

    @extend_schema(operation_id="changes_next_wave", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Continues with the next wave when the pause is over. `cancel` stops between two waves."""
        return self.shown(next_wave(actor=self.person, change=self.change(pk)))
