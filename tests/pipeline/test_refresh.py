"""A refresh from a simulated cluster's API server to prepared answers, and each way in which it can fail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from apps.analysis.models import ClusterSummary, CoverageDay, Finding, WorkloadState
from apps.analysis.recording import KEEP_DAYS
from apps.audit.models import AuditEvent
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.common.models import OutboxMessage
from apps.inventory import runs, store
from apps.inventory.actions import request_analysis, request_refresh
from apps.inventory.collect import Collection, collect
from apps.inventory.models import ObjectVersion, RefreshRun
from apps.pipeline import refresh as pipeline
from apps.pipeline.refresh import refresh, request_due
from apps.simcluster.access import User as ClusterUser
from apps.simcluster.faults import Fault, FaultKind, Match
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from tests.factories.clusters import cluster as cluster_row
from tests.factories.fleet import connection, spec

pytestmark = pytest.mark.django_db
FEW = ({"apiGroups": [""], "resources": ["namespaces", "services"], "verbs": ["get", "list"]},)


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    return [spec("edge-small", users=(ClusterUser("few", rules=FEW),))]


def registered(sim: SimulatedCluster, user: str = "admin", token: str = "") -> Cluster:
    return cluster_row(sim.name, "lab", connection(sim, user, token))


def read(cluster: Cluster) -> RefreshRun:
    run = refresh(runs.queue(cluster, "test").pk)
    assert run is not None
    cluster.refresh_from_db()
    return run


def test_a_cluster_is_read_kept_and_analysed(sim: SimulatedCluster) -> None:
    row = registered(sim)
    run = read(row)
    assert (run.state, run.message.startswith(f"{run.changed} objects are new")) == ("done", True)
    assert (row.health, row.failing_since, row.gaps) == ("healthy", None, [])
    assert (row.identity, row.kubernetes_version) == ("admin", "v1.28.15")
    assert WorkloadState.objects.count() == ClusterSummary.objects.get().figures["workloads"] > 20
    assert Finding.objects.exists()


def test_a_day_is_recorded_by_a_reading_and_not_by_an_analysis_of_what_was_known(
    sim: SimulatedCluster,
) -> None:
    row = registered(sim)
    read(row)
    counted = CoverageDay.objects.get()
    assert (counted.cluster, counted.day) == (row, now().date())
    assert 0 < counted.expected <= counted.total
    with time_machine.travel(now() + timedelta(days=1)):
        request_analysis(cluster=row)
        refresh(RefreshRun.objects.get(state="queued").pk)
        assert ClusterSummary.objects.get().analysed_at.date() > counted.day
        assert CoverageDay.objects.count() == 1
        read(row)
        assert CoverageDay.objects.count() == 2
    with time_machine.travel(now() + timedelta(days=KEEP_DAYS)):
        request_due()
        assert [one.day for one in CoverageDay.objects.all()] == [counted.day + timedelta(days=1)]


def test_a_second_reading_of_the_same_changes_nothing(sim: SimulatedCluster) -> None:
    row = registered(sim)
    read(row)
    before = ObjectVersion.objects.count()
    run = read(row)
    assert (run.message, run.changed) == ("Nothing has changed.", 0)
    assert ObjectVersion.objects.count() == before


def test_a_cluster_that_is_down_keeps_its_last_state_and_says_since_when(sim: SimulatedCluster) -> None:
    row = registered(sim)
    read(row)
    known = WorkloadState.objects.count()
    Cluster.objects.filter(pk=row.pk).update(server="https://127.0.0.1:1")
    row.refresh_from_db()
    run = read(row)
    since = row.failing_since
    assert (run.state, row.health) == ("failed", "unreachable")
    assert (
        row.health_message
        == run.message
        == "The cluster does not answer: the connection was refused or has no route."
    )
    assert since is not None
    assert WorkloadState.objects.count() == known
    with time_machine.travel(now() + timedelta(minutes=5)):
        read(row)
    assert row.failing_since == since
    assert AuditEvent.objects.filter(action="cluster.health", outcome="failed").count() == 1
    Cluster.objects.filter(pk=row.pk).update(server=sim.url)
    row.refresh_from_db()
    read(row)
    assert (row.health, row.health_message) == ("healthy", "")
    assert not row.failing_since


def test_a_token_that_expired_is_named_as_such(sim: SimulatedCluster) -> None:
    row = registered(sim, token="an-expired-token-0001")
    run = read(row)
    assert (run.state, row.health) == ("failed", "auth_failed")
    assert "refused the credential" in row.health_message


def test_forbidden_lists_leave_a_partly_readable_cluster(sim: SimulatedCluster) -> None:
    row = registered(sim, "few")
    run = read(row)
    assert (run.state, row.health) == ("done", "degraded")
    assert {"Pod", "ServiceEntry", "Deployment"} <= {gap["kind"] for gap in row.gaps}
    assert "unknown" in row.health_message
    assert store.load(row).missing("Pod") is not None


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.TRUNCATED])
def test_a_reading_that_breaks_off_in_the_middle_changes_nothing(
    sim: SimulatedCluster, kind: FaultKind
) -> None:
    row = registered(sim)
    read(row)
    before = list(ObjectVersion.objects.values_list("pk", "valid_to").order_by("pk"))
    sim.faults.add(Fault(kind, Match(path="/pods")))
    assert read(row).state == "failed"
    assert list(ObjectVersion.objects.values_list("pk", "valid_to").order_by("pk")) == before


def test_a_worker_that_lost_its_run_meanwhile_writes_nothing(
    sim: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = registered(sim)

    def slowly(gateway: Any, *, progress: Any) -> Collection:
        found = collect(gateway, progress=progress)
        RefreshRun.objects.update(attempt=9)  # another worker took the run over
        return found

    monkeypatch.setattr(pipeline, "collect", slowly)
    assert refresh(runs.queue(row, "test").pk) is None
    assert not ObjectVersion.objects.exists()
    assert RefreshRun.objects.get().state == "running"


def test_our_own_failure_is_no_failure_of_the_cluster(
    sim: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = registered(sim)
    monkeypatch.setattr(pipeline, "analyse_cluster", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refresh(runs.queue(row, "test").pk)
    assert RefreshRun.objects.get().state == "failed"
    assert "log says more" in RefreshRun.objects.get().message


def test_a_run_that_had_to_wait_is_told_to_the_workers_afterwards(sim: SimulatedCluster) -> None:
    row = registered(sim)
    waiting = runs.queue(row, "person")
    refresh(runs.queue(row, "schedule").pk)
    assert OutboxMessage.objects.get().arguments == {"run_id": waiting.pk}


def test_clusters_are_queued_when_they_are_due(settings: Any) -> None:
    settings.MESHCONSOLE_REFRESH_SECONDS = 60
    row = cluster_row("one")
    cluster_row("two")
    paused = cluster_row("three")
    Cluster.objects.filter(pk=paused.pk).update(paused=True)
    assert request_due() == 2
    assert request_due() == 0
    for run in RefreshRun.objects.filter(cluster=row):
        claimed = runs.claim(run.pk)
        assert claimed is not None
        runs.finish(claimed, changed=0, message="")
    assert request_due() == 0
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert request_due() == 2  # one is due again; the other's message was lost and is sent again


def test_an_analysis_of_what_is_known_puts_no_reading_off(sim: SimulatedCluster, settings: Any) -> None:
    settings.MESHCONSOLE_REFRESH_SECONDS = 60
    row = registered(sim)
    assert request_analysis(cluster=row) is None  # nothing is known yet
    read(row)
    with time_machine.travel(now() + timedelta(seconds=61)):
        run = request_analysis(cluster=row)
        assert run is not None
        assert request_analysis(cluster=row) == run
        asked = request_refresh(actor=None, cluster=row)
        assert asked != run
        Cluster.objects.filter(pk=row.pk).update(server="https://127.0.0.1:1")
        refresh(run.pk)
        run.refresh_from_db()
        assert run.state == "done"
        asked.delete()
        assert request_due() == 1


def test_a_cluster_that_was_paused_meanwhile_is_left_alone(sim: SimulatedCluster) -> None:
    row = registered(sim)
    run = runs.queue(row, "test")
    Cluster.objects.update(paused=True)
    refresh(run.pk)
    run.refresh_from_db()
    assert (run.state, run.message) == ("failed", "edge-small is paused.")
    assert not ObjectVersion.objects.exists()


def test_a_cluster_that_fails_in_another_way_has_been_failing_since_the_first(sim: SimulatedCluster) -> None:
    row = registered(sim, token="an-expired-token-0001")
    read(row)
    since = row.failing_since
    Cluster.objects.update(server="https://127.0.0.1:1")
    row.refresh_from_db()
    read(row)
    assert (row.health, row.failing_since) == ("unreachable", since)


def test_the_command_reads_here_and_now(sim: SimulatedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    row = registered(sim)
    call_command("refresh", row.name)
    call_command("refresh", "--all")
    said = capsys.readouterr().out
    assert "objects are new" in said
    assert "Nothing has changed." in said
    with pytest.raises(CommandError, match="no cluster named nowhere"):
        call_command("refresh", "nowhere")
    with pytest.raises(CommandError, match="Name one"):
        call_command("refresh")
    Cluster.objects.update(server="https://127.0.0.1:1")
    with pytest.raises(CommandError, match="Not read: edge-small"):
        call_command("refresh", row.name)
