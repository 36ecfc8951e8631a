"""The credentials of scripts: made once, shown once, kept as a digest. 256 random bits each.

`mct_<prefix>_<secret>`: the prefix finds the row, the SHA-256 of the whole proves it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.core.cache import cache
from django.db import transaction

from apps.accounts.models import ApiToken, User
from apps.accounts.permissions import Permission, require
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.common.clock import now
from apps.common.errors import InvalidInputError

MARK = "mct"
PREFIX_LENGTH = 10
SECRET_BYTES = 32
MAX_NAME = 100
# `last_used_at` is written at most this often, so that reading over the API stays reading.
LAST_USED_STEP = timedelta(minutes=1)
REFUSED_STEP = timedelta(minutes=10)


class Scope(StrEnum):
    READ = "read"
    PROPOSE = "propose"
    APPROVE = "approve"
    OPERATE = "operate"
    ADMIN = "admin"


SCOPE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.VIEW, Permission.VIEW_AUDIT}),
    Scope.PROPOSE: frozenset({Permission.PROPOSE}),
    Scope.APPROVE: frozenset({Permission.APPROVE}),
    Scope.OPERATE: frozenset({Permission.EXECUTE, Permission.SUPPRESS, Permission.OPERATE_CLUSTERS}),
    Scope.ADMIN: frozenset({Permission.ADMINISTER}),
}


def issue(
    *, actor: User, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Makes a token for `user` (oneself, or anybody for an administrator). Returns the row and the
    token's text, which cannot be had again. Raises InvalidInputError, PermissionDeniedError."""
    if actor.pk != user.pk:
        require(actor, Permission.ADMINISTER, action="token.issue")
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPE_PERMISSIONS]
    if not wanted or unknown:
        known = ", ".join(SCOPE_PERMISSIONS)
        raise InvalidInputError(f"Choose one or more scopes out of {known}.", field="scopes")
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise InvalidInputError(
            f"Give the token a name of at most {MAX_NAME} characters, to tell it apart later.", field="name"
        )
    if expires_at is not None and expires_at <= now():
        raise InvalidInputError("The token would already have expired.", field="expires_at")
    prefix = secrets.token_hex(PREFIX_LENGTH // 2)
    plaintext = f"{MARK}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(plaintext),
            scopes=wanted,
            expires_at=expires_at,
        )
        record(
            actor=actor,
            action="token.issue",
            summary=f"Made the API token {prefix}… «{name}» for {user.username}.",
            object_type="token",
            object_id=prefix,
            detail={"scopes": wanted, "expires_at": str(expires_at or "never")},
        )
    return token, plaintext


def authenticate(plaintext: str) -> ApiToken | None:
    """The token's row with its user, or None for one that is unknown, expired, revoked, or whose
    user is not active. The answer takes no longer for a near miss than for a far one."""
    mark, _, rest = plaintext.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != MARK or len(prefix) != PREFIX_LENGTH or not secret:
        return None
    token = ApiToken.objects.select_related("user").filter(prefix=prefix).first()
    if token is None or not hmac.compare_digest(token.digest, _digest(plaintext)):
        return None
    moment = now()
    if token.revoked_at or (token.expires_at and token.expires_at <= moment) or not token.user.is_active:
        _note_refused(token)
        return None
    if token.last_used_at is None or moment - token.last_used_at >= LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=moment)
    return token


def revoke(*, actor: User, token: ApiToken) -> None:
    """Ends a token at once; one's own, or anybody's for an administrator. Twice does nothing more."""
    if actor.pk != token.user_id:
        require(actor, Permission.ADMINISTER, action="token.revoke")
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now()):
            record(
                actor=actor,
                action="token.revoke",
                summary=f"Revoked the API token {token.prefix}… «{token.name}» of {token.user.username}.",
                object_type="token",
                object_id=token.prefix,
            )


def scope_allows(token: ApiToken, permission: Permission) -> bool:
    """Whether a scope of the token covers the permission; the user must hold it as well."""
    return any(permission in SCOPE_PERMISSIONS.get(scope, frozenset()) for scope in token.scopes)


def _note_refused(token: ApiToken) -> None:
    """A script that goes on with a dead token is recorded once in a while, not at every call."""
    if cache.add(f"token-refused:{token.prefix}", "1", REFUSED_STEP.total_seconds()):
        record(
            actor=token.user,
            action="token.refused",
            summary=f"Refused the API token {token.prefix}…: it was revoked, has expired or its owner left.",
            object_type="token",
            object_id=token.prefix,
            outcome=Outcome.REFUSED,
        )


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
