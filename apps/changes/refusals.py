"""Keeps a record of what was refused: the refused transaction is gone, its audit event must not be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.audit.models import Outcome
from apps.changes.models import ChangeSet
from apps.common.errors import ConsoleError

RECORDED = frozenset(
    {"self_approval", "self_review", "not_eligible", "digest_mismatch", "quorum_unreachable"}
)


@contextmanager
def recorded(*, actor: User, action: str, change: ChangeSet) -> Iterator[None]:
    """Records refusals with a code of RECORDED after the inner transaction has been rolled back. Those
    of `accounts.permissions` are recorded there."""
    try:
        yield
    except ConsoleError as refusal:
        if refusal.code in RECORDED:
            audit.record(
                actor=actor,
                action=action,
                summary=f"{change.number}: {refusal.message}"[:500],
                object_type="change",
                object_id=change.number,
                outcome=Outcome.REFUSED,
                detail={"code": refusal.code},
            )
            refusal.recorded = True
        raise
