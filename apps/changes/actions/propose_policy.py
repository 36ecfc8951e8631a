"""Proposing a version of the approval policy. It is in force only when another administrator approves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.audit import actions as audit
from apps.changes import pasted, policies, policy_versions
from apps.changes.models import PolicyVersion
from apps.common import clock
from apps.common.errors import InvalidInputError, StaleInputError

REASON_LIMIT = 4000


def propose_policy(*, actor: User, content: Mapping[str, Any], reason: str) -> PolicyVersion:
    """The next version, based on the one in force. Raises PermissionDeniedError, InvalidInputError
    (`invalid_policy`, `nothing_to_change`), or StaleInputError when two are proposed at once."""
    require(actor, Permission.ADMINISTER, action="policy.propose")
    policy = checked(content)
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise InvalidInputError(f"Say why, in at most {REASON_LIMIT} characters.", field="reason")
    active = policy_versions.active()
    if policy == active.policy:
        raise InvalidInputError(
            f"That is version {active.number}, which is in force: there is nothing to change.",
            field="content",
            code="nothing_to_change",
        )
    unmet = policy_versions.problems(policy)
    try:
        with transaction.atomic():
            return _write(actor, policy, reason, active.number, unmet)
    except IntegrityError as error:
        raise StaleInputError("Somebody proposed a version at the same moment. Look at it first.") from error


def checked(content: Mapping[str, Any]) -> policies.Policy:
    """The policy that the content says. Raises InvalidInputError (`invalid_policy`)."""
    try:
        return policies.read(content)
    except policies.PolicyError as error:
        raise InvalidInputError(str(error), field="content", code="invalid_policy") from error


def from_text(text: str) -> dict[str, Any]:
    """The content out of YAML. Raises InvalidInputError."""
    try:
        return pasted.read_mapping(text)
    except pasted.PastedError as error:
        raise InvalidInputError(str(error), field="content", code="invalid_policy") from error


def _write(
    actor: User, policy: policies.Policy, reason: str, based_on: int, unmet: tuple[str, ...]
) -> PolicyVersion:
    version = PolicyVersion.objects.create(
        number=policy_versions.next_number(),
        based_on=based_on,
        author=actor,
        reason=reason,
        created_at=clock.now(),
        content=policies.plain(policy),
    )
    audit.record(
        actor=actor,
        action="policy.propose",
        summary=f"Proposed version {version.number} of the approval policy: {reason}"[:500],
        object_type="policy",
        object_id=str(version.number),
        detail={"based_on": based_on, "content": version.content, "problems": list(unmet[:50])},
    )
    return version
