"""The life of a refresh run: claimed by one worker, kept by a lease, fenced by its attempt number.

Only conditional updates: right on SQLite and on Postgres, with any number of workers. Knows nothing of
what a refresh does.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.inventory.models import RefreshRun

LEASE = timedelta(seconds=150)  # longer than any single answer of a cluster may take
MAX_MESSAGE = 2000
State = RefreshRun.State
ANALYSIS = RefreshRun.ANALYSIS


class LostLeaseError(Exception):
    """Somebody else has taken the run over; what this worker read is not to be written."""


def queue(cluster: Cluster, trigger: str) -> RefreshRun:
    """A new run that waits for a worker; nobody is told of it here."""
    return RefreshRun.objects.create(cluster=cluster, trigger=trigger[:20], requested_at=now())


def claim(run_id: int) -> RefreshRun | None:
    """The run, now ours; None when it is done, somebody else holds it, or its cluster is being read
    by another run (then it stays queued)."""
    moment = now()
    run = RefreshRun.objects.filter(pk=run_id).select_related("cluster").first()
    if run is None:
        return None
    _bury_dead(run.cluster, except_run=run_id)
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=moment)
    try:
        with transaction.atomic():
            taken = RefreshRun.objects.filter(free, pk=run_id).update(
                state=State.RUNNING,
                attempt=F("attempt") + 1,
                lease_until=moment + LEASE,
                started_at=moment,
                step="Connecting",
                objects_read=0,
                message="",
            )
    except IntegrityError:  # one_refresh_at_a_time
        return None
    if not taken:
        return None
    run.refresh_from_db()
    return run


def report(run: RefreshRun, step: str, objects: int) -> None:
    """Progress, and a longer lease. Raises LostLeaseError."""
    _mine(run, step=step[:100], objects_read=objects, lease_until=now() + LEASE)


def hold(run: RefreshRun) -> None:
    """Raises LostLeaseError unless the run is still ours. In a transaction it also keeps others from
    taking the run until the transaction ends."""
    _mine(run, lease_until=now() + LEASE)


def finish(run: RefreshRun, *, changed: int, message: str) -> None:
    """The run is complete. Raises LostLeaseError."""
    _mine(
        run, state=State.DONE, finished_at=now(), lease_until=None, step="", changed=changed, message=message
    )


def fail(run: RefreshRun, message: str) -> bool:
    """The run ended without a result; False when it was not ours any more."""
    moment = now()
    try:
        _mine(run, state=State.FAILED, finished_at=moment, lease_until=None, message=message[:MAX_MESSAGE])
    except LostLeaseError:
        return False
    return True


def waiting(cluster: Cluster, *, reads: bool | None = None) -> RefreshRun | None:
    """The run that is queued for a cluster, if there is one; with `reads` one that does, or does not, ask
    the cluster."""
    queued = RefreshRun.objects.filter(cluster=cluster, state=State.QUEUED).order_by("pk")
    if reads is not None:
        queued = queued.exclude(trigger=ANALYSIS) if reads else queued.filter(trigger=ANALYSIS)
    return queued.first()


def unattended(since: timedelta) -> QuerySet[RefreshRun]:
    """Runs that wait for a worker, or whose worker is silent, and of which no worker was told lately."""
    moment = now()
    stuck = Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=moment)
    told = Q(sent_at__isnull=True) | Q(sent_at__lt=moment - since)
    workable = Q(cluster__paused=False) | Q(trigger=ANALYSIS)
    return RefreshRun.objects.filter(stuck & told & workable).order_by("pk")


def under_way(cluster: Cluster) -> bool:
    """Whether a run of the cluster waits or is at work."""
    return RefreshRun.objects.filter(cluster=cluster, state__in=(State.QUEUED, State.RUNNING)).exists()


def prune(older_than: timedelta) -> int:
    """Forgets runs that ended long ago; how many."""
    ended = RefreshRun.objects.filter(state__in=(State.DONE, State.FAILED))
    return ended.filter(requested_at__lt=now() - older_than).delete()[0]


def _mine(run: RefreshRun, **fields: object) -> None:
    held = RefreshRun.objects.filter(pk=run.pk, attempt=run.attempt, state=State.RUNNING).update(**fields)
    if not held:
        raise LostLeaseError(f"The refresh {run.pk} was taken over by another worker.")


def _bury_dead(cluster: Cluster, *, except_run: int) -> None:
    """Runs whose worker is gone are failed, so that they hold nobody up."""
    moment = now()
    RefreshRun.objects.filter(cluster=cluster, state=State.RUNNING, lease_until__lt=moment).exclude(
        pk=except_run
    ).update(
        state=State.FAILED,
        finished_at=moment,
        lease_until=None,
        message="The worker that read the cluster stopped before it was done.",
    )
