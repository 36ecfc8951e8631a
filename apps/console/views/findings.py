"""Findings: what is lost, for whom, since when; and one finding with its evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import selectors as analysis
from apps.analysis.models import Finding
from apps.clusters.models import Cluster
from apps.common import badges
from apps.console import evidence, facets, manifests, tables
from apps.console.access import cluster_or_404
from apps.console.exports import csv_file
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.console.yamltext import line_of
from apps.mesh.refs import ResourceRef

STATES = {"open": "Open", "resolved": "Resolved"}
SEVERITIES = {key: badge.word for key, badge in badges.SEVERITIES.items()}
SORTS = {
    "severity": ("severity_rank", "-opened_at"),
    "code": ("code", "severity_rank", "-opened_at"),
    "object": ("namespace", "name", "code"),
    "cluster": ("cluster__name", "severity_rank", "-opened_at"),
    "since": ("-opened_at",),
}
COLUMNS = (
    tables.Column("Finding", "code"),
    tables.Column("Severity", "severity"),
    tables.Column("Object", "object"),
    tables.Column("Cluster", "cluster"),
    tables.Column("Affects"),
    tables.Column("Since", "since"),
)
CSV_HEAD = (
    "code",
    "severity",
    "title",
    "cluster",
    "kind",
    "namespace",
    "name",
    "path",
    "opened",
    "resolved",
    "message",
)
MOST_AFFECTED = 25


@signed_in
def findings(request: SignedInRequest, name: str = "") -> HttpResponseBase:
    """All findings one may see, or those of one cluster; open ones unless the filter says otherwise."""
    cluster = cluster_or_404(request.user, name) if name else None
    seen = analysis.findings(request.user)
    if cluster:
        seen = seen.filter(cluster=cluster)
    state = request.GET.get("state", "open")
    seen = seen.filter(resolved_at__isnull=state != "resolved")
    found = _filtered(request, seen)
    sort, fields = tables.ordering(request, SORTS, "severity")
    found = found.order_by(*fields, "pk")
    if request.GET.get("format") == "csv":
        return csv_file(f"findings{'-' + name if name else ''}", CSV_HEAD, _csv_rows(found))
    groups = _facets(request, seen, cluster)
    context = {
        "cluster": cluster,
        "tabs": cluster_tabs(name, "cluster-findings") if name else (),
        "crumbs": crumbs(name, "Findings") if name else [],
        "facets": groups,
        "tags": facets.tags(request, groups),
        "text": facets.typed(request),
        "listing": tables.listing(request, found, columns=COLUMNS, sort=sort, what="findings"),
        "state": "resolved" if state == "resolved" else "open",
        "open_url": tables.query(request, state=None, page=None),
        "resolved_url": tables.query(request, state="resolved", page=None),
        "export_url": tables.query(request, format="csv", page=None),
        "clear_url": request.path,
        "sort": request.GET.get("sort", ""),
    }
    return page_or_fragment(request, "console/findings/page.html", "console/findings/_results.html", context)


@signed_in
def finding(request: SignedInRequest, pk: int) -> HttpResponse:
    """One finding: the sentence, the object with the offending line, evidence, remedy, who is affected."""
    found = analysis.findings(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    cluster = found.cluster
    text = manifests.current_yaml(request.user, cluster, found.kind, found.namespace, found.name)
    ref = ResourceRef(found.kind, found.namespace, found.name)
    context = {
        "finding": found,
        "cluster": cluster,
        "crumbs": [
            ("Findings", reverse("console:findings")),
            (cluster.name, reverse("console:cluster-findings", args=[cluster.name])),
            (f"{found.code} {ref.path}", ""),
        ],
        "ref": ref,
        "ref_url": object_url(cluster.name, ref),
        "yaml": text,
        "mark": line_of(text, found.path) if text and found.path else 0,
        "steps": evidence.chain(cluster.name, found.evidence),
        "affected": [(one, object_url(cluster.name, str(one))) for one in found.affected[:MOST_AFFECTED]],
        "affected_more": max(0, len(found.affected) - MOST_AFFECTED),
        "may_propose": allows_somewhere(
            request.user, Permission.PROPOSE, environment=cluster.environment, cluster=cluster.name
        ),
        "others": analysis.open_findings(request.user)
        .filter(cluster=cluster, kind=found.kind, namespace=found.namespace, name=found.name)
        .exclude(pk=found.pk)[:5],
    }
    return render(request, "console/findings/detail.html", context)


def _filtered(request: HttpRequest, seen: QuerySet[Finding]) -> QuerySet[Finding]:
    condition = Q()
    for word in facets.typed(request).split():
        condition &= (
            Q(title__icontains=word)
            | Q(code__iexact=word)
            | Q(name__icontains=word)
            | Q(namespace__icontains=word)
        )
    found = seen.filter(condition)
    for name, field in (
        ("severity", "severity"),
        ("code", "code"),
        ("namespace", "namespace"),
        ("cluster", "cluster__name"),
    ):
        values = facets.chosen(request, name)
        if values:
            found = found.filter(**{f"{field}__in": values})
    return found


def _facets(request: HttpRequest, seen: QuerySet[Finding], cluster: Cluster | None) -> list[facets.Facet]:
    groups = [
        facets.facet(request, "severity", "Severity", analysis.tallies(seen, "severity"), SEVERITIES),
        facets.facet(request, "code", "Check", analysis.tallies(seen, "code")),
    ]
    if cluster is None:
        groups.append(facets.facet(request, "cluster", "Cluster", analysis.tallies(seen, "cluster__name")))
    groups.append(facets.facet(request, "namespace", "Namespace", analysis.tallies(seen, "namespace")))
    return groups


def _csv_rows(found: QuerySet[Finding]) -> Iterator[tuple[object, ...]]:
    for row in found.iterator(chunk_size=500):
        resolved = row.resolved_at.isoformat() if row.resolved_at else ""
        yield (
            row.code, row.severity, row.title, row.cluster.name, row.kind, row.namespace, row.name, row.path,
            row.opened_at.isoformat(), resolved, row.message,
        )  # fmt: skip
