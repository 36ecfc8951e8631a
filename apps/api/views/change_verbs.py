"""POST /api/v1/changes/{id}/{verb}/: each verb is one action, and the answer is the change as it is then."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission
from apps.api.errors import PreconditionRequiredError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, IF_MATCH, problems
from apps.api.serializers.changes import ChangeSerializer, CommentSerializer, DecideSerializer
from apps.api.views.changes import ChangeEndpoint
from apps.changes.actions.approve import approve
from apps.changes.actions.cancel import cancel
from apps.changes.actions.execute import execute
from apps.changes.actions.reject import reject
from apps.changes.actions.revert import revert
from apps.changes.actions.submit import submit
from apps.changes.actions.take_over import take_over
from apps.changes.actions.verify_again import verify_again
from apps.changes.actions.withdraw import withdraw
from apps.changes.models import ChangeSet

DONE = {200: ChangeSerializer, **problems(400, 404, 409)}
DECIDED = {200: ChangeSerializer, **problems(400, 404, 409, 412, 428)}
APPROVAL = OpenApiExample("Approve", request_only=True, value={"comment": "Only the two hosts. Fine."})


class Submit(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(operation_id="changes_submit", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Starts the dry run; when the clusters would accept everything, it waits for approval."""
        return self.shown(submit(actor=self.person, change=self.change(pk)))


class Approve(ChangeEndpoint):
    needs = {"POST": Permission.APPROVE}

    @extend_schema(
        operation_id="changes_approve",
        request=DecideSerializer,
        parameters=[IF_MATCH],
        responses=DECIDED,
        examples=[APPROVAL],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Approves exactly the digest that was read. The approval that completes the quorum queues it."""
        change = self.change(pk)
        wanted = _decision(self.checked(DecideSerializer), request, change)
        return self.shown(approve(actor=self.person, change=change, **wanted))


class Reject(ChangeEndpoint):
    needs = {"POST": Permission.APPROVE}

    @extend_schema(
        operation_id="changes_reject",
        request=DecideSerializer,
        parameters=[IF_MATCH],
        responses=DECIDED,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Rejects exactly the digest that was read, with a reason. That ends the change."""
        change = self.change(pk)
        wanted = _decision(self.checked(DecideSerializer), request, change)
        return self.shown(reject(actor=self.person, change=change, **wanted))


class Withdraw(ChangeEndpoint):
    needs = {"POST": (Permission.PROPOSE, Permission.ADMINISTER)}

    @extend_schema(operation_id="changes_withdraw", request=CommentSerializer, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Takes the change back before anything of it was queued."""
        data = self.checked(CommentSerializer)
        return self.shown(withdraw(actor=self.person, change=self.change(pk), comment=data["comment"]))


class Execute(ChangeEndpoint):
    needs = {"POST": Permission.EXECUTE}

    @extend_schema(operation_id="changes_execute", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Queues an approved change, or resumes one that stopped half-way."""
        return self.shown(execute(actor=self.person, change=self.change(pk)))


class Cancel(ChangeEndpoint):
    needs = {"POST": (Permission.PROPOSE, Permission.EXECUTE)}

    @extend_schema(operation_id="changes_cancel", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Stops a queued change, or one that is being applied, before its next object."""
        return self.shown(cancel(actor=self.person, change=self.change(pk)))


class Revert(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_revert",
        request=CommentSerializer,
        parameters=[IDEMPOTENCY],
        responses={201: ChangeSerializer, **problems(400, 404, 409, 422)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Proposes a change of its own that puts back what this one found."""
        data = self.checked(CommentSerializer)
        change = self.change(pk)
        return once(
            request,
            self.person,
            lambda: self.shown(revert(actor=self.person, change=change, reason=data["comment"]), 201),
        )


class TakeOver(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(operation_id="changes_take_over", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """A new revision that asks to take over the fields which the dry run found in other hands."""
        return self.shown(take_over(actor=self.person, change=self.change(pk)))


class Verify(ChangeEndpoint):
    needs = {"POST": Permission.PROPOSE}

    @extend_schema(operation_id="changes_verify", request=None, responses=DONE)
    def post(self, request: Request, pk: int) -> Response:
        """Compares a diverged change with the cluster once more."""
        return self.shown(verify_again(actor=self.person, change=self.change(pk)))


def _decision(data: dict[str, Any], request: Request, change: ChangeSet) -> dict[str, Any]:
    """Revision, digest and comment. Raises PreconditionRequiredError without a digest."""
    etag = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    digest = etag or data["digest"]
    if not digest:
        raise PreconditionRequiredError("Send the digest that you read: as If-Match, or in the body.")
    revision = data.get("revision") or change.revision_number
    return {"revision": revision, "digest": digest, "comment": data["comment"]}
