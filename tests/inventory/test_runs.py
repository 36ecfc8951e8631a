"""A refresh run belongs to one worker at a time, and a worker that lost it writes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apps.audit.models import AuditEvent
from apps.common.clock import now
from apps.common.errors import PermissionDeniedError, WrongStateError
from apps.common.models import OutboxMessage
from apps.inventory import runs
from apps.inventory.actions import request_refresh
from apps.inventory.models import RefreshRun
from tests.factories.clusters import cluster as cluster_row
from tests.factories.people import person

pytestmark = pytest.mark.django_db
LATER = runs.LEASE + timedelta(seconds=1)


def test_a_run_is_claimed_once() -> None:
    run = runs.queue(cluster_row(), "test")
    claimed = runs.claim(run.pk)
    assert claimed is not None
    assert (claimed.state, claimed.attempt) == ("running", 1)
    assert runs.claim(run.pk) is None


def test_one_run_at_a_time_reads_a_cluster() -> None:
    row = cluster_row()
    first, second = runs.queue(row, "test"), runs.queue(row, "test")
    held = runs.claim(first.pk)
    assert held is not None
    assert runs.claim(second.pk) is None
    runs.finish(held, changed=0, message="")
    assert runs.claim(second.pk) is not None


def test_a_run_whose_worker_died_is_taken_over_and_the_dead_one_writes_nothing() -> None:
    run = runs.queue(cluster_row(), "test")
    dead = runs.claim(run.pk)
    assert dead is not None
    with time_machine.travel(now() + LATER):
        heir = runs.claim(run.pk)
        assert heir is not None
        assert heir.attempt == 2
        with pytest.raises(runs.LostLeaseError):
            runs.report(dead, "Pods", 1)
        with pytest.raises(runs.LostLeaseError):
            runs.hold(dead)
        with pytest.raises(runs.LostLeaseError):
            runs.finish(dead, changed=1, message="")
        assert runs.fail(dead, "late") is False
        runs.finish(heir, changed=0, message="done")


def test_a_dead_run_does_not_hold_up_the_next_one() -> None:
    row = cluster_row()
    dead = runs.claim(runs.queue(row, "test").pk)
    following = runs.queue(row, "test")
    with time_machine.travel(now() + LATER):
        assert runs.claim(following.pk) is not None
    assert dead is not None
    dead.refresh_from_db()
    assert (dead.state, "stopped before" in dead.message) == ("failed", True)


def test_progress_renews_the_lease() -> None:
    run = runs.claim(runs.queue(cluster_row(), "test").pk)
    assert run is not None
    with time_machine.travel(now() + runs.LEASE - timedelta(seconds=1)):
        runs.report(run, "Pods, page 3", 1500)
    with time_machine.travel(now() + LATER):
        assert runs.claim(run.pk) is None


def test_a_finished_run_is_not_run_again() -> None:
    run = runs.claim(runs.queue(cluster_row(), "test").pk)
    assert run is not None
    runs.finish(run, changed=3, message="ok")
    assert runs.claim(run.pk) is None
    assert runs.claim(999_999) is None


def test_asking_for_a_refresh_queues_one_run_and_one_message() -> None:
    row, victor = cluster_row(), person("victor")
    run = request_refresh(actor=victor, cluster=row)
    assert request_refresh(actor=victor, cluster=row) == run
    message = OutboxMessage.objects.get()
    assert (message.task, message.arguments) == ("pipeline.refresh_cluster", {"run_id": run.pk})
    assert AuditEvent.objects.get().action == "cluster.refresh"


def test_strangers_and_paused_clusters_are_not_refreshed() -> None:
    row = cluster_row()
    with pytest.raises(PermissionDeniedError):
        request_refresh(actor=person("eve"), cluster=row)
    row.paused = True
    with pytest.raises(WrongStateError, match="paused"):
        request_refresh(actor=None, cluster=row)
    assert not RefreshRun.objects.exists()


def test_runs_that_nobody_works_on_are_told_again_and_old_ones_forgotten() -> None:
    row = cluster_row()
    run = request_refresh(actor=None, cluster=row, trigger="schedule")
    assert not runs.unattended(timedelta(seconds=60)).exists()
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert list(runs.unattended(timedelta(seconds=60))) == [run]
    claimed = runs.claim(run.pk)
    assert claimed is not None
    runs.finish(claimed, changed=0, message="")
    with time_machine.travel(now() + timedelta(days=3)):
        assert runs.prune(timedelta(days=2)) == 1
