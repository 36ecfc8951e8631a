"""The prepared answers: findings over time, rows that are written only when they differ, honest figures."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.analysis import selectors
from apps.analysis.actions import analyse_cluster, unread_codes
from apps.analysis.models import ClusterSummary, Finding, ScopeVerdicts, WorkloadState
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.inventory.runs import LostLeaseError
from apps.mesh.hostsets import Tier
from apps.mesh.refs import Manifest
from apps.mesh.snapshot import Gap, Snapshot
from apps.simcluster.scenario import load
from tests.factories.clusters import cluster as cluster_row
from tests.factories.fleet import SCENARIOS
from tests.factories.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return list(load(SCENARIOS / "edge-small.yaml").manifests)


@pytest.fixture
def row() -> Cluster:
    return cluster_row("edge-small", "lab")


def snapshot(manifests: list[Manifest], *gaps: Gap, without: str = "") -> Snapshot:
    return Snapshot.from_manifests((m for m in manifests if m["kind"] != without), gaps=gaps)


def test_findings_scopes_workloads_and_figures_are_kept(row: Cluster, manifests: list[Manifest]) -> None:
    found = analyse_cluster(row, snapshot(manifests))
    assert found.findings
    assert Finding.objects.count() == len(found.findings)
    assert ScopeVerdicts.objects.count() == len(found.scopes)
    assert WorkloadState.objects.count() == len(found.workloads)
    figures = ClusterSummary.objects.get().figures
    assert figures["workloads"] == len(found.workloads)
    assert figures["required_hosts"] == 10  # twelve, without the two that no pod opens
    assert 0 < figures["blocked_hosts"] <= 10
    assert figures["blocked_scopes"] <= figures["scopes"]
    needed = {e.host for e in found.hostset.hosts if e.tier is not Tier.INFORMATIONAL}
    blocked = [
        {host for host, verdict in row.verdicts.items() if host in needed and verdict.startswith("blocked")}
        for row in ScopeVerdicts.objects.all()
    ]
    some = [hosts for hosts in blocked if hosts and hosts != needed]
    assert figures["closed_scopes"] == blocked.count(needed)
    assert figures["closed_by_sidecar"] <= figures["closed_scopes"]
    assert figures["blocked_by_host"] == dict(sorted(Counter(h for hosts in some for h in hosts).items()))
    assert sum(figures["findings"].values()) == len(found.findings)


def test_every_cell_has_its_verdict_and_its_evidence(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    for scope in ScopeVerdicts.objects.all():
        assert len(scope.verdicts) == len(scope.answers) == 12
        for host, answer in scope.answers.items():
            assert answer["verdict"] == scope.verdicts[host]
            assert answer["evidence"][-1]["text"]


def test_an_unchanged_cluster_writes_no_rows_again(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    with CaptureQueriesContext(connection) as queries:
        analyse_cluster(row, snapshot(manifests))
    writes = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert not [sql for sql in writes if "workloadstate" in sql or "scopeverdicts" in sql]
    assert not [sql for sql in writes if "finding" in sql and not sql.startswith("UPDATE")]
    assert len(writes) <= 3


def test_a_finding_that_stays_keeps_its_beginning_and_one_that_goes_is_resolved(
    row: Cluster, manifests: list[Manifest]
) -> None:
    analyse_cluster(row, snapshot(manifests))
    first = Finding.objects.order_by("pk").first()
    assert first is not None
    with time_machine.travel(now() + timedelta(hours=1)):
        analyse_cluster(row, snapshot(manifests))
    again = Finding.objects.get(pk=first.pk)
    assert again.opened_at == first.opened_at
    assert again.seen_at > first.seen_at
    with time_machine.travel(now() + timedelta(hours=2)):
        analyse_cluster(row, Snapshot.from_manifests([]))
    assert not Finding.objects.filter(resolved_at__isnull=True).exists()
    with time_machine.travel(now() + timedelta(hours=3)):
        analyse_cluster(row, snapshot(manifests))
    reopened = Finding.objects.filter(fingerprint=first.fingerprint).order_by("pk")
    assert [finding.resolved_at is None for finding in reopened] == [False, True]


def test_what_could_not_be_read_resolves_nothing(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    before = set(Finding.objects.values_list("fingerprint", flat=True))
    blind = Snapshot.from_manifests(
        [], gaps=[Gap(k, "", "forbidden") for k in ("Pod", "Namespace", "ServiceEntry")]
    )
    found = analyse_cluster(row, blind)
    codes = unread_codes(found, blind)
    kept = Finding.objects.filter(resolved_at__isnull=True, fingerprint__in=before)
    assert {finding.code for finding in Finding.objects.filter(fingerprint__in=before, code__in=codes)} == {
        finding.code for finding in kept if finding.code in codes
    }
    assert kept.exists()


def test_workloads_and_scopes_that_went_are_gone(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    analyse_cluster(row, Snapshot.from_manifests([]))
    assert not WorkloadState.objects.exists()
    assert not ScopeVerdicts.objects.exists()
    assert ClusterSummary.objects.get().figures["workloads"] == 0


def test_a_worker_that_lost_its_lease_writes_nothing(row: Cluster, manifests: list[Manifest]) -> None:
    def lost() -> None:
        raise LostLeaseError("taken over")

    with pytest.raises(LostLeaseError):
        analyse_cluster(row, snapshot(manifests), hold=lost)
    assert not Finding.objects.exists()
    assert not ClusterSummary.objects.exists()


def test_pages_are_read_with_few_queries_and_without_evidence(
    row: Cluster, manifests: list[Manifest], django_assert_num_queries: Any
) -> None:
    analyse_cluster(row, snapshot(manifests))
    victor = person("victor")
    list(selectors.scopes(victor, row)[:1])  # reads the bindings
    with django_assert_num_queries(1):
        scopes = list(selectors.scopes(victor, row))
    assert "answers" in scopes[0].get_deferred_fields()
    for read in (
        lambda: list(selectors.workloads(victor)),
        lambda: list(selectors.open_findings(victor)),
        lambda: selectors.findings_by_code(victor),
        lambda: selectors.tallies(selectors.workloads(victor), "capture_tone"),
        lambda: list(selectors.summaries(victor)),
        lambda: selectors.scope(victor, row, scopes[0].key),
    ):
        with django_assert_num_queries(1):
            read()


def test_only_what_one_may_see_is_listed(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    eve, limited = person("eve"), person("lee", Role.VIEWER, namespace="point-of-*")
    assert not selectors.workloads(eve).exists()
    assert not selectors.findings(eve).exists()
    assert not selectors.scopes(eve, row).exists()
    assert not selectors.summaries(eve).exists()
    assert {w.namespace for w in selectors.workloads(limited)} == {"point-of-sale"}
    assert {s.namespace for s in selectors.scopes(limited, row)} == {"point-of-sale"}
    assert {f.namespace for f in selectors.findings(limited)} <= {"point-of-sale", ""}


def test_workloads_are_found_by_words(row: Cluster, manifests: list[Manifest]) -> None:
    analyse_cluster(row, snapshot(manifests))
    seen = selectors.workloads(person("victor"))
    assert [w.name for w in seen.filter(selectors.matching("till-api deployment edge"))] == ["till-api"]
    assert not seen.filter(selectors.matching("<script>")).exists()


def test_findings_are_counted_by_cause(row: Cluster, manifests: list[Manifest]) -> None:
    found = analyse_cluster(row, snapshot(manifests))
    causes = selectors.findings_by_code(person("victor"))
    assert sum(cause["open"] for cause in causes) == len(found.findings)
    assert causes[0]["severity"] == found.findings[0].severity.value


def test_a_namespace_called_script_is_kept_as_text(row: Cluster) -> None:
    name = "<script>alert(1)</script>"
    hostile = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "x" * 300, "namespace": name * 4, "labels": {"link": "javascript:alert(1)"}},
            "spec": {"replicas": 10**12, "template": {}},
        },
    ]
    analyse_cluster(row, Snapshot.from_manifests(hostile))
    state = WorkloadState.objects.get()
    assert state.namespace.startswith(name)
    assert (len(state.name), len(state.namespace)) == (253, 63)


def test_the_mutual_tls_mode_of_a_workload_is_kept_with_its_ports(row: Cluster) -> None:
    proxy = {"name": "istio-proxy", "image": "istio/proxyv2:1.28.1"}
    policy = {
        "selector": {"matchLabels": {"app": "web"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"8080": {"mode": "DISABLE"}},
    }
    meta = {"name": "web", "namespace": "shop"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}, proxy]}}
    manifests = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}},
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": meta,
            "spec": policy,
        },
    ]
    analyse_cluster(row, Snapshot.from_manifests(manifests))
    state = WorkloadState.objects.get()
    assert (state.mtls_mode, state.mtls_ports) == ("strict", {"8080": "disable"})
    assert state.mtls_reason == "PeerAuthentication shop/web says STRICT."
