"""Suppressing findings and lifting that again: /api/v1/findings/{id}/{suppress,lift}/ and suppressions."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission
from apps.analysis import selectors as analysis
from apps.analysis import suppressing
from apps.analysis.suppressing import Pattern
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.findings import PatternInput, SuppressInput, SuppressionSerializer
from apps.api.views.findings import FindingEndpoint

FOR_A_TIME = OpenApiExample(
    "For a time",
    request_only=True,
    value={"reason": "Captured by the shadow cluster.", "until": "2026-12-31"},
)
FOR_GOOD = OpenApiExample(
    "Until it is lifted", request_only=True, value={"reason": "By design.", "endless": True}
)
BY_PATTERN = OpenApiExample(
    "Everything that matches",
    request_only=True,
    value={"code": "SS03", "kind": "Sidecar", "namespace": "batch-*", "reason": "Nothing is captured there."},
)


class Suppress(FindingEndpoint):
    needs = {"POST": Permission.SUPPRESS}

    @extend_schema(
        operation_id="findings_suppress",
        request=SuppressInput,
        responses={200: SuppressionSerializer, **problems(400, 404, 409)},
        examples=[FOR_A_TIME, FOR_GOOD],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Suppresses one finding, by its fingerprint, for thirty days unless told otherwise."""
        found, data = self.finding(pk), self.checked(SuppressInput)
        row = suppressing.suppress_finding(
            actor=self.person, finding=found, reason=data["reason"], until=data["until"]
        )
        return Response(SuppressionSerializer(row).data)


class Lift(FindingEndpoint):
    needs = {"POST": Permission.SUPPRESS}

    @extend_schema(
        operation_id="findings_lift",
        request=None,
        responses={200: SuppressionSerializer, **problems(404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Takes back what suppresses a finding, for everything that it covers."""
        row = suppressing.lift_of(actor=self.person, finding=self.finding(pk))
        return Response(SuppressionSerializer(row).data)


class Suppressions(Endpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.SUPPRESS}

    @extend_schema(operation_id="suppressions_list", responses=listed(SuppressionSerializer, 404))
    def get(self, request: Request, name: str) -> Response:
        """What is or was suppressed in a cluster, the newest first."""
        rows = analysis.suppressions(self.person).filter(cluster=self.cluster(name))
        return self.paged(rows, SuppressionSerializer)

    @extend_schema(
        operation_id="suppressions_make",
        parameters=[IDEMPOTENCY],
        request=PatternInput,
        responses={201: SuppressionSerializer, **problems(400, 404, 409, 422)},
        examples=[BY_PATTERN],
    )
    def post(self, request: Request, name: str) -> Response:
        """Suppresses every finding of a check on the objects that match, those of later readings too."""

        def work() -> Response:
            data = self.checked(PatternInput)
            row = suppressing.suppress_pattern(
                actor=self.person,
                cluster=self.cluster(name),
                pattern=Pattern(data["code"], data["kind"], data["namespace"], data["name"]),
                reason=data["reason"],
                until=data["until"],
            )
            return Response(SuppressionSerializer(row).data, status=201)

        return once(request, self.person, work)


class LiftOne(Endpoint):
    needs = {"POST": Permission.SUPPRESS}

    @extend_schema(
        operation_id="suppressions_lift",
        request=None,
        responses={200: SuppressionSerializer, **problems(404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Takes a suppression back: what it covers counts again."""
        row = analysis.suppressions(self.person).filter(pk=pk).first()
        if row is None:
            raise NotFoundError("There is no such suppression, or you may not see it.")
        return Response(SuppressionSerializer(suppressing.lift(actor=self.person, suppression=row)).data)
