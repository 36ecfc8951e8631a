"""Saying of a draft in which waves it is written. Part of what is approved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.changes import duties, transitions, waves
from apps.changes.decisions import locked
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError


def plan_waves(*, actor: User, change: ChangeSet, **wanted: Any) -> ChangeSet:
    """Sets the waves, the pause between them and what a failure stops, as `waves.made` takes them. For those
    with a hand in it. Raises InvalidInputError (`waves`), PermissionDeniedError or WrongStateError."""
    if actor.pk not in duties.hands(change):
        raise PermissionDeniedError(f"Only those with a hand in {change.number} set its waves.")
    with transaction.atomic():
        row = locked(change)
        if row.state != State.DRAFT:
            raise WrongStateError(f"{row.number} is no draft any more: edit it first.")
        revision = current_revision(row)
        clusters = Cluster.objects.filter(change_items__revision=revision).distinct()
        revision.plan = waves.plain(plan_for(clusters, **wanted))
        revision.save(update_fields=["plan"])
        text = f"Planned. {waves.told(revision.waves)}"
        transitions.note(row, actor=actor, kind="planned", text=text)
        audit.record(
            actor=actor,
            action="change.plan",
            summary=f"{row.number}: {text}"[:500],
            object_type="change",
            object_id=row.number,
            detail={"plan": revision.plan},
        )
    return row


def plan_for(clusters: Iterable[Cluster], **wanted: Any) -> waves.Plan:
    """The plan that `waves.made` makes for these clusters. Raises InvalidInputError (`waves`)."""
    members = [waves.Member(cluster.name, cluster.environment) for cluster in clusters]
    try:
        return waves.made(members, **wanted)
    except waves.PlanError as error:
        raise InvalidInputError(str(error), field="waves") from error
