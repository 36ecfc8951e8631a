"""Days of coverage as readings would have left them."""

from __future__ import annotations

from datetime import date, timedelta

from apps.analysis.models import CoverageDay
from apps.clusters.models import Cluster
from apps.common.clock import now


def ago(days: int) -> date:
    return now().date() - timedelta(days=days)


def registered(cluster: Cluster, days: int) -> Cluster:
    """Makes the cluster one that was registered so many days ago."""
    cluster.created_at = now() - timedelta(days=days)
    cluster.save(update_fields=["created_at"])
    return cluster


def covered(cluster: Cluster, days: int, *, sidecar: int, expected: int, total: int = 10) -> CoverageDay:
    """The row of so many days ago; all of it in the namespace payments, and nothing in `quiet`."""
    counts = {"total": total, "expected": expected, "by_kind": {"sidecar": sidecar}}
    namespaces = {"payments": counts, "quiet": {"total": 0, "expected": 0, "by_kind": {}}}
    return CoverageDay.objects.create(cluster=cluster, day=ago(days), **counts, namespaces=namespaces)
