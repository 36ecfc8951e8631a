"""The last net for refusals: what a page or an endpoint answers with 403 is in the record, once."""

from __future__ import annotations

from apps.audit.actions import Actor, record
from apps.audit.models import Outcome
from apps.common.errors import ConsoleError, PermissionDeniedError


def keep(error: ConsoleError, *, actor: Actor | None, action: str) -> None:
    """Records a refused permission unless whoever refused it has done so. Call it outside of the
    transaction that was refused."""
    if error.recorded or not isinstance(error, PermissionDeniedError):
        return
    record(
        actor=actor,
        action=action,
        summary=f"Refused: {error.message}",
        object_type="permission",
        outcome=Outcome.REFUSED,
        detail={"code": error.code},
    )
    error.recorded = True
