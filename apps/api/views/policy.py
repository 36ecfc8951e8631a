"""/api/v1/policy/: the approval policy in force, its versions, and what it would ask."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.changes import CommentSerializer
from apps.api.serializers.policy import (
    ActivePolicySerializer,
    NewPolicySerializer,
    PolicyAnswerSerializer,
    PolicyDifferenceSerializer,
    PolicyVersionSerializer,
    ProposedPolicySerializer,
    QuestionSerializer,
)
from apps.changes import policies, policy_reading, policy_versions
from apps.changes.actions.decide_policy import decide_policy
from apps.changes.actions.propose_policy import propose_policy
from apps.changes.models import PolicyVersion
from apps.changes.policies import Level, Subject
from apps.common.errors import InvalidInputError
from apps.mesh.patches import field_diff

STRICTER = OpenApiExample(
    "Two in production, on weekdays",
    request_only=True,
    value={
        "reason": "Nobody is there at night.",
        "content": {
            "rules": [
                {
                    "name": "Production",
                    "environment": "production",
                    "approvals": 2,
                    "windows": [
                        {
                            "days": ["mon", "tue", "wed", "thu"],
                            "opens": "09:00",
                            "closes": "16:00",
                            "timezone": "Europe/Berlin",
                        }
                    ],
                }
            ]
        },
    },
)
DECIDED = {200: ProposedPolicySerializer, **problems(400, 404, 409, 412)}


class PolicyEndpoint(Endpoint):
    """Shared by all that work on versions."""

    def version(self, number: int) -> PolicyVersion:
        """The version, for those who may read the policy."""
        policy_reading.require_reader(self.person)
        found = policy_versions.history().filter(number=number).first()
        if found is None:
            raise NotFoundError(f"There is no proposed version {number}.")
        return found

    def shown(self, version: PolicyVersion, status: int = 200) -> Response:
        """The version with what nobody could meet, for administrators while it waits."""
        waits = version.approved is None and policy_reading.administers(self.person)
        unmet = policy_versions.problems(policies.read(version.content)) if waits else ()
        data = {**PolicyVersionSerializer(version).data, "problems": list(unmet)}
        return Response(data, status=status)


class ActivePolicy(PolicyEndpoint):
    @extend_schema(operation_id="policy_read", responses={200: ActivePolicySerializer})
    def get(self, request: Request) -> Response:
        """The version in force."""
        policy_reading.require_reader(self.person)
        return Response(ActivePolicySerializer(policy_versions.active()).data)


class PolicyQuestion(PolicyEndpoint):
    @extend_schema(
        operation_id="policy_explain",
        parameters=[QuestionSerializer],
        responses={200: PolicyAnswerSerializer, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Which rules would count for such a write, and what they ask."""
        data = self.checked(QuestionSerializer, request.query_params.dict())
        risks = frozenset({data["risk"]} if data["risk"] else ())
        place = (data["environment"], data["cluster"], data["namespace"], data["kind"])
        answer = policy_reading.ask(self.person, Subject(*place, Level(data["level"]), risks))
        return Response(PolicyAnswerSerializer(answer).data)


class PolicyVersions(PolicyEndpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.ADMINISTER}

    @extend_schema(operation_id="policy_versions_list", responses=listed(PolicyVersionSerializer))
    def get(self, request: Request) -> Response:
        """Every version that was ever proposed, newest first. Version 1 is built in and no row."""
        policy_reading.require_reader(self.person)
        return self.paged(policy_versions.history(), PolicyVersionSerializer)

    @extend_schema(
        operation_id="policy_versions_propose",
        request=NewPolicySerializer,
        parameters=[IDEMPOTENCY],
        responses={201: ProposedPolicySerializer, **problems(400, 409, 412, 422)},
        examples=[STRICTER],
    )
    def post(self, request: Request) -> Response:
        """Proposes a version; another administrator has to approve it."""
        data = self.checked(NewPolicySerializer)
        return once(request, self.person, lambda: self.shown(propose_policy(actor=self.person, **data), 201))


class PolicyVersionOne(PolicyEndpoint):
    @extend_schema(
        operation_id="policy_versions_read", responses={200: ProposedPolicySerializer, **problems(404)}
    )
    def get(self, request: Request, number: int) -> Response:
        """One version."""
        return self.shown(self.version(number))


class PolicyDifference(PolicyEndpoint):
    @extend_schema(
        operation_id="policy_versions_diff",
        parameters=[OpenApiParameter("against", int, description="The one it was made from, if left out.")],
        responses={200: PolicyDifferenceSerializer, **problems(400, 404)},
    )
    def get(self, request: Request, number: int) -> Response:
        """What differs from another version, field by field."""
        version = self.version(number)
        against = request.query_params.get("against", str(version.based_on))
        if not against.isdecimal() or len(against) > 9:
            raise InvalidInputError("against is the number of a version.", field="against")
        base = policy_versions.content_of(int(against))
        if base is None:
            raise NotFoundError(f"There is no version {against}.")
        changes = field_diff(policies.plain(base), version.content)
        shown: dict[str, Any] = {"number": number, "against": int(against), "changes": changes}
        return Response(PolicyDifferenceSerializer(shown).data)


class ApprovePolicy(PolicyEndpoint):
    needs = {"POST": Permission.ADMINISTER}

    @extend_schema(operation_id="policy_versions_approve", request=CommentSerializer, responses=DECIDED)
    def post(self, request: Request, number: int) -> Response:
        """Puts the version in force, for every change, those that wait too."""
        data = self.checked(CommentSerializer)
        return self.shown(
            decide_policy(
                actor=self.person, version=self.version(number), approve=True, comment=data["comment"]
            )
        )


class RejectPolicy(PolicyEndpoint):
    needs = {"POST": Permission.ADMINISTER}

    @extend_schema(operation_id="policy_versions_reject", request=CommentSerializer, responses=DECIDED)
    def post(self, request: Request, number: int) -> Response:
        """Ends the proposal, with a reason."""
        data = self.checked(CommentSerializer)
        return self.shown(
            decide_policy(
                actor=self.person, version=self.version(number), approve=False, comment=data["comment"]
            )
        )
