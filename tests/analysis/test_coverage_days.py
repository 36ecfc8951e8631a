"""One row of coverage a cluster and day, written by complete readings only, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.analysis import coveragedays, recording
from apps.analysis.actions import analyse_cluster
from apps.analysis.models import ClusterSummary, CoverageDay
from apps.clusters.actions import pause, resume
from apps.clusters.models import Cluster, Pause
from apps.common.clock import now
from apps.common.errors import InvalidInputError
from apps.inventory.runs import LostLeaseError
from apps.mesh.refs import Manifest
from apps.mesh.snapshot import Gap, Snapshot
from apps.simcluster.scenario import load
from tests.factories.clusters import cluster as cluster_row
from tests.factories.coverage import ago, covered, registered
from tests.factories.fleet import SCENARIOS
from tests.factories.people import person

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return list(load(SCENARIOS / "prod-eu-1.yaml").manifests)


@pytest.fixture
def row() -> Cluster:
    return cluster_row("prod-eu-1", "production")


def test_a_complete_reading_records_its_day_with_what_was_counted(
    row: Cluster, manifests: list[Manifest]
) -> None:
    found = analyse_cluster(row, Snapshot.from_manifests(manifests), read_at=NOON)
    kept = CoverageDay.objects.get()
    count = found.coverage.count
    assert (kept.day, kept.total, kept.expected) == (NOON.date(), count.total, count.wanted)
    assert 0 < sum(kept.by_kind.values()) <= count.wanted <= count.total
    assert set(kept.namespaces) == {one.namespace for one in found.coverage.namespaces}
    for name in ("total", "expected"):
        assert sum(one[name] for one in kept.namespaces.values()) == getattr(kept, name)
    wanted = {str(r.ref): r.capture for r in found.workloads if r.capture.wanted}
    complete = [ref for ref, capture in wanted.items() if capture.state == "complete"]
    assert sum(kept.by_kind.values()) == len(complete)


@pytest.mark.parametrize("name", ["prod-eu-1", "staging-eu", "lab-us", "edge-small"])
def test_a_day_says_the_same_as_the_figures_of_its_analysis(row: Cluster, name: str) -> None:
    manifests = load(SCENARIOS / f"{name}.yaml").manifests
    analyse_cluster(row, Snapshot.from_manifests(manifests), read_at=NOON)
    kept, figures = CoverageDay.objects.get(), ClusterSummary.objects.get().figures
    assert (kept.expected, sum(kept.by_kind.values())) == (figures["capture_expected"], figures["captured"])


def test_the_last_reading_of_a_day_counts_and_the_next_day_has_its_own(
    row: Cluster, manifests: list[Manifest]
) -> None:
    full = Snapshot.from_manifests(manifests)
    analyse_cluster(row, full, read_at=NOON)
    with CaptureQueriesContext(connection) as queries:
        analyse_cluster(row, full, read_at=NOON + timedelta(hours=1))
    assert not [q for q in queries if "coverageday" in q["sql"] and not q["sql"].startswith("SELECT")]
    first = CoverageDay.objects.get()
    analyse_cluster(row, Snapshot.from_manifests([]), read_at=NOON + timedelta(hours=2))
    last = CoverageDay.objects.get()
    assert (last.pk, last.total, last.namespaces) == (first.pk, 0, {})
    analyse_cluster(row, full, read_at=NOON + timedelta(hours=12))
    assert [(one.day, one.total) for one in CoverageDay.objects.all()] == [
        (NOON.date(), 0),
        (NOON.date() + timedelta(days=1), first.total),
    ]


def test_what_was_not_read_records_nothing(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, Snapshot.from_manifests(manifests))  # analysed anew only
    for kind in ("Pod", "Deployment", "Rollout", "Namespace", "ConfigMap", "MutatingWebhookConfiguration"):
        partial = Snapshot.from_manifests(manifests, gaps=[Gap(kind, "", "forbidden")])
        analyse_cluster(row, partial, read_at=NOON)
    assert not CoverageDay.objects.exists()
    other = Snapshot.from_manifests(manifests, gaps=[Gap("EnvoyFilter", "", "forbidden")])
    analyse_cluster(row, other, read_at=NOON)
    assert CoverageDay.objects.exists()


def test_a_worker_that_lost_its_lease_records_nothing(row: Cluster, manifests: list[Manifest]) -> None:
    def lost() -> None:
        raise LostLeaseError("taken over")

    with pytest.raises(LostLeaseError):
        analyse_cluster(row, Snapshot.from_manifests(manifests), hold=lost, read_at=NOON)
    assert not CoverageDay.objects.exists()


def test_old_days_are_forgotten(row: Cluster) -> None:
    covered(row, recording.KEEP_DAYS, sidecar=1, expected=1)
    kept = covered(row, recording.KEEP_DAYS - 1, sidecar=1, expected=1)
    assert recording.prune() == 1
    assert CoverageDay.objects.get() == kept
    assert len(coveragedays.of_cluster(row, recording.KEEP_DAYS).days) == recording.KEEP_DAYS


def test_the_fleet_has_a_gap_where_an_environment_has_none(row: Cluster) -> None:
    lab = registered(cluster_row("edge", "lab"), 9)
    registered(row, 9)
    for days in (2, 1, 0):
        covered(lab, days, sidecar=1, expected=2)
    covered(row, 2, sidecar=3, expected=4)
    covered(row, 0, sidecar=4, expected=4)
    fleet, production, labs = coveragedays.of_fleet([row, lab], 30)
    assert [day.percent for day in fleet.days] == [66.7, None, 83.3]
    assert [day.percent for day in labs.days] == [50.0] * 3
    assert [(day.percent, day.not_read) for day in production.days] == [
        (75.0, ()), (None, ("prod-eu-1",)), (100.0, ()),
    ]  # fmt: skip
    assert [series.environment for series in (fleet, production, labs)] == ["", "production", "lab"]


def test_namespaces_are_those_that_one_may_see(row: Cluster) -> None:
    covered(row, 1, sidecar=3, expected=4)
    victor, quinn = person("victor"), person("quinn", "viewer", namespace="qui*")
    assert [one.namespace for one in coveragedays.of_namespaces(victor, row, 30)] == ["payments", "quiet"]
    assert [one.namespace for one in coveragedays.of_namespaces(quinn, row, 30)] == ["quiet"]
    assert coveragedays.of_namespaces(quinn, row, 30, only="payments") == []
    [payments] = coveragedays.of_namespaces(victor, row, 30, only="payments")
    assert [(day.day, day.percent, day.not_read) for day in payments.days] == [
        (ago(1), 75.0, ()), (ago(0), None, ("prod-eu-1",)),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["0", "-1", "401", "x", "1e3", "٣", "9" * 5000])
def test_a_number_of_days_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="1 to 400"):
        coveragedays.days_asked(text)


def test_the_environment_of_the_day_is_recorded_and_counts(row: Cluster, manifests: list[Manifest]) -> None:
    registered(row, 3)
    covered(row, 1, sidecar=2, expected=4)
    CoverageDay.objects.update(environment="lab")
    analyse_cluster(row, Snapshot.from_manifests(manifests), read_at=now())
    assert CoverageDay.objects.get(day=ago(0)).environment == row.environment == "production"
    fleet, production, lab = coveragedays.of_fleet([row], 30)
    assert [day.day for day in fleet.days] == [ago(1), ago(0)]
    assert (production.environment, [day.day for day in production.days]) == ("production", [ago(0)])
    assert lab.environment == "lab"
    assert [day.counts is not None for day in lab.days] == [True, False]


def test_a_pause_is_kept_and_leaves_a_mark_instead_of_a_gap(row: Cluster) -> None:
    other = registered(cluster_row("till", "production"), 3)
    registered(row, 3)
    for day in (2, 1, 0):
        covered(row, day, sidecar=2, expected=4)
    covered(other, 2, sidecar=4, expected=4)
    omar = person("omar", "operator")
    pause(actor=omar, cluster=other)
    pause(actor=omar, cluster=other)
    Pause.objects.update(since=now() - timedelta(days=1))
    fleet = coveragedays.of_fleet([row, other], 30)[0]
    assert [(day.percent, day.paused) for day in fleet.days] == [
        (75.0, ()),
        (50.0, ("till",)),
        (50.0, ("till",)),
    ]
    assert coveragedays.of_cluster(other, 30).days[-1].paused == ("till",)
    resume(actor=omar, cluster=other)
    (kept,) = Pause.objects.all()
    assert kept.until is not None
