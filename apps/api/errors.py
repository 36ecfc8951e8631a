"""Every error as RFC 9457 problem details: one shape, one sentence, one stable code, the request's id.

The only place that knows which of our errors is which HTTP status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import get_contextvars

from apps.accounts.models import User
from apps.audit.refusals import keep
from apps.common.errors import (
    ConsoleError,
    InvalidInputError,
    PermissionDeniedError,
    StaleInputError,
    WrongStateError,
)

MEDIA_TYPE = "application/problem+json"
TYPE = "about:blank"
BODY_LIMIT = 1024 * 1024  # bytes
TOO_LARGE = f"The request is larger than the {BODY_LIMIT // 1024} KiB that are read."
INTERNAL = "Something went wrong on our side. The request id finds it in the logs."
log = structlog.get_logger(__name__)
STATUSES: tuple[tuple[type[ConsoleError], int], ...] = (
    (InvalidInputError, 400),
    (PermissionDeniedError, 403),
    (WrongStateError, 409),
    (StaleInputError, 412),
)


class NotFoundError(ConsoleError):
    """It is not there, or the asker may not know that it is."""

    code = "not_found"


class PreconditionRequiredError(ConsoleError):
    """A decision without the digest of what was read."""

    code = "precondition_required"


class TooLargeError(exceptions.APIException):
    """A body beyond the limit."""

    status_code = 413
    default_code = "too_large"


class KeyReusedError(ConsoleError):
    """An Idempotency-Key that came with another request before."""

    code = "idempotency_key_reused"


EXTRA: tuple[tuple[type[ConsoleError], int], ...] = (
    (NotFoundError, 404),
    (PreconditionRequiredError, 428),
    (KeyReusedError, 422),
)


def problem(
    status: int, detail: str, code: str, *, field: str = "", causes: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """The body. `causes` name each field that is wrong."""
    body: dict[str, Any] = {
        "type": TYPE,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": str(get_contextvars().get("request_id") or ""),
    }
    if field:
        body["field"] = field
    if causes:
        body["causes"] = causes
    return body


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler. What is a fault of ours is logged whole and shown as an id."""
    if isinstance(error, ConsoleError):
        _remember(error, context.get("request"))
        status = next((s for kind, s in (*STATUSES, *EXTRA) if isinstance(error, kind)), 400)
        return _answer(status, problem(status, error.message, error.code, field=error.field))
    if isinstance(error, Http404):
        return _answer(404, problem(404, "There is no such thing, or you may not see it.", "not_found"))
    if isinstance(error, RequestDataTooBig):
        return _answer(413, problem(413, TOO_LARGE, "too_large"))
    if isinstance(error, SuspiciousOperation | UnicodeError):
        return _answer(400, problem(400, "The request cannot be read.", "invalid"))
    if isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _of_rest_framework(error)
    log.error("api_failed", exc_info=error)
    return _answer(500, problem(500, INTERNAL, "internal"))


@csrf_exempt
def not_found(request: HttpRequest, *args: object, **kwargs: object) -> JsonResponse:
    """Any path below /api/v1/ that leads nowhere."""
    body = problem(404, "There is nothing under this path. See /api/v1/schema/.", "not_found")
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)


def _remember(error: ConsoleError, request: Request | None) -> None:
    if request is not None:
        match = request.resolver_match
        actor = request.user if isinstance(request.user, User) else None
        keep(error, actor=actor, action=f"api.{match.url_name if match else ''}")


def _of_rest_framework(error: exceptions.APIException) -> Response:
    headers: dict[str, str] = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(header)
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    status = error.status_code
    if isinstance(error, exceptions.ValidationError):
        causes = list(_causes(error.detail, ""))
        first = causes[0]
        sentence = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        return _answer(400, problem(400, sentence, "invalid", field=first["field"], causes=causes))
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "error"
    return _answer(status, problem(status, str(error.detail), code), headers)


def _causes(detail: Any, field: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _causes(value, f"{field}.{name}" if field and name else field or name)
    elif isinstance(detail, list):
        for value in detail:
            yield from _causes(value, field)
    else:
        yield {"field": field, "code": str(getattr(detail, "code", "invalid")), "message": str(detail)}


def _answer(status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status=status, headers=dict(headers or {}), content_type=MEDIA_TYPE)
