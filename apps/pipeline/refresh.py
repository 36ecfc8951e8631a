"""A refresh, from the cluster's API server to the prepared answers. Read this file first.

connect → collect → store, and see what has drifted → analyse. The cluster is never asked anything inside
a transaction; whatever is written names the run's attempt, so that a worker that was taken over writes
nothing. A cluster that does not answer keeps its last known state and its age. Decides nothing about meshes.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction

from apps.analysis import recording
from apps.analysis.actions import analyse_cluster
from apps.changes.actions.see_drift import see_drift
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import GatewayError
from apps.clusters.models import Cluster
from apps.clusters.selectors import refreshable
from apps.common import collector
from apps.common.clock import now
from apps.inventory import runs, store
from apps.inventory.actions import request_refresh, send
from apps.inventory.collect import Collection, collect
from apps.inventory.models import RefreshRun
from apps.inventory.selectors import latest_reading
from apps.pipeline import health

REPORT_SECONDS = 0.5
TELL_AGAIN = timedelta(seconds=60)
KEEP_RUNS = timedelta(days=2)

log = structlog.get_logger(__name__)


def refresh(run_id: int) -> RefreshRun | None:
    """Carries out one run and returns it, ended. None when there was nothing to do: the run is done, or
    another worker reads the cluster (then the run waits its turn)."""
    run = runs.claim(run_id)
    if run is None:
        return None
    cluster = run.cluster
    if cluster.paused and run.reads:
        runs.fail(run, f"{cluster.name} is paused.")
        return run
    try:
        with collector.paused():
            if run.reads:
                _carry_out(run, cluster)
            else:
                _analyse(run, cluster)
                runs.finish(run, changed=0, message="Analysed anew; the cluster was not read.")
    except runs.LostLeaseError:
        log.warning("refresh_lost_its_lease", cluster=cluster.name, run=run.pk)
        return None
    except GatewayError as failure:
        if runs.fail(run, failure.message):
            health.note_failure(cluster, failure)
    except Exception:
        runs.fail(run, "The console failed while it read this cluster; its log says more.")
        raise
    finally:
        _wake_next(cluster)
    run.refresh_from_db()
    return run


def _carry_out(run: RefreshRun, cluster: Cluster) -> None:
    """The four steps. Raises GatewayError, LostLeaseError."""
    collection = _read(run, cluster)
    saved = _keep(run, cluster, collection)
    _analyse(run, cluster, collection.read)
    runs.finish(run, changed=saved.added + saved.changed + saved.removed, message=_summary(saved))
    health.note_complete(cluster, len(collection.gaps))


def _analyse(run: RefreshRun, cluster: Cluster, objects: int = 0) -> None:
    """Prepares the answers from what is known. Raises LostLeaseError."""
    runs.report(run, "Analysing", objects)
    read_at = run.started_at if run.reads else None
    analyse_cluster(cluster, hold=lambda: runs.hold(run), read_at=read_at)


def _read(run: RefreshRun, cluster: Cluster) -> Collection:
    """Asks the cluster for everything. No transaction is open here."""
    with open_gateway(cluster) as gateway:
        health.note_answer(cluster, gateway.version(), gateway.identity())
        return collect(gateway, progress=_Reporter(run))


def _keep(run: RefreshRun, cluster: Cluster, collection: Collection) -> store.Saved:
    """Writes what was read, unless the run was taken over meanwhile, and compares what changes wrote."""
    with transaction.atomic():
        runs.hold(run)
        saved = store.save(cluster, collection, at=now())
        see_drift(cluster=cluster, touched=saved.touched, began=run.started_at or run.requested_at)
        return saved


def request_due() -> int:
    """Queues a refresh of every cluster whose last one is old enough, and tells the workers again of
    runs that nobody works on. Returns how many were queued or told again."""
    count = 0
    due = now() - timedelta(seconds=settings.MESHCONSOLE_REFRESH_SECONDS)
    for cluster in refreshable():
        last = latest_reading(cluster)
        if (last is None or last.requested_at <= due) and not runs.under_way(cluster):
            request_refresh(actor=None, cluster=cluster, trigger="schedule")
            count += 1
    for run in runs.unattended(TELL_AGAIN):
        send(run)
        count += 1
    runs.prune(KEEP_RUNS)
    recording.prune()
    return count


def _wake_next(cluster: Cluster) -> None:
    """A run that had to wait for this one is told to the workers now."""
    waiting = runs.waiting(cluster)
    if waiting is not None:
        send(waiting)


def _summary(saved: store.Saved) -> str:
    if not saved.any:
        return "Nothing has changed."
    return f"{saved.added} objects are new, {saved.changed} changed, {saved.removed} gone."


class _Reporter:
    """Writes progress into the run, at most twice a second; that also renews the lease."""

    def __init__(self, run: RefreshRun) -> None:
        self._run = run
        self._next = 0.0

    def __call__(self, step: str, objects: int) -> None:
        if time.monotonic() >= self._next:
            runs.report(self._run, step, objects)
            self._next = time.monotonic() + REPORT_SECONDS
