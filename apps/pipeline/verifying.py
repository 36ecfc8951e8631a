"""After the writes: read the clusters again and compare what happened with what was predicted.

Prediction and verification are the same pure function, asked with another snapshot. `settling` asks it once
more when things have come to rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.changes import boundaries, leases, transitions
from apps.changes.actions.next_wave import pause
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet, Revision, Verification
from apps.changes.selectors import current_revision
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import GatewayError
from apps.clusters.models import Cluster
from apps.common import clock
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point
from apps.pipeline.heartbeat import Heartbeat
from apps.pipeline.observing import Opener, Refresher, RefreshFailedError, observe, read_again

MAX_ATTEMPTS = 8
BEGAN = "verify_began"
GIVEN = (Event.FINISH_WRITES.value, Event.VERIFY_AGAIN.value)
PAUSE = timedelta(seconds=15)
SHOWN = 20
ADVICE = "Compare the differences below. Verify again when the cluster has settled, or revert the change."


def verify_change(
    change_id: int, *, refresher: Refresher | None = None, opener: Opener = open_gateway
) -> State | None:
    """Verifying → applied, or diverged with the differences. None when there was nothing to do, or when
    a cluster gave no answer: the sweep comes back to it."""
    change = leases.take(change_id, State.VERIFYING, kind=BEGAN, text="Reading the clusters again.")
    if change is None:
        return None
    crashpoints.reached(Point.BEFORE_VERIFY)
    revision = current_revision(change)
    try:
        with Heartbeat(change):
            detail = look(revision, boundaries.coming(change, revision), refresher=refresher, opener=opener)
    except GatewayError as error:
        return _later(change, error.message)
    except RefreshFailedError as error:
        return _later(change, str(error))
    try:
        state = _record(change, revision, detail)
    except transitions.LostRaceError:
        return None
    crashpoints.reached(Point.AFTER_VERIFY)
    return state


def look(
    revision: Revision,
    items: QuerySet[ChangeItem],
    *,
    refresher: Refresher | None,
    opener: Opener,
    settled: bool = False,
) -> dict[str, Any]:
    """What `Verification.detail` keeps: every cluster of these items of the revision, observed. Raises
    GatewayError, RefreshFailedError."""
    numbers = set(items.values_list("cluster_id", flat=True))
    return {
        cluster.name: observe(
            cluster,
            list(revision.items.filter(cluster=cluster).select_related("cluster").order_by("position")),
            revision.prediction[cluster.name],
            opener=opener,
            refresher=refresher or read_again,
            settled=settled,
        )
        for cluster in Cluster.objects.filter(pk__in=numbers).order_by("name")
    }


def differences_of(detail: dict[str, Any]) -> list[str]:
    """What is not as it was predicted, in sentences; none when it is confirmed."""
    return [line for part in detail.values() for line in part["differences"]]


def settles_at() -> datetime | None:
    """When a change that was verified now is to be looked at once more; None when it is not to be."""
    seconds = settings.MESHCONSOLE_SETTLE_SECONDS
    return clock.now() + timedelta(seconds=seconds) if seconds > 0 else None


def confirm(change: ChangeSet, text: str, **fields: Any) -> State:
    """Applied; an emergency that nobody else has looked over yet is due for that first."""
    owed = change.emergency_by_id is not None and change.reviewed_at is None
    return transitions.move(
        change,
        Event.CALL_REVIEW if owed else Event.CONFIRM,
        actor=None,
        text=f"{text} It was an emergency: somebody else has to review it." if owed else text,
        tone="warn" if owed else "ok",
        lease_until=None,
        **fields,
    )


def _record(change: ChangeSet, revision: Revision, detail: dict[str, Any]) -> State:
    differences = differences_of(detail)
    waves_before = Verification.objects.filter(change=change).order_by("pk").values_list("detail", flat=True)
    detail = {**(waves_before.first() or {}), **detail}
    last = change.waves_done + 1 >= revision.waves.count
    with transaction.atomic():
        Verification.objects.filter(change=change).delete()
        Verification.objects.create(change=change, at=clock.now(), confirmed=not differences, detail=detail)
        if not differences:
            text = "Confirmed: the cluster does what was predicted."
            if not last:
                return pause(change, revision, text)
            return confirm(change, text, settles_at=settles_at(), waves_done=revision.waves.count)
        text = f"Diverged: {len(differences)} differences from what was predicted."
        return transitions.move(
            change,
            Event.DIVERGE,
            actor=None,
            text=text,
            tone="bad",
            lease_until=None,
            settles_at=settles_at() if last else None,  # a look would call it applied: more is to be written
            state_message="\n".join([text, *differences[:SHOWN], ADVICE]),
        )


def _later(change: ChangeSet, message: str) -> State | None:
    if leases.tries(change, BEGAN, since=GIVEN) >= MAX_ATTEMPTS:
        return transitions.move(
            change,
            Event.GIVE_UP,
            actor=None,
            text=f"It is written, but could not be verified: {message}",
            tone="bad",
            lease_until=None,
            state_message=f"It is written, but not verified: {message}\nResume it when the cluster answers.",
        )
    until = clock.now() + PAUSE
    held = ChangeSet.objects.filter(pk=change.pk, attempt=change.attempt, state=change.state)
    if held.update(lease_until=until):
        transitions.note(
            change, actor=None, kind="verify_later", text=f"Cannot verify yet: {message}", tone="warn"
        )
    return None
