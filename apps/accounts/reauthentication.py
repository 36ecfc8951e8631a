"""Showing once more that it is oneself, right before something that must not happen by a stolen session.

A confirmation is made here and nowhere else; an action that needs one asks for it, so that no way around
the password exists. Tokens cannot confirm anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.http import HttpRequest

from apps.accounts.models import User
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.common import clock
from apps.common.errors import PermissionDeniedError

VALID_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """This person gave their password at this moment."""

    user_id: int
    at: datetime


def confirm(request: HttpRequest, user: User, password: str) -> Confirmation:
    """Raises PermissionDeniedError (`reauthentication_failed`) and records it. Wrong passwords count for the
    lockout as they do when signing in."""
    if not user.has_usable_password():
        raise _refused(user, "This account has no password here, so it cannot confirm that it is you.")
    found = authenticate(request, username=user.get_username(), password=password)
    if found is None or found.pk != user.pk:
        raise _refused(user, "The password is wrong, or signing in is blocked for some minutes.")
    return Confirmation(user.pk, clock.now())


def require_confirmed(user: User, confirmation: Confirmation) -> None:
    """Raises PermissionDeniedError for a confirmation of somebody else, or of too long ago."""
    fresh = clock.now() - confirmation.at <= VALID_FOR
    if confirmation.user_id != user.pk or not fresh:
        raise _refused(user, "Give your password again: it was too long ago.")


def _refused(user: User, message: str) -> PermissionDeniedError:
    record(
        actor=user,
        action="person.reauthenticate",
        summary=message,
        object_type="person",
        object_id=user.get_username(),
        outcome=Outcome.REFUSED,
    )
    return PermissionDeniedError(message, field="password", code="reauthentication_failed")
