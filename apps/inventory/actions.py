"""Asking for a refresh. The reading itself is done by the pipeline's worker."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows_somewhere, forget_bindings, require
from apps.audit.actions import record
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.common.errors import WrongStateError
from apps.common.outbox import enqueue
from apps.inventory import runs
from apps.inventory.models import InventoryState, RefreshRun

REFRESH_TASK = "pipeline.refresh_cluster"


def request_refresh(*, actor: User | None, cluster: Cluster, trigger: str = "person") -> RefreshRun:
    """Queues a reading of the cluster and returns its run; one that is already queued is returned as it
    is. `actor` None is the console itself. Whoever may see the cluster may ask.

    `trigger` is schedule, person, change or registration. Raises WrongStateError for a paused cluster.
    """
    if actor is not None:
        _require_view(actor, cluster)
    if cluster.paused:
        raise WrongStateError(f"{cluster.name} is paused. Resume it to read it again.")
    with transaction.atomic():
        queued = runs.waiting(cluster, reads=True)
        if queued is not None:
            return queued
        run = runs.queue(cluster, trigger)
        send(run)
        if actor is not None:
            record(
                actor=actor,
                action="cluster.refresh",
                summary=f"Asked for a refresh of {cluster.name}.",
                object_type="cluster",
                object_id=cluster.name,
                cluster=cluster.name,
            )
    return run


def request_analysis(*, cluster: Cluster) -> RefreshRun | None:
    """Queues an analysis of what is known of the cluster, which is not asked; it is right for a paused
    cluster, or one that does not answer. None where nothing is known yet. The caller has checked who asks
    and keeps the record."""
    if not InventoryState.objects.filter(cluster=cluster, read_at__isnull=False).exists():
        return None
    queued = runs.waiting(cluster, reads=False)
    if queued is not None:
        return queued
    run = runs.queue(cluster, RefreshRun.ANALYSIS)
    send(run)
    return run


def send(run: RefreshRun) -> None:
    """Tells the workers of a run once the transaction commits; telling them twice is harmless."""
    RefreshRun.objects.filter(pk=run.pk).update(sent_at=now())
    enqueue(REFRESH_TASK, run_id=run.pk)


def _require_view(actor: User, cluster: Cluster) -> None:
    forget_bindings(actor)
    if not allows_somewhere(actor, Permission.VIEW, environment=cluster.environment, cluster=cluster.name):
        require(actor, Permission.VIEW, environment=cluster.environment, cluster=cluster.name)
