"""Workloads: what should be on each, what is there, and why the two differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.analysis import selectors as analysis
from apps.analysis.models import WorkloadState
from apps.clusters.models import Cluster, Environment
from apps.common.exports import csv_file
from apps.console import facets, tables
from apps.console.access import cluster_or_404
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.mesh.refs import ResourceRef

SPEEDSCALE = {
    "ok": "As expected",
    "warn": "Some pods",
    "bad": "Missing",
    "off": "None or unknown",
}
ISTIO = {
    "ok": "As expected",
    "warn": "Old or partly",
    "bad": "Wrong",
    "off": "None or unknown",
}
SORTS = {
    "name": ("name", "namespace", "cluster__name"),
    "namespace": ("namespace", "name", "cluster__name"),
    "cluster": ("cluster__name", "namespace", "name"),
    "istio": ("istio_tone", "namespace", "name"),
    "capture": ("capture_tone", "namespace", "name"),
    "pods": ("pods", "namespace", "name"),
}
CSV_HEAD = (
    "cluster", "environment", "namespace", "kind", "name", "pods",
    "istio_expected", "istio_actual", "istio_reason",
    "speedscale_expected", "speedscale_actual", "speedscale_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """One row of the twin matrix."""

    state: WorkloadState
    url: str
    reasons: tuple[str, ...]


@signed_in
def workloads(request: SignedInRequest, name: str = "") -> HttpResponseBase:
    """The twin matrix over all clusters, or of the one that is named."""
    cluster = cluster_or_404(request.user, name) if name else None
    seen = analysis.workloads(request.user)
    if cluster:
        seen = seen.filter(cluster=cluster)
    found = filtered(request, seen)
    sort, fields = tables.ordering(request, SORTS, "namespace")
    found = found.order_by(*fields, "pk")
    if request.GET.get("format") == "csv":
        return csv_file(f"workloads{'-' + name if name else ''}", CSV_HEAD, _csv_rows(found))
    groups = _facets(request, seen, cluster)
    listing = tables.listing(request, found, sort=sort, what="workloads")
    context = {
        "cluster": cluster,
        "tabs": cluster_tabs(name, "cluster-workloads") if name else (),
        "crumbs": crumbs(name, "Workloads") if name else [],
        "facets": groups,
        "tags": facets.tags(request, groups),
        "text": facets.typed(request),
        "listing": listing,
        "rows": [_row(state) for state in listing.rows],
        "heads": _heads(request, sort),
        "all": sum(choice.count for choice in groups[0].choices),
        "export_url": tables.query(request, format="csv", page=None),
        "clear_url": request.path,
        "sort": request.GET.get("sort", ""),
    }
    return page_or_fragment(
        request, "console/workloads/page.html", "console/workloads/_results.html", context
    )


def filtered(request: HttpRequest, seen: QuerySet[WorkloadState]) -> QuerySet[WorkloadState]:
    """The rows that every filter of the URL lets through."""
    found = seen.filter(analysis.matching(facets.typed(request)))
    for name, field in (
        ("capture", "capture_tone"),
        ("istio", "istio_tone"),
        ("environment", "cluster__environment"),
        ("namespace", "namespace"),
    ):
        values = facets.chosen(request, name)
        if values:
            found = found.filter(**{f"{field}__in": values})
    return found


def _facets(
    request: HttpRequest, seen: QuerySet[WorkloadState], cluster: Cluster | None
) -> list[facets.Facet]:
    """Counts are of all rows, so that a choice shows what it would bring."""
    groups = [
        facets.facet(request, "capture", "Speedscale", analysis.tallies(seen, "capture_tone"), SPEEDSCALE),
        facets.facet(request, "istio", "Istio", analysis.tallies(seen, "istio_tone"), ISTIO),
    ]
    if cluster is None:
        counts = analysis.tallies(seen, "cluster__environment")
        groups.append(facets.facet(request, "environment", "Environment", counts, dict(Environment.choices)))
    groups.append(facets.facet(request, "namespace", "Namespace", analysis.tallies(seen, "namespace")))
    return groups


def _heads(request: HttpRequest, sort: str) -> dict[str, tables.Head]:
    columns = [
        tables.Column("Workload", "name"),
        tables.Column("Cluster", "cluster"),
        tables.Column("Istio", "istio"),
        tables.Column("Speedscale", "capture"),
        tables.Column("Pods", "pods"),
    ]
    heads = tables.listing(request, [], columns=columns, sort=sort).heads
    return {column.key: head for column, head in zip(columns, heads, strict=True)}


def _row(state: WorkloadState) -> WorkloadRow:
    ref = ResourceRef(state.kind, state.namespace, state.name)
    reasons = []
    if state.istio_reason and _differs(state.istio_tone, state.istio_expected, state.istio_actual):
        reasons.append(state.istio_reason)
    if state.capture_reason and _differs(state.capture_tone, state.capture_expected, state.capture_actual):
        reasons.append(state.capture_reason)
    return WorkloadRow(state, object_url(state.cluster.name, ref), tuple(reasons))


def _differs(tone: str, expected: str, actual: str) -> bool:
    """Whether there is something to explain: not where all is well, nor where nothing is expected."""
    return tone in ("warn", "bad") or (tone != "ok" and expected != actual)


def _csv_rows(found: QuerySet[WorkloadState]) -> Iterator[tuple[object, ...]]:
    for row in found.iterator(chunk_size=500):
        yield (
            row.cluster.name, row.cluster.environment, row.namespace, row.kind, row.name, row.pods,
            row.istio_expected, row.istio_actual, row.istio_reason,
            row.capture_expected, row.capture_actual, row.capture_reason,
        )  # fmt: skip
