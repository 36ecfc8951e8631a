"""/api/v1/objects/{id}/versions/ and …/diff/: an object over time."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import Endpoint, Paging
from apps.api.errors import NotFoundError
from apps.api.schema import listed, problems
from apps.api.serializers.drift import ComparedSerializer, ObjectVersionSerializer
from apps.changes import history
from apps.common.errors import InvalidInputError
from apps.inventory import selectors as inventory
from apps.inventory.models import ObjectVersion

COMPARED = OpenApiExample(
    "Two versions",
    response_only=True,
    value={
        "before": {
            "id": 17, "cluster": "shop-prod", "api_version": "networking.istio.io/v1", "kind": "Sidecar",
            "namespace": "payments", "name": "default", "valid_from": "2026-11-20T09:12:00Z",
            "valid_to": "2026-11-24T08:00:00Z",
        },
        "after": {
            "id": 52, "cluster": "shop-prod", "api_version": "networking.istio.io/v1", "kind": "Sidecar",
            "namespace": "payments", "name": "default", "valid_from": "2026-11-24T08:00:00Z",
            "valid_to": None,
        },
        "changes": [
            {"path": "spec.egress[0].hosts", "before": ["./*"], "after": ["./*", "speedscale/*"]},
        ],
    },
)  # fmt: skip


class VersionEndpoint(Endpoint):
    """Shared by both."""

    def version(self, pk: int) -> ObjectVersion:
        """One version, with its content, if the person may see the object."""
        rows = inventory.visible_objects(self.person).select_related("cluster", "content")
        found = rows.filter(pk=pk).first()
        if found is None:
            raise NotFoundError("There is no such version of an object, or you may not see it.")
        return found


class ObjectVersions(VersionEndpoint):
    @extend_schema(operation_id="object_versions_list", responses=listed(ObjectVersionSerializer))
    def get(self, request: Request, pk: int) -> Response:
        """Every version of the object that this is a version of, newest first."""
        one = self.version(pk)
        found = inventory.versions(self.person, one.cluster, one.kind, one.namespace, one.name)
        paging = Paging()
        page = list(paging.paginate_queryset(found, request, view=self) or ())
        before = found.filter(valid_from__lt=page[-1].valid_from).first() if page else None
        return paging.get_paginated_response(
            ObjectVersionSerializer(history.told(page, before), many=True).data
        )


class ObjectDifference(VersionEndpoint):
    @extend_schema(
        operation_id="object_versions_diff",
        parameters=[
            OpenApiParameter("against", int, required=True, description="The id of the earlier version.")
        ],
        responses={200: ComparedSerializer, **problems(400, 404)},
        examples=[COMPARED],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Every field that differs between two versions of one object."""
        new, against = self.version(pk), request.query_params.get("against", "")
        if not against.isdecimal() or len(against) > 18:
            raise InvalidInputError("against is the id of a version.", field="against")
        old = self.version(int(against))
        if _place(new) != _place(old):
            raise InvalidInputError("These are versions of two different objects.", field="against")
        shown = {"before": old, "after": new, "changes": history.compared(old, new)}
        return Response(ComparedSerializer(shown).data)


def _place(version: ObjectVersion) -> tuple[int, str, str, str]:
    return version.cluster_id, version.kind, version.namespace, version.name
