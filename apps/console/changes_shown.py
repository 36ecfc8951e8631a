"""A change as its page shows it: items with differences, the timeline, prediction against what happened.

Turns stored values into shapes for templates; decides nothing about a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.changes.models import ChangeEvent, ChangeItem, Decision, Verification
from apps.changes.owners import Owned
from apps.changes.progress import HowFar, Stage, Wave
from apps.console import effects
from apps.console.difference import Difference, difference
from apps.console.links import object_url
from apps.mesh.patches import stripped, to_yaml
from apps.mesh.refs import ResourceRef

ICONS = {"ok": "check", "bad": "x", "warn": "warn", "run": "change", "": "change"}
KINDS = {"proposed": "edit", "submit": "change", "edit": "edit", "approved": "check", "reject": "x"}
STAGES = {
    Stage.DONE: ("Confirmed", "ok"),
    Stage.NOW: ("Under way", "run"),
    Stage.STOPPED: ("Stopped", "bad"),
    Stage.NEXT: ("Next", ""),
    Stage.LATER: ("Later", "todo"),
}
DOT_TONES = frozenset({"ok", "bad", "run"})


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One write: its difference, what the dry run answered, and who else owns what it writes."""

    item: ChangeItem
    path: str
    url: str
    before: str
    after: str
    difference: Difference
    warnings: tuple[str, ...]
    causes: tuple[str, ...]
    owners: tuple[Owned, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline."""

    at: datetime
    who: str
    what: str
    tone: str
    icon: str
    note: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class WaveShown:
    """A wave with the word and the tone of its stage."""

    wave: Wave
    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure of the verification: predicted, and as it happened on each cluster."""

    label: str
    predicted: int
    happened: tuple[tuple[str, int], ...]

    @property
    def observed(self) -> int:
        return sum(count for _, count in self.happened)

    @property
    def confirmed(self) -> bool:
        return self.predicted == self.observed


def items(
    rows: Iterable[ChangeItem], contested: Mapping[int, tuple[Owned, ...]] | None = None
) -> list[ItemShown]:
    """The writes in their order; `contested` says who else owns what an item writes."""
    return [_item(row, (contested or {}).get(row.pk, ())) for row in rows]


def timeline(events: Sequence[ChangeEvent], decisions: Sequence[Decision]) -> list[Moment]:
    """Newest first; the comment of a decision stands as a quote under it."""
    comments = {(d.reviewer.display_name, d.decided_at.replace(microsecond=0)): d.comment for d in decisions}
    return [
        Moment(
            at=event.at,
            who="" if event.actor == "console" else event.actor,
            what=event.text,
            tone=event.tone if event.tone in DOT_TONES else "",
            icon=KINDS.get(event.kind, ICONS.get(event.tone, "change")),
            quote=""
            if "«" in event.text
            else comments.get((event.actor, event.at.replace(microsecond=0)), ""),
        )
        for event in reversed(events)
    ]


def outcomes(verification: Verification) -> list[Outcome]:
    """Predicted and observed, figure by figure."""
    detail: Mapping[str, Mapping[str, Any]] = verification.detail
    predicted = effects.effect({name: part.get("predicted", {}) for name, part in detail.items()})
    happened = {name: effects.effect({name: part.get("happened", {})}) for name, part in detail.items()}
    labels = (
        ("Opened", "opened"),
        ("Closed", "closed"),
        ("Changed otherwise", "changed"),
        ("Workloads cut off", "workloads_lost"),
    )
    return [
        Outcome(
            label,
            int(getattr(predicted, name)),
            tuple((cluster, int(getattr(one, name))) for cluster, one in sorted(happened.items())),
        )
        for label, name in labels
    ]


def lines(verification: Verification, what: str) -> list[str]:
    """The sentences of every cluster: `differences` from what was predicted, or `remarks`."""
    return [
        f"{name}: {line}" for name, part in sorted(verification.detail.items()) for line in part.get(what, [])
    ]


def waves(far: HowFar) -> list[WaveShown]:
    """The waves of a change on several clusters, or with a plan; none for any other."""
    several = len({item.cluster_id for item in far.items}) > 1
    return [WaveShown(wave, *STAGES[wave.stage]) for wave in far.waves] if several else []


def written(rows: Sequence[ChangeItem]) -> int:
    """How many writes are done."""
    return sum(1 for row in rows if row.result == ChangeItem.Result.APPLIED)


def _item(row: ChangeItem, owners: tuple[Owned, ...]) -> ItemShown:
    before = to_yaml(stripped(row.base)) if row.base else ""
    after = to_yaml(stripped(row.desired)) if row.desired else ""
    ref = ResourceRef(row.kind, row.namespace, row.name)
    return ItemShown(
        item=row,
        path=ref.path,
        url=object_url(row.cluster.name, ref) if row.base else "",
        before=before,
        after=after,
        difference=difference(before, after),
        warnings=tuple(str(one) for one in row.dry_run.get("warnings", ())),
        causes=tuple(_cause(one) for one in row.dry_run.get("causes", ())),
        owners=owners,
    )


def _cause(cause: object) -> str:
    if not isinstance(cause, Mapping):
        return str(cause)
    return f"{cause.get('field', '')}: {cause.get('message', '')}".strip(": ")
