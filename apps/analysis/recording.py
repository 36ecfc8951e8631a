"""Keeping one row of coverage counts for each cluster and day (UTC); counts only, no workload is named."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from apps.analysis import rows
from apps.analysis.models import CoverageDay
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.mesh.coverage import Coverage, CoverageCount

KEEP_DAYS = 400  # a year can be compared with the one before


def record(cluster: Cluster, coverage: Coverage, day: date) -> None:
    """Makes the day's row say what was counted last; writes nothing when it does already."""
    counted: dict[str, Any] = {
        **_plain(coverage.count),
        "environment": cluster.environment,
        "namespaces": {one.namespace[:63]: _plain(one.count) for one in coverage.namespaces},
    }
    known = CoverageDay.objects.filter(cluster=cluster, day=day).values(*counted).first()
    if known is None or rows.changed(known, counted):
        CoverageDay.objects.update_or_create(cluster=cluster, day=day, defaults=counted)


def prune() -> int:
    """Forgets days that are older than what is kept; how many rows."""
    return CoverageDay.objects.filter(day__lte=now().date() - timedelta(days=KEEP_DAYS)).delete()[0]


def _plain(count: CoverageCount) -> dict[str, Any]:
    return {"total": count.total, "expected": count.wanted, "by_kind": dict(count.by_kind)}
