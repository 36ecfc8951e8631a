"""The fleet at a glance, and the list of clusters."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import selectors as analysis
from apps.changes import selectors as changes
from apps.clusters import selectors as clusters_of
from apps.common import clock
from apps.console import attention, blocked, figures, rows
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in

MOST_CAUSES = 6
MOST_DRIFTED = 5


@signed_in
def fleet(request: SignedInRequest) -> HttpResponse:
    """What needs this person now, four figures, coverage, and all clusters."""
    clusters = list(clusters_of.visible(request.user).select_related("summary", "credential"))
    may_register = allows_somewhere(request.user, Permission.OPERATE_CLUSTERS)
    if not clusters:
        return render(request, "console/fleet/first_run.html", {"may_register": may_register})
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
    return page_or_fragment(request, "console/fleet/page.html", "console/fleet/_overview.html", context)


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
