"""What became of a change on one cluster: read back, read anew, compared with what was predicted.

For any of the writes of a change on one cluster; decides nothing about the change. `settled` looks at what
has come to rest: rollouts count, and what others may have caused meanwhile does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Q

from apps.analysis.hosteditions import hostset_for
from apps.changes import dryrun, intents, owners
from apps.changes.dryrun import named
from apps.changes.models import ChangeItem
from apps.clusters.gateway import ClusterGateway
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import WrongStateError
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.inventory.kinds import EDITABLE
from apps.inventory.models import ObjectVersion, RefreshRun
from apps.mesh import whatif
from apps.mesh.patches import field_diff, stripped
from apps.mesh.refs import ResourceRef
from apps.pipeline import refresh

READING_LIMIT = 90.0  # seconds
POLL = 0.5  # seconds
MOMENT = timedelta(microseconds=1)
SHOWN = 10
Opener = Callable[[Cluster], AbstractContextManager[ClusterGateway]]
Refresher = Callable[[Cluster], None]


class RefreshFailedError(Exception):
    """The cluster could not be read again; the message says why."""


def observe(
    cluster: Cluster,
    items: Sequence[ChangeItem],
    predicted: Mapping[str, Any],
    *,
    opener: Opener,
    refresher: Refresher,
    settled: bool = False,
) -> dict[str, Any]:
    """What `Verification.detail` keeps of one cluster. `items` are writes on it, `predicted` is
    `Revision.prediction` of it. Raises GatewayError, RefreshFailedError."""
    with opener(cluster) as gateway:
        differences = [line for item in items for line in _read_back(gateway, item, settled)]
    refresher(cluster)
    since = _before(items)
    before, after = store.load(cluster, at=since), store.load(cluster)
    prediction = whatif.from_json(predicted)
    happened = whatif.compare_snapshots(before, after, hostset_for(cluster, _made_at(predicted)))
    found = whatif.verify(prediction, happened)
    others = _others(cluster, items, since) if found.surprises else []
    excused = settled and bool(others)
    return {
        "predicted": msgspec.to_builtins(prediction.difference),
        "happened": msgspec.to_builtins(happened),
        "differences": [*differences, *found.missing, *(() if excused else found.surprises)],
        "remarks": [*(found.surprises if excused else ()), *_named(others)],
    }


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


def _made_at(predicted: Mapping[str, Any]) -> datetime | None:
    """When it was predicted: the hosts that were in force then are compared, whatever is in force by now."""
    text = predicted.get("made_at")
    return datetime.fromisoformat(text) if text else None


def _before(items: Sequence[ChangeItem]) -> datetime:
    """The last moment before the first write of this change."""
    times = [item.written_at for item in items if item.written_at is not None]
    return (min(times) if times else clock.now()) - MOMENT


def _others(cluster: Cluster, items: Sequence[ChangeItem], since: datetime) -> list[ResourceRef]:
    """What else is not as it was in the reading before the first write: between that reading and now
    somebody else changed it."""
    ours = {ResourceRef(item.kind, item.namespace, item.name) for item in items}
    moved = ObjectVersion.objects.filter(
        Q(valid_from__gt=since) | Q(valid_to__gt=since), cluster=cluster, kind__in=EDITABLE
    )
    found = {ResourceRef(*row) for row in moved.values_list("kind", "namespace", "name")}
    return sorted(found - ours)


def _named(others: Sequence[ResourceRef]) -> Iterator[str]:
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        names = ", ".join(str(ref) for ref in others[:SHOWN])
        yield (
            f"Since the last reading before the first write others changed {names}{more}: what was not "
            "predicted may come from that."
        )


def _read_back(gateway: ClusterGateway, item: ChangeItem, settled: bool) -> Iterator[str]:
    """What is on the cluster against what was to be written, in sentences; none when it is so."""
    resource = dryrun.resource_for(gateway, item)
    live = dryrun.read(gateway, resource, item) if resource is not None else None
    if item.action == ChangeItem.Action.DELETE:
        if live is not None:
            yield f"{named(item)} is still there."
        return
    if live is None:
        yield f"{named(item)} is not there."
        return
    expected: Mapping[str, Any] = item.dry_run.get("expected") or item.desired or {}
    wrong = field_diff(stripped(expected), stripped(live))
    if resource is not None and resource.group not in dryrun.ISTIO_GROUPS:
        # Replicas, revisions and more of a workload are other controllers' business, and move.
        written = [change.path for change in field_diff(stripped(item.base or {}), stripped(expected))]
        wrong = tuple(change for change in wrong if dryrun.touches(change.path, written))
    whose = _whose(item, live) if wrong else ""
    for change in wrong[:SHOWN]:
        yield f"{named(item)}: {change.path} is not as it was written.{whose}"
    if intents.operation_of(live) != intents.operation_of(expected):
        yield f"{named(item)} bears the mark of another operation."
    if settled and (problem := rollout_problem(live)):
        yield f"{named(item)}: {problem}"


def _whose(item: ChangeItem, live: Mapping[str, Any]) -> str:
    """Who owns what the change wrote and when they wrote, as far as the cluster says."""
    entries = (live.get("metadata") or {}).get("managedFields") or ()
    others = {owned.manager for owned in owners.owners_met(live, item.intent or {}, entries)}
    times = {str(e.get("manager")): str(e.get("time") or "") for e in entries if e.get("manager") in others}
    told = [f"{name}{f' at {at}' if at else ''}" for name, at in sorted(times.items())]
    return f" Written since by {', '.join(told)}." if told else ""


def rollout_problem(live: Mapping[str, Any]) -> str:
    """Why the pods of a workload are not yet what its template says; "" when they are, when it is no
    workload, or when its status does not say."""
    status, spec = live.get("status") or {}, live.get("spec") or {}
    if (
        live.get("kind") not in {"Deployment", "StatefulSet", "DaemonSet"}
        or "observedGeneration" not in status
    ):
        return ""
    if status["observedGeneration"] < ((live.get("metadata") or {}).get("generation") or 0):
        return "its controller has not seen the new template yet."
    daemons = live["kind"] == "DaemonSet"
    wanted = status.get("desiredNumberScheduled", 0) if daemons else spec.get("replicas", 1)
    updated = status.get("updatedNumberScheduled" if daemons else "updatedReplicas", 0)
    ready = status.get("numberReady" if daemons else "readyReplicas", 0)
    if min(updated, ready) >= wanted:
        return ""
    return f"{updated} of {wanted} pods run the new template, {ready} are ready."
