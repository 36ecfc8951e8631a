"""The fleet at a glance, and the list of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import coveragedays
from apps.analysis import selectors as analysis
from apps.analysis.exported import coverage_file
from apps.changes import selectors as changes
from apps.clusters import selectors as clusters_of
from apps.clusters.models import Cluster
from apps.common import clock
from apps.console import attention, blocked, figures, rows, sparkline
from apps.console.fragments import page_or_fragment, wants_fragment
from apps.console.guard import SignedInRequest, signed_in

MOST_CAUSES = 6
MOST_DRIFTED = 5


@signed_in
def fleet(request: SignedInRequest) -> HttpResponseBase:
    """What needs this person now, four figures, coverage, and all clusters; coverage over time below, which
    does not change while one looks."""
    clusters = list(clusters_of.visible(request.user).select_related("summary", "credential"))
    may_register = allows_somewhere(request.user, Permission.OPERATE_CLUSTERS)
    if not clusters:
        return render(request, "console/fleet/first_run.html", {"may_register": may_register})
    if request.GET.get("format") == "csv":
        return coverage_file("coverage", "csv", coveragedays.of_fleet(clusters, coveragedays.PAGE_DAYS))
    now = clock.now()
    known = [rows.figures_of(cluster) for cluster in clusters]
    total = rows.totals(known)
    causes = analysis.findings_by_code(request.user)
    context = {
        "needs": attention.needs(
            clusters=clusters,
            waiting=changes.inbox(request.user, changes.Box.WAITS),
            drifted=changes.inbox(request.user, drifted=True)[:MOST_DRIFTED],
            causes=causes,
            now=now,
        ),
        "total": total,
        "captured": figures.number(total["captured"], total["capture_expected"]),
        "in_mesh": figures.number(total["in_mesh_ok"], total["in_mesh_expected"]),
        "blocked_clusters": sum(1 for one in known if one.get("blocked_hosts")),
        "most_often_blocked": blocked.most_often(known),
        "critical": sum(one.get("findings", {}).get("error", 0) for one in known),
        "open": sum(sum(one.get("findings", {}).values()) for one in known),
        "environments": rows.environments(clusters),
        "causes": causes[:MOST_CAUSES],
        "more_causes": max(0, len(causes) - MOST_CAUSES),
        "rows": [rows.cluster_row(cluster, now) for cluster in clusters],
        "cluster_count": len(clusters),
        "unread": sum(1 for one in known if not one),
        "may_register": may_register,
        "may_propose": allows_somewhere(request.user, Permission.PROPOSE),
    }
    if not wants_fragment(request):
        context |= _over_time(clusters)
    return page_or_fragment(request, "console/fleet/page.html", "console/fleet/_overview.html", context)


def _over_time(clusters: Sequence[Cluster]) -> dict[str, Any]:
    days = coveragedays.PAGE_DAYS
    trends = [sparkline.trend(series, days) for series in coveragedays.of_fleet(clusters, days)]
    return {"trends": trends, "trend_days": days, "today": clock.now().date()}


@signed_in
def clusters(request: SignedInRequest) -> HttpResponse:
    """Every cluster this person may see, with the state of its connection."""
    now = clock.now()
    found = clusters_of.visible(request.user).select_related("summary")
    context = {
        "rows": [rows.cluster_row(cluster, now) for cluster in found],
        "may_register": allows_somewhere(request.user, Permission.OPERATE_CLUSTERS),
    }
    return render(request, "console/clusters/list.html", context)
