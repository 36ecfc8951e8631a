"""Signing in, out and failing to, in the audit record. Called by whoever lets people in.

The name of a failed sign-in is kept only when there is such an account: people type passwords there.
"""

from __future__ import annotations

from apps.accounts.models import User
from apps.audit.actions import record
from apps.audit.models import Outcome

SIGN_IN = "session.sign_in"


def note_sign_in(user: User) -> None:
    """Somebody proved who they are."""
    record(actor=user, action=SIGN_IN, summary="Signed in.", object_type="person", object_id=user.username)


def note_sign_out(user: User) -> None:
    record(
        actor=user,
        action="session.sign_out",
        summary="Signed out.",
        object_type="person",
        object_id=user.username,
    )


def note_failure(username: str) -> None:
    """Wrong, locked or switched off alike. The actor is the console: nobody has proved who they are."""
    user = User.objects.filter(username=username.replace("\x00", "")[:150]).first()
    name = user.username if user else "an account that does not exist"
    record(
        actor=None,
        action=SIGN_IN,
        summary=f"Signing in as {name} failed.",
        object_type="person",
        object_id=user.username if user else "",
        outcome=Outcome.FAILED,
    )
