"""How far a change has come, wave by wave and cluster by cluster. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.changes.lifecycle import RUNNING, State
from apps.changes.models import ChangeItem, ChangeSet, Revision, Verification

Result = ChangeItem.Result


class Reached(StrEnum):
    """How far one cluster has come."""

    NOT_BEGUN = "not_begun"
    WRITING = "writing"
    PARTLY = "partly"
    WRITTEN = "written"
    VERIFIED = "verified"
    DIVERGED = "diverged"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """How far a wave has come."""

    DONE = "done"  # written and confirmed
    NOW = "now"  # a worker is at it
    STOPPED = "stopped"  # begun, and nobody is at it
    NEXT = "next"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class OnCluster:
    """`why` says what failed or differs."""

    name: str
    environment: str
    reached: Reached
    written: int
    objects: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave, counted from 1."""

    number: int
    stage: Stage
    clusters: tuple[OnCluster, ...]


@dataclass(frozen=True, slots=True)
class HowFar:
    """A change with what it writes, in the order of writing, and how far each wave has come."""

    change: ChangeSet
    revision: Revision
    items: tuple[ChangeItem, ...]
    verification: Verification | None
    waves: tuple[Wave, ...]


def how_far(change: ChangeSet, revision: Revision) -> HowFar:
    """Reads it; two queries."""
    items = _in_order(revision, tuple(revision.items.select_related("cluster")))
    verification = Verification.objects.filter(change=change).order_by("pk").last()
    detail = verification.detail if verification is not None else {}
    return HowFar(change, revision, items, verification, _waves(change, revision, items, detail))


def _waves(
    change: ChangeSet, revision: Revision, items: Sequence[ChangeItem], detail: Mapping[str, Any]
) -> tuple[Wave, ...]:
    """Every wave in order, with its clusters by name."""
    by_name: dict[str, list[ChangeItem]] = {}
    for item in items:
        by_name.setdefault(item.cluster.name, []).append(item)
    plan = revision.waves
    found = []
    for number in range(1, plan.count + 1):
        names = [name for name in sorted(by_name) if plan.wave_of(name) == number]
        clusters = tuple(_on_cluster(by_name[name], detail.get(name)) for name in names)
        found.append(Wave(number, _stage(change, number, clusters), clusters))
    return tuple(found)


def _in_order(revision: Revision, items: Sequence[ChangeItem]) -> tuple[ChangeItem, ...]:
    plan = revision.waves
    return tuple(sorted(items, key=lambda item: (plan.wave_of(item.cluster.name), item.position)))


def _on_cluster(items: Sequence[ChangeItem], seen: Mapping[str, Any] | None) -> OnCluster:
    reached, why = _reached(items, seen)
    written = sum(item.result == Result.APPLIED for item in items)
    first = items[0].cluster
    return OnCluster(first.name, first.environment, reached, written, len(items), why)


def _reached(items: Sequence[ChangeItem], seen: Mapping[str, Any] | None) -> tuple[Reached, str]:
    for result, reached in (
        (Result.FAILED, Reached.FAILED),
        (Result.UNKNOWN, Reached.UNKNOWN),
        (Result.WRITING, Reached.WRITING),
    ):
        if met := [item for item in items if item.result == result]:
            return reached, met[0].result_message if result != Result.WRITING else ""
    written = sum(item.result == Result.APPLIED for item in items)
    if written < len(items):
        waits = next(item for item in items if item.result != Result.APPLIED)
        return Reached.PARTLY if written else Reached.NOT_BEGUN, waits.result_message
    if seen is None:
        return Reached.WRITTEN, ""
    differences = seen.get("differences") or ()
    return (Reached.DIVERGED, str(differences[0])) if differences else (Reached.VERIFIED, "")


def _stage(change: ChangeSet, number: int, clusters: Sequence[OnCluster]) -> Stage:
    if number <= change.waves_done:
        return Stage.DONE
    if number > change.waves_done + 1:
        return Stage.LATER
    if State(change.state) in RUNNING - {State.VALIDATING}:
        return Stage.NOW
    begun = any(one.reached is not Reached.NOT_BEGUN for one in clusters)
    return Stage.STOPPED if begun else Stage.NEXT
