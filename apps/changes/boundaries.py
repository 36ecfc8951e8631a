"""Between two waves: where a change stands, and whether its next wave may begin. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.changes.approvals import Standing
from apps.changes.gates import gate, spelled
from apps.changes.models import ChangeItem, ChangeSet, Revision

TOUCHED = (ChangeItem.Result.WRITING, ChangeItem.Result.UNKNOWN, ChangeItem.Result.APPLIED)


@dataclass(frozen=True, slots=True)
class Boundary:
    """`stop` says why the next wave cannot begin at all as things are; `wait` why not before `opens_at`. Both
    are "" when it may begin now."""

    stop: str = ""
    wait: str = ""
    opens_at: datetime | None = None

    @property
    def why(self) -> str:
        return self.stop or self.wait


def coming(change: ChangeSet, revision: Revision) -> QuerySet[ChangeItem]:
    """The items of the wave that is to be written, or is being written and verified now."""
    items = revision.items.select_related("cluster").order_by("position")
    plan = revision.waves
    names = plan.clusters(min(change.waves_done + 1, plan.count))
    return items if names is None else items.filter(cluster__name__in=names)


def begun(change: ChangeSet, revision: Revision) -> bool:
    """Whether something of the coming wave is, or may be, written."""
    return coming(change, revision).filter(result__in=TOUCHED).exists()


def between(change: ChangeSet, revision: Revision) -> bool:
    """Whether a wave is done and nothing of the next one is written."""
    return 0 < change.waves_done < revision.waves.count and not begun(change, revision)


def over(change: ChangeSet, now: datetime) -> str:
    """Why no further wave begins, whoever wants it; "" when one may."""
    if change.ends_at is not None and change.ends_at <= now:
        return "Its end has passed."
    if change.expires_at is not None and change.expires_at <= now:
        return "The approval has expired."
    return ""


def boundary(change: ChangeSet, standing: Standing, now: datetime) -> Boundary:
    """Everything that must be true at the beginning of a wave: approvals, windows, freezes, and the pause."""
    if reason := over(change, now):
        return Boundary(stop=reason)
    if not standing.met:
        why = "; ".join(f"{d.reviewer.display_name}: {reason}" for d, reason in standing.void)
        return Boundary(stop=f"The approvals no longer suffice ({why or 'one is missing'}).")
    if change.opens_at is not None and change.opens_at > now:
        return Boundary(wait=f"The pause lasts until {spelled(change.opens_at)}.", opens_at=change.opens_at)
    opening = gate(standing.ruling, now)
    return Boundary(wait=opening.why, opens_at=opening.opens_at)
