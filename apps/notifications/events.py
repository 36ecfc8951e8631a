"""What can be told, and which lines of a change's timeline tell it. Pure: no Django, no clock.

The values are part of the webhooks' contract: they are added to, never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from apps.changes.lifecycle import TRANSITIONS
from apps.changes.lifecycle import Event as Step


class Event(StrEnum):
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    REJECTED = "rejected"
    STALE = "stale"
    EXPIRED = "expired"
    APPLIED = "applied"
    DIVERGED = "diverged"
    DRIFTED = "drifted"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"
    BREAK_GLASS = "break_glass"
    REVIEW_DUE = "review_due"
    PAUSED = "paused"
    POLICY = "policy"
    AUDIT_CHECKPOINT = "audit_checkpoint"
    TEST = "test"

    @property
    def words(self) -> str:
        """What happened, after the number of a change."""
        return _WORDS[self]


_WORDS = {
    Event.SUBMITTED: "waits for approval",
    Event.RETURNED: "was sent back by the dry run",
    Event.APPROVED: "is approved",
    Event.REJECTED: "was rejected",
    Event.STALE: "is stale: what it changes has moved on",
    Event.EXPIRED: "expired",
    Event.APPLIED: "is applied and confirmed",
    Event.DIVERGED: "is applied, but does not do what was predicted",
    Event.DRIFTED: "is no longer there as it was written: others have changed it",
    Event.FAILED: "failed",
    Event.NEEDS_ATTENTION: "needs attention",
    Event.BREAK_GLASS: "was declared an emergency",
    Event.REVIEW_DUE: "was applied as an emergency and has to be reviewed",
    Event.PAUSED: "has finished a wave: somebody has to continue",
    Event.POLICY: "A version of the approval policy was proposed or decided on",
    Event.AUDIT_CHECKPOINT: "A checkpoint of the audit record",
    Event.TEST: "A test from meshconsole",
}
# Steps of a change that are told. The others are seen on its page.
TOLD: Mapping[str, Event] = {
    Step.PASS_DRY_RUN: Event.SUBMITTED,
    Step.LOSE_QUORUM: Event.SUBMITTED,
    Step.FAIL_DRY_RUN: Event.RETURNED,
    Step.REACH_QUORUM: Event.APPROVED,
    Step.REJECT: Event.REJECTED,
    Step.FIND_STALE: Event.STALE,
    Step.EXPIRE: Event.EXPIRED,
    Step.CONFIRM: Event.APPLIED,
    Step.DIVERGE: Event.DIVERGED,
    Step.FAIL: Event.FAILED,
    Step.STOP_PARTIAL: Event.NEEDS_ATTENTION,
    Step.GIVE_UP: Event.NEEDS_ATTENTION,
    "settle_diverged": Event.DIVERGED,
    "drifted": Event.DRIFTED,
    "break_glass": Event.BREAK_GLASS,
    "call_review": Event.REVIEW_DUE,
    "hand_needed": Event.PAUSED,
}
# What an administrator can choose for a webhook.
CHOICES = tuple((event.value, event.value.replace("_", " ")) for event in Event if event is not Event.TEST)
TO_DECIDE = frozenset({Event.SUBMITTED, Event.BREAK_GLASS, Event.REVIEW_DUE})
TROUBLE = frozenset(
    {Event.FAILED, Event.NEEDS_ATTENTION, Event.DIVERGED, Event.DRIFTED, Event.BREAK_GLASS, Event.PAUSED}
)


def state_after(step: str) -> str:
    """The state that a step of the timeline leads to; "" for one that leads to none, or to several."""
    found = {to.value for (_, event), to in TRANSITIONS.items() if event.value == step}
    return found.pop() if len(found) == 1 else ""
