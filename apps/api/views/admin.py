"""/api/v1/{me,tokens}/."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.accounts import tokens
from apps.accounts.models import ApiToken
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.admin import (
    MadeTokenSerializer,
    MeSerializer,
    NewTokenSerializer,
    TokenSerializer,
)
from apps.changes.selectors import waiting_count
from apps.common.errors import PermissionDeniedError


class Me(Endpoint):
    @extend_schema(operation_id="me", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        """Who you are here and what you may do where."""
        token = request.auth if isinstance(request.auth, ApiToken) else None
        shown = {
            "username": self.person.username,
            "display_name": self.person.display_name,
            "email": self.person.email,
            "bindings": accounts.bindings_of(self.person),
            "token": token.prefix if token else None,
            "scopes": token.scopes if token else None,
            "waiting": waiting_count(self.person),
        }
        return Response(MeSerializer(shown).data)


class Tokens(Endpoint):
    @extend_schema(operation_id="tokens_list", responses=listed(TokenSerializer))
    def get(self, request: Request) -> Response:
        """Your tokens, newest first."""
        return self.paged(accounts.tokens_of(self.person), TokenSerializer)

    @extend_schema(
        operation_id="tokens_make",
        request=NewTokenSerializer,
        parameters=[IDEMPOTENCY],
        responses={201: MadeTokenSerializer, **problems(400, 409, 422)},
        examples=[
            OpenApiExample(
                "For a pipeline",
                request_only=True,
                value={"name": "ci", "scopes": ["read", "propose"], "expires_at": "2027-01-31T00:00:00Z"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Makes a token for yourself. Its text is in this answer and nowhere else. A token cannot make a
        token that may do more or lives longer."""
        data = self.checked(NewTokenSerializer)
        if isinstance(request.auth, ApiToken):
            _no_stronger(request.auth, data)
        return once(request, self.person, lambda: self._make(data), secret=True)

    def _make(self, data: dict[str, Any]) -> Response:
        token, text = tokens.issue(
            actor=self.person,
            user=self.person,
            name=data["name"],
            scopes=data["scopes"],
            expires_at=data.get("expires_at"),
        )
        return Response({**TokenSerializer(token).data, "token": text}, status=201)


def _no_stronger(token: ApiToken, wanted: dict[str, Any]) -> None:
    """A token makes none that may do more, or that lives longer, than itself."""
    if set(wanted["scopes"]) - set(token.scopes):
        raise PermissionDeniedError(
            "A token cannot make one with more scopes than its own.", code="scope_missing"
        )
    ends = wanted.get("expires_at")
    if token.expires_at is not None and (ends is None or ends > token.expires_at):
        raise PermissionDeniedError("A token cannot make one that lives longer.", code="scope_missing")


class TokenOne(Endpoint):
    @extend_schema(operation_id="tokens_revoke", responses={204: None, **problems(404)})
    def delete(self, request: Request, prefix: str) -> Response:
        """Ends one of your tokens at once."""
        found = accounts.tokens_of(self.person).filter(prefix=prefix).first()
        if found is None:
            raise NotFoundError("You have no such token.")
        tokens.revoke(actor=self.person, token=found)
        return Response(status=204)
