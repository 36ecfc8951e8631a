"""Who asks: a bearer token of `accounts.tokens`, or the session of a browser. Decides nothing else."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts import tokens
from apps.accounts.models import ApiToken, User

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer mct_…`. A token that is wrong, expired or revoked is refused; another
    scheme is left to others."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != SCHEME.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The Authorization header must be «Bearer» and one token.")
        token = tokens.authenticate(parts[1].decode("ascii", "replace"))
        if token is None:
            raise AuthenticationFailed("The token is unknown, has expired or was revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = "apps.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token made under /api/v1/tokens/ or on the profile page.",
        }
