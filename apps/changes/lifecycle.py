"""The states of a change and the only ways between them. Pure: no Django, no clock.

After §1.12 of the approval study this product follows: approvals are bound to a digest, terminal
states stay, and whatever cannot be decided by the machine ends in `needs_attention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    DRAFT = "draft"
    VALIDATING = "validating"
    PENDING = "pending"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    APPLYING = "applying"
    VERIFYING = "verifying"
    PAUSED = "paused"
    REVIEW_DUE = "review_due"
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
    PASS_DRY_RUN = "pass_dry_run"  # noqa: S105
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
    LOSE_QUORUM = "lose_quorum"
    SCHEDULE = "schedule"
    OPEN_WINDOW = "open_window"
    MISS_WINDOW = "miss_window"
    BREAK_GLASS = "break_glass"
    CALL_REVIEW = "call_review"
    REVIEW = "review"
    VERIFY_AGAIN = "verify_again"
    PAUSE = "pause"
    NEXT_WAVE = "next_wave"


_LABELS = {
    State.DRAFT: "Draft",
    State.VALIDATING: "Dry-run under way",
    State.PENDING: "Waiting for approval",
    State.APPROVED: "Approved",
    State.SCHEDULED: "Scheduled",
    State.QUEUED: "Queued",
    State.APPLYING: "Being applied",
    State.VERIFYING: "Being verified",
    State.PAUSED: "Between two waves",
    State.REVIEW_DUE: "Review due",
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

STATE_CHOICES = [(state.value, state.label) for state in State]

# (from, event) → to. What is not here cannot happen. A state without a way out is terminal.
TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.DRAFT, Event.SUBMIT): State.VALIDATING,
    (State.DRAFT, Event.EDIT): State.DRAFT,
    (State.DRAFT, Event.WITHDRAW): State.WITHDRAWN,
    (State.DRAFT, Event.BREAK_GLASS): State.DRAFT,
    (State.VALIDATING, Event.PASS_DRY_RUN): State.PENDING,
    (State.VALIDATING, Event.FAIL_DRY_RUN): State.DRAFT,
    (State.VALIDATING, Event.WITHDRAW): State.WITHDRAWN,
    (State.PENDING, Event.REACH_QUORUM): State.APPROVED,
    (State.PENDING, Event.REJECT): State.REJECTED,
    (State.PENDING, Event.EDIT): State.DRAFT,
    (State.PENDING, Event.WITHDRAW): State.WITHDRAWN,
    (State.PENDING, Event.EXPIRE): State.EXPIRED,
    (State.PENDING, Event.FIND_STALE): State.STALE,
    (State.PENDING, Event.BREAK_GLASS): State.PENDING,
    (State.APPROVED, Event.EXECUTE): State.QUEUED,
    (State.APPROVED, Event.REJECT): State.REJECTED,
    (State.APPROVED, Event.EDIT): State.DRAFT,
    (State.APPROVED, Event.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Event.EXPIRE): State.EXPIRED,
    (State.APPROVED, Event.FIND_STALE): State.STALE,
    (State.APPROVED, Event.LOSE_QUORUM): State.PENDING,
    (State.APPROVED, Event.SCHEDULE): State.SCHEDULED,
    (State.APPROVED, Event.BREAK_GLASS): State.PENDING,
    (State.SCHEDULED, Event.OPEN_WINDOW): State.QUEUED,
    (State.SCHEDULED, Event.EXECUTE): State.QUEUED,
    (State.SCHEDULED, Event.REJECT): State.REJECTED,
    (State.SCHEDULED, Event.EDIT): State.DRAFT,
    (State.SCHEDULED, Event.WITHDRAW): State.WITHDRAWN,
    (State.SCHEDULED, Event.EXPIRE): State.EXPIRED,
    (State.SCHEDULED, Event.BREAK_GLASS): State.PENDING,
    (State.STALE, Event.EDIT): State.DRAFT,
    (State.STALE, Event.WITHDRAW): State.WITHDRAWN,
    (State.QUEUED, Event.CLAIM): State.APPLYING,
    (State.QUEUED, Event.CANCEL): State.CANCELED,
    (State.APPLYING, Event.CLAIM): State.APPLYING,
    (State.APPLYING, Event.FINISH_WRITES): State.VERIFYING,
    (State.APPLYING, Event.STOP_PARTIAL): State.PARTIALLY_APPLIED,
    (State.APPLYING, Event.FAIL): State.FAILED,
    (State.APPLYING, Event.FIND_STALE): State.STALE,
    (State.APPLYING, Event.CANCEL): State.CANCELED,
    (State.APPLYING, Event.REQUEUE): State.QUEUED,
    (State.APPLYING, Event.GIVE_UP): State.NEEDS_ATTENTION,
    (State.APPLYING, Event.LOSE_QUORUM): State.PENDING,
    (State.APPLYING, Event.MISS_WINDOW): State.SCHEDULED,
    (State.APPLYING, Event.PAUSE): State.PAUSED,
    (State.VERIFYING, Event.CONFIRM): State.APPLIED,
    (State.VERIFYING, Event.CALL_REVIEW): State.REVIEW_DUE,
    (State.REVIEW_DUE, Event.REVIEW): State.APPLIED,
    (State.VERIFYING, Event.DIVERGE): State.DIVERGED,
    (State.VERIFYING, Event.GIVE_UP): State.NEEDS_ATTENTION,
    (State.VERIFYING, Event.PAUSE): State.PAUSED,
    (State.VERIFYING, Event.STOP_PARTIAL): State.PARTIALLY_APPLIED,
    (State.PAUSED, Event.NEXT_WAVE): State.QUEUED,
    (State.PAUSED, Event.CANCEL): State.PARTIALLY_APPLIED,
    (State.PAUSED, Event.STOP_PARTIAL): State.PARTIALLY_APPLIED,
    (State.PARTIALLY_APPLIED, Event.EXECUTE): State.QUEUED,
    (State.NEEDS_ATTENTION, Event.EXECUTE): State.QUEUED,
    (State.DIVERGED, Event.VERIFY_AGAIN): State.VERIFYING,
}

TERMINAL = frozenset(set(State) - {state for state, _ in TRANSITIONS})
# In these states a worker or a reviewer is expected to act; the others wait for the author or nobody.
RUNNING = frozenset({State.VALIDATING, State.QUEUED, State.APPLYING, State.VERIFYING})
# Something of the change is, or may be, on a cluster: a revert can be proposed.
REVERTIBLE = frozenset(
    {State.APPLIED, State.REVIEW_DUE, State.DIVERGED, State.PARTIALLY_APPLIED, State.NEEDS_ATTENTION}
)
# An emergency that got so far is looked over by somebody else.
REVIEWABLE = REVERTIBLE - {State.APPLIED}


def next_state(state: State, event: Event) -> State | None:
    """Where `event` leads from `state`; None when it cannot happen there."""
    return TRANSITIONS.get((state, event))


def events_from(state: State) -> tuple[Event, ...]:
    """The events that can happen in `state`, in the table's order."""
    return tuple(event for source, event in TRANSITIONS if source is state)


def sources_of(event: Event) -> tuple[State, ...]:
    """The states in which `event` can happen, in the table's order."""
    return tuple(source for source, happening in TRANSITIONS if happening is event)


def as_markdown() -> str:
    """The table as docs/changes.md shows it; a test holds the page to it."""
    lines = ["| state | event | next state |", "|---|---|---|"]
    lines += [f"| {s.value} | {e.value} | {to.value} |" for (s, e), to in TRANSITIONS.items()]
    lines += [f"| {state.value} | - | terminal |" for state in State if state in TERMINAL]
    return "\n".join(lines)
