"""After the writes: read the cluster again and compare what happened with what was predicted.

Prediction and verification are the same pure function, asked with another snapshot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction

from apps.analysis.hosteditions import hostset_for
from apps.changes import boundaries, dryrun, intents, leases, transitions
from apps.changes.actions.next_wave import pause
from apps.changes.dryrun import named
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet, Revision, Verification
from apps.changes.selectors import current_revision
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import ClusterGateway, GatewayError
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import WrongStateError
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.inventory.models import RefreshRun
from apps.mesh import whatif
from apps.mesh.patches import field_diff, stripped
from apps.pipeline import crashpoints, refresh
from apps.pipeline.crashpoints import Point
from apps.pipeline.heartbeat import Heartbeat

MAX_ATTEMPTS = 8
BEGAN = "verify_began"
GIVEN = (Event.FINISH_WRITES.value, Event.VERIFY_AGAIN.value)
PAUSE = timedelta(seconds=15)
READING_LIMIT = 90.0  # seconds
POLL = 0.5  # seconds
MOMENT = timedelta(microseconds=1)
Opener = Callable[[Cluster], AbstractContextManager[ClusterGateway]]
Refresher = Callable[[Cluster], None]
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
            detail = {
                cluster.name: _look(cluster, revision, refresher or read_again, opener)
                for cluster in _clusters(change, revision)
            }
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


class RefreshFailedError(Exception):
    """The cluster could not be read again; the message says why."""


def read_again(cluster: Cluster) -> None:
    """A reading of the cluster that begins now, whoever carries it out. Raises RefreshFailedError."""
    try:
        run = request_refresh(actor=None, cluster=cluster, trigger="change")
    except WrongStateError as error:
        raise RefreshFailedError(error.message) from error
    for _ in range(int(READING_LIMIT / POLL)):
        refresh.refresh(run.pk)
        run.refresh_from_db()
        if run.state == RefreshRun.State.DONE:
            return
        if run.state == RefreshRun.State.FAILED:
            raise RefreshFailedError(run.message)
        time.sleep(POLL)
    raise RefreshFailedError(f"{cluster.name} is still being read.")


def _clusters(change: ChangeSet, revision: Revision) -> list[Cluster]:
    """Those of the wave that was just written."""
    numbers = boundaries.coming(change, revision).values_list("cluster_id", flat=True)
    return list(Cluster.objects.filter(pk__in=set(numbers)).order_by("name"))


def _look(cluster: Cluster, revision: Revision, refresher: Refresher, opener: Opener) -> dict[str, Any]:
    items = list(revision.items.filter(cluster=cluster).select_related("cluster").order_by("position"))
    with opener(cluster) as gateway:
        differences = [line for item in items for line in _read_back(gateway, item)]
    refresher(cluster)
    before = store.load(cluster, at=_before(items))
    after = store.load(cluster)
    made = revision.prediction[cluster.name]
    happened = whatif.compare_snapshots(before, after, hostset_for(cluster, _moment(made)))
    predicted = whatif.from_json(made)
    differences += whatif.verify(predicted, happened).deviations
    return {
        "predicted": msgspec.to_builtins(predicted.difference),
        "happened": msgspec.to_builtins(happened),
        "differences": differences,
    }


def _moment(prediction: dict[str, Any]) -> datetime | None:
    """When it was made: the hosts that were in force then are compared, whatever is in force by now."""
    text = prediction.get("made_at")
    return datetime.fromisoformat(text) if text else None


def _before(items: list[ChangeItem]) -> datetime:
    """The last moment before the first write of this change."""
    times = [item.written_at for item in items if item.written_at is not None]
    return (min(times) if times else clock.now()) - MOMENT


def _read_back(gateway: ClusterGateway, item: ChangeItem) -> list[str]:
    """What is on the cluster against what was to be written, in sentences; none when it is so."""
    resource = dryrun.resource_for(gateway, item)
    live = dryrun.read(gateway, resource, item) if resource is not None else None
    if item.action == ChangeItem.Action.DELETE:
        return [f"{named(item)} is still there."] if live is not None else []
    if live is None:
        return [f"{named(item)} is not there."]
    expected: Mapping[str, Any] = item.dry_run.get("expected") or item.desired or {}
    wrong = field_diff(stripped(expected), stripped(live))
    if resource is not None and resource.group not in dryrun.ISTIO_GROUPS:
        # Replicas, revisions and more of a workload are other controllers' business, and move.
        written = [change.path for change in field_diff(stripped(item.base or {}), stripped(expected))]
        wrong = tuple(change for change in wrong if dryrun.touches(change.path, written))
    found = [f"{named(item)}: {change.path} is not as it was written." for change in wrong[:10]]
    if intents.operation_of(live) != intents.operation_of(expected):
        found.append(f"{named(item)} bears the mark of another operation.")
    return found


def _record(change: ChangeSet, revision: Revision, detail: dict[str, Any]) -> State:
    differences = [line for part in detail.values() for line in part["differences"]]
    confirmed = not differences
    earlier = Verification.objects.filter(change=change).values_list("detail", flat=True).first()
    detail = {**(earlier or {}), **detail}  # of the waves before this one
    with transaction.atomic():
        Verification.objects.update_or_create(
            change=change, defaults={"at": clock.now(), "confirmed": confirmed, "detail": detail}
        )
        if confirmed:
            return _confirm(change, revision)
        text = f"Diverged: {len(differences)} differences from what was predicted."
        return transitions.move(
            change,
            Event.DIVERGE,
            actor=None,
            text=text,
            tone="bad",
            lease_until=None,
            state_message="\n".join([text, *differences[:20], ADVICE]),
        )


def _confirm(change: ChangeSet, revision: Revision) -> State:
    """Applied, or paused before the next wave; an emergency that nobody else has looked over yet is due for
    that first."""
    text = "Confirmed: the cluster does what was predicted."
    if change.waves_done + 1 < revision.waves.count:
        return pause(change, revision, text)
    owed = change.emergency_by_id is not None and change.reviewed_at is None
    return transitions.move(
        change,
        Event.CALL_REVIEW if owed else Event.CONFIRM,
        actor=None,
        text=f"{text} It was an emergency: somebody else has to review it." if owed else text,
        tone="warn" if owed else "ok",
        lease_until=None,
        waves_done=revision.waves.count,
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
