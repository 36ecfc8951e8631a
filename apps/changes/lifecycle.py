"""The states of a change and the only ways between them. Pure: no Django, no clock.

After §1.12 of the approval study this product follows: approvals are bound to a digest, terminal
states stay, and whatever cannot be decided by the machine ends in `needs_attention`.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    DRAFT = "draft"
    VALIDATING = "validating"
    PENDING = "pending"
    APPROVED = "approved"
    QUEUED = "queued"
    APPLYING = "applying"
    VERIFYING = "verifying"
    APPLIED = "applied"
    DIVERGED = "diverged"
    STALE = "stale"
    PARTIALLY_APPLIED = "partially_applied"
    NEEDS_ATTENTION = "needs_attention"
    FAILED = "failed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCELED = "canceled"

    @property
    def label(self) -> str:
        return _LABELS[self]


class Event(StrEnum):
    SUBMIT = "submit"
    PASS_DRY_RUN = "pass_dry_run"
    FAIL_DRY_RUN = "fail_dry_run"
    REACH_QUORUM = "reach_quorum"
    REJECT = "reject"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    FIND_STALE = "find_stale"
    EXECUTE = "execute"
    CLAIM = "claim"
    FINISH_WRITES = "finish_writes"
    STOP_PARTIAL = "stop_partial"
    FAIL = "fail"
    CANCEL = "cancel"
    REQUEUE = "requeue"
    GIVE_UP = "give_up"
    CONFIRM = "confirm"
    DIVERGE = "diverge"


_LABELS = {
    State.DRAFT: "Draft",
    State.VALIDATING: "Dry-run under way",
    State.PENDING: "Waiting for approval",
    State.APPROVED: "Approved",
    State.QUEUED: "Queued",
    State.APPLYING: "Being applied",
    State.VERIFYING: "Being verified",
    State.APPLIED: "Applied and confirmed",
    State.DIVERGED: "Applied, diverged",
    State.STALE: "Stale",
    State.PARTIALLY_APPLIED: "Partly applied",
    State.NEEDS_ATTENTION: "Needs attention",
    State.FAILED: "Failed",
    State.REJECTED: "Rejected",
    State.WITHDRAWN: "Withdrawn",
    State.EXPIRED: "Expired",
    State.CANCELED: "Canceled",
}
