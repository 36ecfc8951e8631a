"""What a policy makes of a revision: the subjects that are kept with it, judged by any version."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from apps.changes.models import Revision
from apps.changes.policies import BUILT_IN_VERSION, Level, Policy, Ruling, Subject, evaluate


def plain(subjects: Iterable[Subject]) -> list[dict[str, Any]]:
    """Subjects as JSON, each kind of write once."""
    return [
        {
            "environment": one.environment,
            "cluster": one.cluster,
            "namespace": one.namespace,
            "kind": one.kind,
            "level": one.level.value,
            "risks": sorted(one.risks),
        }
        for one in dict.fromkeys(subjects)
    ]


def subjects_of(revision: Revision) -> tuple[Subject, ...]:
    """What the rules looked at. A revision from before policies were data has no risks by code: its
    items stand for it."""
    kept = revision.policy.get("subjects")
    if kept is not None:
        return tuple(
            Subject(**{**one, "level": Level(one["level"]), "risks": frozenset(one["risks"])}) for one in kept
        )
    level = Level(revision.policy.get("level", Level.LOW))
    rows = revision.items.values_list("cluster__environment", "cluster__name", "namespace", "kind")
    return tuple(Subject(*row, level) for row in rows)


def version_of(revision: Revision) -> int:
    """The version of the policy that the revision was judged by."""
    return int(revision.policy.get("version", BUILT_IN_VERSION))


def judged(revision: Revision, policy: Policy, *, wave: Collection[str] | None = None) -> Ruling:
    """What this policy asks of the revision: approvals for all of it, windows and freezes of the clusters in
    `wave` only, of all of them for None."""
    subjects = subjects_of(revision)
    ruling = evaluate(policy, subjects)
    if wave is None:
        return ruling
    first = evaluate(policy, [subject for subject in subjects if subject.cluster in wave])
    return replace(ruling, windows=first.windows, freezes=first.freezes)
