"""What would REGISTRY_ONLY break? The same verdicts with the policy switched, host by host."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis.hosteditions import hostset_for
from apps.analysis.registryonly import Answer, Question, ask, choice_of, planes_of, typed_hosts
from apps.analysis.registryonly import first as open_first
from apps.clusters.models import Cluster
from apps.common import badges, exports
from apps.common.errors import InvalidInputError
from apps.console import facets, tables
from apps.console.access import cluster_or_404
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.console.views.proposing import shown_patches
from apps.mesh.breakage import Cell, LostServices, Outcome, ScopeBreakage, lost_services, ordered
from apps.mesh.patches import stripped, to_yaml_documents

TITLE = "What would REGISTRY_ONLY break?"
MOST_LOST = 25
MOST_SHOWN = 100
HEAD = (
    "namespace",
    "scope",
    "workloads",
    "host",
    "port",
    "protocol",
    "outcome",
    "before",
    "after",
    "by",
    "why",
)


@signed_in
def registry_only(request: SignedInRequest, name: str) -> HttpResponseBase:
    """The hosts of every scope by what becomes of them; `outcome`, `namespace` and `scope` narrow it."""
    cluster = cluster_or_404(request.user, name)
    known = planes_of(cluster)
    context: dict[str, Any] = {
        "cluster": cluster,
        "title": TITLE,
        "planes": known,
        "plane": facets.typed(request, "plane", 127) or (known[0] if known else ""),
        "only": facets.typed(request, "only", 63),
        "namespace": facets.typed(request, "namespace", 63),
        "typed": facets.typed(request, "host", 1000),
        "outcome": request.GET.get("outcome", ""),
        "tabs": cluster_tabs(name, "cluster-egress"),
        "crumbs": crumbs(name, "REGISTRY_ONLY"),
    }
    status = 200
    try:
        answer = _answer(request, cluster, known)
    except InvalidInputError as refusal:
        context["refusal"], status = refusal.message, 400 if known else 200
    else:
        if request.GET.get("format") == "csv":
            return _export(cluster, answer)
        context |= _shown(request, cluster, answer)
    page, part = "console/egress/registry_only.html", "console/egress/_registry_only.html"
    return page_or_fragment(request, page, part, context, status=status)


@signed_in
def first(request: SignedInRequest, name: str) -> HttpResponse:
    """What to open before the switch, as a change by hand that is ready to be looked at."""
    cluster = cluster_or_404(request.user, name)
    back = f"{reverse('console:cluster-registry-only', args=[name])}?{request.GET.urlencode()}"
    context: dict[str, Any] = {"cluster": cluster, "crumbs": crumbs(name, "Open first"), "back": back}
    try:
        answer = _answer(request, cluster, planes_of(cluster))
    except InvalidInputError as refusal:
        return render(
            request, "console/egress/open_first.html", {**context, "reason": refusal.message}, status=400
        )
    opened = open_first(answer)
    context |= {
        "opens": opened.opens[:MOST_SHOWN],
        "opens_more": len(opened.opens[MOST_SHOWN:]),
        "left": opened.left[:MOST_SHOWN],
        "left_more": len(opened.left[MOST_SHOWN:]),
        "others": opened.others,
        "summary": opened.summary,
        "reason": opened.reason,
        "warnings": opened.warnings,
        "patches": list(shown_patches(opened.patches)),
        "manifests": to_yaml_documents(stripped(patch.after or {}) for patch in opened.patches),
        "change_title": f"Open what REGISTRY_ONLY would block in {name}",
        "change_reason": f"Before {answer.found.choice} is switched to REGISTRY_ONLY. {opened.summary}",
        "may_propose": allows_somewhere(
            request.user, Permission.PROPOSE, environment=cluster.environment, cluster=name
        ),
    }
    return render(request, "console/egress/open_first.html", context)


def _answer(request: SignedInRequest, cluster: Cluster, known: tuple[str, ...]) -> Answer:
    question = Question(
        choice_of(known, facets.typed(request, "plane", 127), facets.typed(request, "only", 63)),
        hostset_for(cluster),
        typed_hosts(facets.typed(request, "host", 1000).replace(",", " ").split()),
        facets.typed(request, "namespace", 63),
    )
    return ask(request.user, cluster, question)


def _shown(request: SignedInRequest, cluster: Cluster, answer: Answer) -> dict[str, Any]:
    outcome, key = request.GET.get("outcome", ""), facets.typed(request, "scope")
    rows = [row for row in answer.scopes if key in ("", row.scope.key)]
    cells = [pair for pair in ordered(rows) if outcome in ("", pair[1].outcome.value)]
    listing = tables.listing(request, cells, what="hosts")
    counts = Counter(cell.outcome.value for row in rows for cell in row.cells)
    unswitched = Counter(row.reason for row in rows if not row.switched)
    asked = {"plane": 127, "only": 63, "namespace": 63, "host": 1000}
    chosen = {name: value for name, most in asked.items() if (value := facets.typed(request, name, most))}
    query = f"?{urlencode({name: value for name, value in chosen.items() if name in {'plane', 'only'}})}"
    return {
        "listing": listing,
        "rows": [_line(request, cluster, row, cell) for row, cell in listing.rows],
        "figures": [
            {
                "value": value,
                "badge": badge,
                "count": counts[value],
                "url": tables.query(request, outcome=value, page=None),
            }
            for value, badge in badges.SWITCHED.items()
        ],
        "hit": sum(row.count(Outcome.BREAKS) > 0 for row in rows),
        "scopes": len(rows),
        "switched": sum(row.switched for row in rows),
        "unswitched": unswitched.most_common(8),
        "writes": answer.found.switch.patches,
        "notes": answer.found.switch.notes,
        "choice": str(answer.found.choice),
        "asked": answer.asked.value,
        "left_out": max((row.left_out for row in rows), default=0),
        "lost": _lost(answer, rows),
        "too_many_lost": len(rows) > MOST_LOST,
        "filtered": bool(outcome or key or facets.typed(request, "namespace")),
        "clear_url": query,
        "scope": rows[0].scope if key and rows else None,
        "export_url": tables.query(request, format="csv", page=None),
        "first_url": reverse("console:cluster-registry-only-first", args=[cluster.name])
        + f"?{urlencode(chosen)}",
    }


def _line(request: SignedInRequest, cluster: Cluster, row: ScopeBreakage, cell: Cell) -> dict[str, Any]:
    by = str(cell.after.service) if cell.after.service is not None else ""
    return {
        "row": row,
        "cell": cell,
        "by": by,
        "by_url": object_url(cluster.name, by),
        "fix": cell.after.fix.text if cell.after.fix is not None else "",
        "scope_url": tables.query(request, scope=row.scope.key, page=None),
    }


def _lost(answer: Answer, rows: list[ScopeBreakage]) -> list[tuple[ScopeBreakage, LostServices]]:
    """The scopes that would lose services, where they are few enough to be asked."""
    if len(rows) > MOST_LOST:
        return []
    found = ((row, lost_services(answer.found, row, among=answer.seen)) for row in rows)
    return [(row, lost) for row, lost in found if lost.number]


def _export(cluster: Cluster, answer: Answer) -> HttpResponseBase:
    lines = (
        (
            row.scope.namespace,
            row.scope.label,
            len(row.scope.workloads),
            cell.host.destination.host,
            cell.host.destination.port,
            cell.host.destination.protocol.value,
            cell.outcome.value,
            cell.before.verdict.value,
            cell.after.verdict.value,
            str(cell.after.service or ""),
            cell.sentence,
        )
        for row, cell in ordered(answer.scopes)
    )
    return exports.csv_file(f"registry-only-{cluster.name}", HEAD, lines)
