"""Lets a script repeat a create without fear: the second request gets the answer of the first."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import User
from apps.api.errors import KeyReusedError
from apps.api.models import IdempotentRequest
from apps.common import clock
from apps.common.errors import InvalidInputError, WrongStateError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_LIMIT = 100
KEPT_FOR = timedelta(hours=24)
UNDER_WAY_FOR = timedelta(minutes=2)


def once(request: Request, user: User, work: Callable[[], Response], *, secret: bool = False) -> Response:
    """Does `work`, or gives the answer it gave before for the same key. `secret` answers are not kept: a
    repeat is told that the first one succeeded. Raises KeyReusedError, WrongStateError."""
    key = request.headers.get(HEADER, "")
    if not key:
        return work()
    if len(key) > KEY_LIMIT or not key.isprintable():
        raise InvalidInputError(f"{HEADER} may have {KEY_LIMIT} printable characters.", field=HEADER)
    row = _begin(request, user, key)
    if row.status is not None:
        return _again(row, secret)
    try:
        response = work()
    except BaseException:
        row.delete()
        raise
    row.status, row.answer = response.status_code, None if secret else _plain(response.data)
    row.save(update_fields=["status", "answer"])
    return response


def _begin(request: Request, user: User, key: str) -> IdempotentRequest:
    now = clock.now()
    fingerprint = salted_hmac(
        "meshconsole.idempotency", f"{request.method} {request.path} {_canonical(request.data)}"
    ).hexdigest()
    IdempotentRequest.objects.filter(user=user, created_at__lt=now - KEPT_FOR).delete()
    IdempotentRequest.objects.filter(
        user=user, key=key, status__isnull=True, created_at__lt=now - UNDER_WAY_FOR
    ).delete()
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(
                user=user, key=key, fingerprint=fingerprint, created_at=now
            )
    except IntegrityError:
        row = IdempotentRequest.objects.get(user=user, key=key)
    if row.fingerprint != fingerprint:
        raise KeyReusedError(
            f"This {HEADER} came with another request before: choose a new one.", field=HEADER
        )
    if row.status is None:
        raise WrongStateError("The first request with this key is still under way.", code="in_progress")
    return row


def _again(row: IdempotentRequest, secret: bool) -> Response:
    if secret:
        raise WrongStateError(
            "The first request with this key succeeded. Its answer held a secret and is not kept.",
            code="already_done",
        )
    return Response(row.answer, status=row.status, headers={REPLAYED: "true"})


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, default=str)


def _plain(data: object) -> object:
    return json.loads(json.dumps(data, default=str))
