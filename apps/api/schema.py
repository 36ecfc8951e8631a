"""How the OpenAPI document is put together: pages of lists, and a problem for everything that fails."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from apps.api.base import PAGE_LIMIT, PAGE_SIZE
from apps.api.errors import MEDIA_TYPE
from apps.api.serializers.common import ProblemSerializer

METHODS = ("get", "post", "put", "patch", "delete")
SENTENCES = {
    400: "Something in the request cannot be used; `field` and `causes` say what.",
    401: "No credential, or one that is not accepted.",
    403: (
        "Not permitted; `code` says why: `not_permitted`, `scope_missing`, `self_approval`, "
        "`self_review`, `not_eligible`, `session_required` or `reauthentication_failed`."
    ),
    404: "There is no such thing, or you may not see it.",
    409: "Not in its present state; `detail` says what is possible.",
    412: "What you read is no longer what is there: read it again.",
    413: "The body is larger than what is read.",
    422: "The Idempotency-Key came with another request before.",
    428: "A decision needs the digest of what was read, as If-Match or in the body.",
}
CLUSTER = OpenApiParameter("cluster", str, description="Only of this cluster.")
NAMESPACE = OpenApiParameter("namespace", str, description="Only of this namespace.")
TEXT = OpenApiParameter("q", str, description="Words in name or namespace.")
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body gets the answer of the first request (24 hours).",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the change as it was read: the digest that is decided on.",
)


def problems(*statuses: int) -> dict[Any, Any]:
    """The documented failures of an operation."""
    return {
        (status, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, SENTENCES[status]) for status in statuses
    }


def listed(row: type[serializers.Serializer[Any]], *statuses: int) -> dict[Any, Any]:
    """A page of rows, and the failures of asking for it."""
    page = inline_serializer(
        f"{row.__name__.removesuffix('Serializer')}Page",
        {
            "count": serializers.IntegerField(),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": row(many=True),
        },
    )
    return {200: page, **problems(404, *(s for s in statuses if s != 404))}


def add_common(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """After the document is made: 401, 403 and a default problem for every operation; page parameters
    for every list."""
    reference = {"$ref": "#/components/schemas/Problem"}
    for path in result["paths"].values():
        for method in METHODS:
            operation = path.get(method)
            if operation is None:
                continue
            answers = operation["responses"]
            for status in ("401", "403"):
                answers.setdefault(status, _problem(SENTENCES[int(status)], reference))
            answers.setdefault("default", _problem("Any other failure, in the same shape.", reference))
            if "count" in _properties(result, answers.get("200", {})):
                operation.setdefault("parameters", []).extend(_page_parameters())
    return result


def _problem(description: str, reference: dict[str, str]) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": reference}}}


def _properties(result: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    found: dict[str, Any] = result["components"]["schemas"].get(reference.rpartition("/")[2], {})
    properties: dict[str, Any] = found.get("properties", {})
    return properties


def _page_parameters() -> list[dict[str, Any]]:
    size = {"type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": PAGE_SIZE}
    return [
        {"in": "query", "name": "page", "schema": {"type": "integer", "minimum": 1, "default": 1}},
        {"in": "query", "name": "page_size", "schema": size},
    ]
