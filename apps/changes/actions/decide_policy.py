"""Approving or rejecting a proposed version of the approval policy, by an administrator but its author."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.audit import actions as audit
from apps.audit.models import Outcome
from apps.changes import policy_versions
from apps.changes.models import PolicyVersion
from apps.common import clock
from apps.common.errors import InvalidInputError, PermissionDeniedError, StaleInputError, WrongStateError


def decide_policy(*, actor: User, version: PolicyVersion, approve: bool, comment: str = "") -> PolicyVersion:
    """Puts the version in force, or ends it. Raises PermissionDeniedError (`self_approval`),
    WrongStateError when it was decided on, StaleInputError when another version came into force since."""
    require(actor, Permission.ADMINISTER, action="policy.decide")
    comment = comment.strip()
    if not approve and not comment:
        raise InvalidInputError("Say why, so that the author can do better.", field="comment")
    if version.author_id == actor.pk:
        raise _refused(actor, version)
    try:
        with transaction.atomic():
            _write(actor, version, approve, comment)
    except IntegrityError as error:
        raise _stale(version, policy_versions.active().number) from error
    version.refresh_from_db()
    return version


def _write(actor: User, version: PolicyVersion, approve: bool, comment: str) -> None:
    """The decision, once. A version can be replaced by one other only: the database sees to that."""
    active = policy_versions.active().number
    if approve and version.based_on != active:
        raise _stale(version, active)
    decided = PolicyVersion.objects.filter(pk=version.pk, decided_at__isnull=True).update(
        decided_by=actor, decided_at=clock.now(), approved=approve, comment=comment
    )
    if not decided:
        raise WrongStateError(f"Version {version.number} has been decided on already.")
    word = "Approved" if approve else "Rejected"
    said = f": {comment}" if comment else "."
    audit.record(
        actor=actor,
        action="policy.approve" if approve else "policy.reject",
        summary=f"{word} version {version.number} of the approval policy{said}"[:500],
        object_type="policy",
        object_id=str(version.number),
        detail={"based_on": version.based_on, "author": version.author.username},
    )


def _stale(version: PolicyVersion, active: int) -> StaleInputError:
    return StaleInputError(
        f"Version {version.number} was made from version {version.based_on}, and version {active} is in "
        "force by now: propose it anew."
    )


def _refused(actor: User, version: PolicyVersion) -> PermissionDeniedError:
    message = f"You wrote version {version.number}: another administrator has to decide on it."
    audit.record(
        actor=actor,
        action="policy.decide",
        summary=message,
        object_type="policy",
        object_id=str(version.number),
        outcome=Outcome.REFUSED,
        detail={"code": "self_approval"},
    )
    return PermissionDeniedError(message, code="self_approval")
