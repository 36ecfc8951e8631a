"""Which approvals of a change stand: the newest decision of each reviewer, on exactly this digest, by
people who may still approve. Reads only; asked at every decision and again right before the writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from apps.accounts.models import User
from apps.accounts.selectors import group_names
from apps.changes import access, duties, policy_versions, rulings
from apps.changes.digest import DigestItem, digest
from apps.changes.models import ChangeSet, Decision, Revision
from apps.changes.policies import Ruling
from apps.changes.policy import quorum_problem


@dataclass(frozen=True, slots=True)
class Standing:
    """`approved` are the approvals that count, `eligible` everybody who may decide, themselves
    included; `missing_groups` those from which an approval is still to come; `problem` says why the quorum
    can never be met, "" when it can. `ruling` is what the policy in force, `version`, says now."""

    required: int
    approved: tuple[Decision, ...]
    void: tuple[tuple[Decision, str], ...]
    eligible: tuple[User, ...]
    problem: str
    missing_groups: tuple[str, ...]
    ruling: Ruling
    version: int

    @property
    def met(self) -> bool:
        return len(self.approved) >= self.required and not self.missing_groups

    @property
    def missing(self) -> int:
        return max(self.required - len(self.approved), 1 if self.missing_groups else 0, 0)


def standing(change: ChangeSet, revision: Revision) -> Standing:
    """As things are now: bindings, accounts and the policy in force are read afresh. Of what the policy
    asked when the revision was made and what it asks now, the stricter counts. Windows and freezes are those
    of the wave that comes next. An emergency takes the number that the policy gives for it, and waits for no
    window."""
    active = policy_versions.active()
    plan = revision.waves
    coming = plan.clusters(min(change.waves_done + 1, plan.count))
    ruling = rulings.judged(revision, active.policy, wave=coming)
    required = max(int(revision.policy.get("required", 1)), ruling.required)
    groups = sorted({*revision.policy.get("groups", ()), *ruling.groups})
    if change.emergency_by_id is not None:
        required = max(int(revision.policy.get("emergency", 1)), ruling.emergency)
        groups, ruling = [], replace(ruling, windows=(), freezes=())
    if approved_beforehand(change, revision):
        required, groups, ruling = 0, [], replace(ruling, windows=(), freezes=())
    eligible = duties.eligible_reviewers(change, access.places(revision))
    approved, void = _newest(change, revision, {user.pk for user in eligible})
    members = group_names(user.pk for user in eligible) if groups else {}
    represented = {name for decision in approved for name in members.get(decision.reviewer_id, ())}
    return Standing(
        required=required,
        approved=tuple(approved),
        void=tuple(void),
        eligible=eligible,
        problem=_problem(required, groups, eligible, members),
        missing_groups=tuple(name for name in groups if name not in represented),
        ruling=ruling,
        version=active.number,
    )


def _newest(
    change: ChangeSet, revision: Revision, able: set[int]
) -> tuple[list[Decision], list[tuple[Decision, str]]]:
    """Of each reviewer's newest decision: the approvals that count, and those that do not with why."""
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
    return approved, void


def _problem(
    required: int,
    groups: Sequence[str],
    eligible: Sequence[User],
    members: Mapping[int, Collection[str]],
) -> str:
    problem = quorum_problem(required, [user.display_name for user in eligible])
    present = {name for names in members.values() for name in names}
    absent = [name for name in groups if name not in present]
    if problem or not absent:
        return problem
    return (
        f"The policy asks for an approval from the group {absent[0]}, and nobody of it may approve this "
        "change. It cannot be applied until an administrator gives somebody of the group the right to."
    )


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
    return digest(
        items,
        policy_version=rulings.version_of(revision),
        revision=revision.number,
        terms=terms_of(revision.change, revision),
    )


def terms_of(change: ChangeSet, revision: Revision) -> dict[str, Any]:
    """What is approved beside the writes: that it is an emergency, when it ends, that its revert is
    approved with it, and its waves."""
    terms: dict[str, Any] = {}
    if change.emergency_by_id is not None:
        terms["emergency"] = True
    if change.ends_at is not None:
        terms["ends_at"] = change.ends_at.astimezone(UTC).isoformat()
        terms["auto_revert"] = change.auto_revert
    if revision.plan:
        terms["waves"] = revision.plan
    return terms


def approved_beforehand(change: ChangeSet, revision: Revision) -> bool:
    """Whether this is the revert that was approved with the change whose end it is, as the console made
    it: an edit needs approval like any other."""
    parent = change.ends
    return parent is not None and revision.number == 1 and parent.auto_revert and bool(parent.approved_digest)


def _void_reason(decision: Decision, revision: Revision, able: set[int]) -> str:
    if decision.revision_id != revision.pk or decision.digest != revision.digest:
        return "given to another revision, or before the emergency"
    if decision.reviewer_id not in able:
        return "the reviewer may no longer approve this"
    return ""
