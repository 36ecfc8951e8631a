"""Which approvals of a change stand: the newest decision of each reviewer, on exactly this digest, by
people who may still approve. Reads only; asked at every decision and again right before the writes."""

from __future__ import annotations

from dataclasses import dataclass

from apps.accounts.models import User
from apps.changes import access
from apps.changes.digest import DigestItem, digest
from apps.changes.models import ChangeSet, Decision, Revision
from apps.changes.policy import POLICY_VERSION, quorum_problem


@dataclass(frozen=True, slots=True)
class Standing:
    """`approved` are the approvals that count, `eligible` everybody who may decide, themselves
    included; `problem` says why the quorum can never be met, "" when it can."""

    required: int
    approved: tuple[Decision, ...]
    void: tuple[tuple[Decision, str], ...]
    eligible: tuple[User, ...]
    problem: str

    @property
    def met(self) -> bool:
        return len(self.approved) >= self.required

    @property
    def missing(self) -> int:
        return max(0, self.required - len(self.approved))


def standing(change: ChangeSet, revision: Revision) -> Standing:
    """As things are now: bindings and accounts are read afresh."""
    eligible = access.eligible_reviewers(change, access.places(revision))
    able = {user.pk for user in eligible}
    newest: dict[int, Decision] = {}
    for decision in change.decisions.select_related("reviewer").order_by("id"):
        newest[decision.reviewer_id] = decision
    approved, void = [], []
    for decision in newest.values():
        if decision.verdict != Decision.Verdict.APPROVE:
            continue
        reason = _void_reason(decision, revision, able)
        if reason:
            void.append((decision, reason))
        else:
            approved.append(decision)
    required = int(revision.policy.get("required", 1))
    problem = quorum_problem(required, [user.display_name for user in eligible])
    return Standing(required, tuple(approved), tuple(void), eligible, problem)


def digest_of(revision: Revision) -> str:
    """The digest of what is stored now, computed anew."""
    items = (
        DigestItem(
            cluster=item.cluster.name,
            api_version=item.api_version,
            kind=item.kind,
            namespace=item.namespace,
            name=item.name,
            action=item.action,
            base_uid=item.base_uid,
            base_resource_version=item.base_resource_version,
            intent=item.intent,
            force=item.force,
        )
        for item in revision.items.select_related("cluster").order_by("position")
    )
    return digest(items, policy_version=POLICY_VERSION, revision=revision.number)


def _void_reason(decision: Decision, revision: Revision, able: set[int]) -> str:
    if decision.revision_id != revision.pk or decision.digest != revision.digest:
        return "given to another revision"
    if decision.reviewer_id not in able:
        return "the reviewer may no longer approve this"
    return ""
