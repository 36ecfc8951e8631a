"""How a state is named and drawn: one word, one icon, one tone, the same in pages, exports and REST.

Keys are the strings that are stored; what they mean is decided elsewhere. A string that is not
known here is shown as it is, in the tone of the unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Badge:
    """`icon` is a symbol of the sprite without `i-`; `tone` is ok, warn, bad, alt, off or run;
    `short` is what fits under an icon in a matrix cell, "" where the icon says enough."""

    word: str
    icon: str
    tone: str
    short: str = ""


# Not a verdict of the mesh: one that lets the connection out, and something further on refuses it.
STOPPED = "stopped"
VERDICTS: Mapping[str, Badge] = {
    "allowed-registry": Badge("Allowed by registry", "v-registry", "ok"),
    "allowed-passthrough": Badge("Allowed by policy", "v-policy", "warn"),
    STOPPED: Badge("Let out by the mesh, stopped after it", "x", "bad", "after"),
    "blocked-502": Badge("Blocked, HTTP 502", "v-502", "bad", "502"),
    "blocked-503": Badge("Blocked, answered by the proxy", "v-503", "bad", "error"),
    "blocked-reset": Badge("Blocked, reset", "v-reset", "bad", "reset"),
    "bypasses-mesh": Badge("Bypasses the mesh", "v-bypass", "alt"),
    "not-enforced": Badge("Not enforced", "v-off", "off"),
    "unknown": Badge("Unknown", "v-unknown", "off"),
}

ANSWERED = "blocked-503"


def of_verdict(verdict: str, status: int | None) -> Badge:
    """A verdict with the HTTP status that the application sees, where that is known."""
    badge = of(VERDICTS, verdict)
    if verdict != ANSWERED or status is None:
        return badge
    return replace(badge, word=f"Blocked, HTTP {status} of the proxy", short=str(status))


SWITCHED: Mapping[str, Badge] = {
    "would-be-blocked": Badge("Would be blocked", "v-reset", "bad"),
    "unknown": Badge("Unknown", "v-unknown", "off"),
    "already-blocked": Badge("Already blocked", "minus", "warn"),
    "stays-reachable": Badge("Stays reachable", "v-registry", "ok"),
    "bypasses": Badge("Bypasses the policy", "v-bypass", "alt"),
}

SEVERITIES: Mapping[str, Badge] = {
    "error": Badge("Critical", "crit", "bad"),
    "warning": Badge("Warning", "warn", "warn"),
    "info": Badge("Information", "info", "off"),
}

FINDINGS: Mapping[str, Badge] = {
    "open": Badge("Open", "wait", "off"),
    "suppressed": Badge("Suppressed", "minus", "off"),
    "resolved": Badge("Resolved", "check", "ok"),
}

SUPPRESSIONS: Mapping[str, Badge] = {
    "holds": Badge("Holds", "minus", "run"),
    "ended": Badge("Ended", "clock", "off"),
    "lifted": Badge("Lifted", "x", "off"),
}

HEALTH: Mapping[str, Badge] = {
    "new": Badge("Not read yet", "wait", "off"),
    "healthy": Badge("Healthy", "ok", "ok"),
    "degraded": Badge("Partly readable", "warn", "warn"),
    "unreachable": Badge("No answer", "down-link", "warn"),
    "auth_failed": Badge("Credential refused", "key", "bad"),
    "paused": Badge("Paused", "wait", "off"),
}

OUTCOMES: Mapping[str, Badge] = {
    "done": Badge("Done", "check", "ok"),
    "refused": Badge("Refused", "lock", "warn"),
    "failed": Badge("Failed", "x", "bad"),
}

DELIVERIES: Mapping[str, Badge] = {
    "waiting": Badge("Waiting", "wait", "run"),
    "sent": Badge("Delivered", "check", "ok"),
    "dead": Badge("Given up", "x", "bad"),
}

PUSHES: Mapping[str, Badge] = {
    "waiting": Badge("Waiting", "wait", "run"),
    "pushing": Badge("Being pushed", "spin", "run"),
    "done": Badge("Pushed", "check", "ok"),
    "failed": Badge("Not pushed", "x", "bad"),
}

REFRESHES: Mapping[str, Badge] = {
    "queued": Badge("Queued", "wait", "run"),
    "running": Badge("Reading", "spin", "run"),
    "done": Badge("Complete", "check", "ok"),
    "failed": Badge("Failed", "x", "bad"),
}

CHANGES: Mapping[str, Badge] = {
    "draft": Badge("Draft", "edit", "off"),
    "validating": Badge("Dry-run under way", "spin", "run"),
    "pending": Badge("Waiting for approval", "wait", "run"),
    "approved": Badge("Approved", "check", "ok"),
    "scheduled": Badge("Scheduled", "clock", "run"),
    "queued": Badge("Queued", "wait", "run"),
    "applying": Badge("Being applied", "spin", "run"),
    "verifying": Badge("Being verified", "spin", "run"),
    "paused": Badge("Between two waves", "clock", "run"),
    "review_due": Badge("Review due", "search", "warn"),
    "applied": Badge("Applied and confirmed", "ok", "ok"),
    "diverged": Badge("Applied, diverged", "warn", "bad"),
    "stale": Badge("Stale", "clock", "warn"),
    "partially_applied": Badge("Partly applied", "warn", "bad"),
    "needs_attention": Badge("Needs attention", "crit", "bad"),
    "failed": Badge("Failed", "x", "bad"),
    "rejected": Badge("Rejected", "x", "bad"),
    "withdrawn": Badge("Withdrawn", "minus", "off"),
    "expired": Badge("Expired", "clock", "off"),
    "canceled": Badge("Canceled", "minus", "off"),
}

ITEM_RESULTS: Mapping[str, Badge] = {
    "waiting": Badge("Waiting", "wait", "off"),
    "writing": Badge("Being written", "spin", "run"),
    "applied": Badge("Applied", "check", "ok"),
    "failed": Badge("Failed", "x", "bad"),
    "unknown": Badge("Outcome not known", "v-unknown", "warn"),
}

CLUSTERS_REACHED: Mapping[str, Badge] = {
    "not_begun": Badge("Not begun", "wait", "off"),
    "writing": Badge("Being written", "spin", "run"),
    "partly": Badge("Partly written", "warn", "warn"),
    "written": Badge("Written", "check", "run"),
    "verified": Badge("Confirmed", "ok", "ok"),
    "diverged": Badge("Diverged", "warn", "bad"),
    "failed": Badge("Failed", "x", "bad"),
    "unknown": Badge("Outcome not known", "v-unknown", "warn"),
}

RISKS: Mapping[str, Badge] = {
    "low": Badge("Low", "ok", "ok"),
    "medium": Badge("Medium", "warn", "warn"),
    "high": Badge("High", "crit", "bad"),
}

TONES: Mapping[str, str] = {
    "ok": "check",
    "warn": "warn",
    "bad": "x",
    "alt": "v-bypass",
    "off": "minus",
    "run": "spin",
}


def of(badges: Mapping[str, Badge], value: str) -> Badge:
    """The badge of a stored value; a plain one for a value that has none."""
    return badges.get(value) or Badge(value or "unknown", "v-unknown", "off")


def toned(word: str, tone: str) -> Badge:
    """A badge for a word that the data chose, in a tone that the data chose."""
    return Badge(word, TONES.get(tone, "v-unknown"), tone if tone in TONES else "off")
