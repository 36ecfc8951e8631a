"""Egress: which workloads reach which required host, why, and what the smallest fix is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import hosteditions
from apps.analysis import selectors as analysis
from apps.analysis.models import ScopeVerdicts
from apps.changes.actions.propose_fix import remedy_of
from apps.clusters.models import Cluster
from apps.common import badges, clock, exports
from apps.console import evidence, facets, matrix, rows, tables
from apps.console.access import cluster_or_404, visible_clusters
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.mesh.hostsets import SPEEDSCALE

SCOPES_A_PAGE = 25
MOST_WORKLOADS = 12


@dataclass(frozen=True, slots=True)
class Explanation:
    """The panel beside the matrix: one scope and host (`key` is what the matrix knows it by), why, and the
    fix in words, with the remedy that generates it where there is one."""

    scope: ScopeVerdicts
    key: str
    host: str
    port: int
    verdict: str
    badge: badges.Badge
    steps: list[evidence.Link]
    fix: str
    remedy: str
    unknowns: list[str]
    workloads: list[tuple[str, str]]
    text: str

    @property
    def question(self) -> str:
        """The heading of the panel."""
        if self.verdict == badges.STOPPED:
            return "What stops it?"
        named = {"bad": "Why is it blocked?", "off": "Why is it not known?"}
        return named.get(self.badge.tone, "Why is it let out?")

    @property
    def more(self) -> int:
        return max(0, self.scope.workload_count - len(self.workloads))


@signed_in
def everywhere(request: SignedInRequest) -> HttpResponse:
    """Egress of the fleet: a line a cluster, leading to its matrix."""
    now = clock.now()
    found = [rows.cluster_row(cluster, now) for cluster in visible_clusters(request.user)]
    known = [(row, rows.figures_of(row.cluster)) for row in found]
    return render(request, "console/egress/everywhere.html", {"rows": known})


@signed_in
def matrix_page(request: SignedInRequest, name: str) -> HttpResponseBase:
    """The matrix of a cluster; `set` in the URL chooses the hosts, `scope` and `host` open an explanation."""
    cluster = cluster_or_404(request.user, name)
    sets = hosteditions.sets_of_summary(getattr(getattr(cluster, "summary", None), "hostset", {}))
    chosen_set = (one for one in sets if one.get("name") == request.GET.get("set"))
    hostset = next(chosen_set, sets[0] if sets else {})
    set_name = str(hostset.get("name", SPEEDSCALE))
    everything = list(analysis.scopes(request.user, cluster, set_name))
    hosts = matrix.columns(hostset, everything)
    text, verdict = facets.typed(request), request.GET.get("verdict", "")
    found = [scope for scope in everything if matrix.matches(scope, text, verdict)]
    if request.GET.get("format") == "csv":
        return _export(cluster, found, hosts)
    explanation = explained(request, cluster, hosts, set_name)
    keep = {key: value for key in ("set", "q", "verdict", "page") if (value := request.GET.get(key, ""))}
    listing = tables.listing(request, found, what="scopes", per_page=SCOPES_A_PAGE)
    chosen = (explanation.scope.key, explanation.key) if explanation else ("", "")
    context = {
        "cluster": cluster,
        "tabs": cluster_tabs(name, "cluster-egress"),
        "crumbs": crumbs(name, "Egress"),
        "hosts": hosts,
        "hostset": hostset,
        "sets": sets,
        "speedscale": set_name == SPEEDSCALE,
        "legend": matrix.legend(everything, hosts),
        "listing": listing,
        "rows": matrix.rows(listing.rows, hosts, keep=keep, chosen=chosen),
        "scope_count": len(everything),
        "blocked": any(scope.blocked for scope in everything),
        "explanation": explanation,
        "may_propose": allows_somewhere(
            request.user, Permission.PROPOSE, environment=cluster.environment, cluster=name
        ),
        "text": text,
        "verdict": verdict,
        "close_url": tables.query(request, scope=None, host=None),
        "export_url": tables.query(request, format="csv", scope=None, host=None, page=None),
        "filtered": bool(text or verdict),
    }
    if "part" in request.GET:
        return page_or_fragment(request, "console/egress/page.html", "console/egress/_explain.html", context)
    return page_or_fragment(request, "console/egress/page.html", "console/egress/_matrix.html", context)


def explained(
    request: SignedInRequest, cluster: Cluster, hosts: list[matrix.HostColumn], hostset: str
) -> Explanation | None:
    """The explanation that the URL asks for; None when it asks for none or for what is not there."""
    key, host = facets.typed(request, "scope"), request.GET.get("host", "")
    column = next((column for column in hosts if column.host == host), None)
    scope = analysis.scope(request.user, cluster, key, hostset) if key and column is not None else None
    if scope is None or column is None:
        return None
    answer: dict[str, Any] = scope.answers.get(host, {})
    verdict = matrix.verdict_of(scope, host)
    steps = evidence.chain(cluster.name, answer.get("evidence", []), verdict=verdict)
    badge = badges.of_verdict(verdict, answer.get("status"))
    fix = answer.get("fix") or {}
    question = f"{cluster.name}: {scope.namespace} ({scope.label}) to {column.name}:{column.port}"
    return Explanation(
        scope=scope,
        key=host,
        host=column.name,
        port=column.port,
        verdict=verdict,
        badge=badge,
        steps=steps,
        fix=str(fix.get("text", "")),
        remedy=remedy_of(scope, host),
        unknowns=[str(text) for text in answer.get("unknowns", [])],
        workloads=[(ref, object_url(cluster.name, ref)) for ref in scope.workloads[:MOST_WORKLOADS]],
        text=evidence.as_text(question, badge, steps),
    )


def _export(
    cluster: Cluster, scopes: list[ScopeVerdicts], hosts: list[matrix.HostColumn]
) -> HttpResponseBase:
    head = ("namespace", "scope", "workloads", *(column.host for column in hosts))
    lines = (
        (
            scope.namespace,
            scope.label,
            scope.workload_count,
            *(matrix.verdict_of(scope, column.host) for column in hosts),
        )
        for scope in scopes
    )
    return exports.csv_file(f"egress-{cluster.name}", head, lines)
