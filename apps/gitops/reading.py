"""Reads the current revision of a change as an `Exported`. The caller has checked who may see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.changes import approvals, intents
from apps.changes.lifecycle import State
from apps.changes.links import url_of
from apps.changes.models import ChangeItem, ChangeSet, Decision, Revision
from apps.changes.selectors import current_revision
from apps.gitops.exported import Exported, ExportedItem
from apps.mesh.patches import stripped

# The approval of this digest was complete, and nobody has taken it back since.
APPROVED = frozenset(
    {
        State.APPROVED,
        State.SCHEDULED,
        State.QUEUED,
        State.APPLYING,
        State.VERIFYING,
        State.REVIEW_DUE,
        State.APPLIED,
        State.DIVERGED,
        State.PARTIALLY_APPLIED,
        State.NEEDS_ATTENTION,
    }
)
# What nobody wants any more, and what is being tried at this moment and may still change.
NOT_PUSHED = frozenset(
    {
        State.VALIDATING,
        State.STALE,
        State.FAILED,
        State.REJECTED,
        State.WITHDRAWN,
        State.EXPIRED,
        State.CANCELED,
    }
)
UNWRITTEN = frozenset({State.APPROVED, State.SCHEDULED, State.QUEUED})


def exported(change: ChangeSet) -> Exported:
    """What the change's current revision would write, and how it stands with its approval."""
    revision = current_revision(change)
    state = State(change.state)
    approved = bool(revision.digest) and change.approved_digest == revision.digest and state in APPROVED
    if approved and state in UNWRITTEN:
        approved = approvals.standing(change, revision).met
    return Exported(
        change_id=change.pk,
        number=change.number,
        title=change.title,
        reason=change.reason,
        revision=revision.number,
        digest=revision.digest,
        state=state.label,
        approved=approved,
        approvers=_approvers(revision) if approved else (),
        link=url_of(change),
        items=tuple(_item(i) for i in revision.items.select_related("cluster").order_by("position")),
    )


def refusal(change: ChangeSet) -> str:
    """Why the change is not pushed in its present state, "" when it may be."""
    state = State(change.state)
    return f"{change.number} is «{state.label}»: it is not pushed." if state in NOT_PUSHED else ""


def _approvers(revision: Revision) -> tuple[str, ...]:
    """Who approved exactly this, as their newest decision says."""
    newest = {d.reviewer_id: d for d in revision.decisions.select_related("reviewer").order_by("id")}
    approve = Decision.Verdict.APPROVE
    found = (d for d in newest.values() if d.verdict == approve and d.digest == revision.digest)
    return tuple(sorted(d.reviewer.display_name for d in found))


def _item(item: ChangeItem) -> ExportedItem:
    return ExportedItem(
        cluster=item.cluster.name,
        environment=item.cluster.environment,
        action=item.action,
        api_version=item.api_version,
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        uid=item.base_uid,
        resource_version="" if item.base is None else item.base_resource_version,
        base=_clean(item.base),
        desired=_clean(item.desired),
        intent=_clean(item.intent),
        force=item.force,
    )


def _clean(manifest: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without what the server writes, and without the mark of the console's own operation."""
    return None if manifest is None else intents.unstamped(stripped(manifest))
