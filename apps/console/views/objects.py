"""The objects of a cluster: a list by kind, and one object with its YAML and field owners."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.permissions import Permission, allows
from apps.analysis import selectors as analysis
from apps.changes.drift import Drift
from apps.changes.models import Watch
from apps.changes.pasted import MESH_KINDS
from apps.changes.watches import watch_of
from apps.console import facets, manifests, tables
from apps.console.access import cluster_or_404
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import namespace_of, object_url
from apps.console.navigation import cluster_tabs, crumbs
from apps.console.yamltext import line_of
from apps.inventory import selectors
from apps.inventory.models import ObjectVersion
from apps.mesh.patches import to_yaml
from apps.mesh.refs import ResourceRef

SORTS = {
    "name": ("name", "namespace"),
    "kind": ("kind", "namespace", "name"),
    "namespace": ("namespace", "kind", "name"),
}
COLUMNS = (
    tables.Column("Name", "name", "pin"),
    tables.Column("Kind", "kind"),
    tables.Column("Namespace", "namespace"),
    tables.Column("API version"),
    tables.Column("As it is since"),
)
# Kinds that people look for first; the others follow by name.
FIRST_KINDS = (
    "Sidecar",
    "ServiceEntry",
    "VirtualService",
    "Gateway",
    "DestinationRule",
    "PeerAuthentication",
    "AuthorizationPolicy",
)
MOST_VERSIONS = 20


@signed_in
def objects(request: SignedInRequest, name: str) -> HttpResponseBase:
    """What the cluster held at its last sync, filtered by kind, namespace and name."""
    cluster = cluster_or_404(request.user, name)
    seen = selectors.current(request.user, cluster)
    text = facets.typed(request)
    found = seen
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(namespace__icontains=word))
    for field in ("kind", "namespace"):
        values = facets.chosen(request, field)
        if values:
            found = found.filter(**{f"{field}__in": values})
    sort, fields = tables.ordering(request, SORTS, "kind")
    kinds = analysis.tallies(seen, "kind")
    ordered = {kind: kind for kind in (*FIRST_KINDS, *sorted(set(kinds) - set(FIRST_KINDS)))}
    groups = [
        facets.facet(request, "kind", "Kind", kinds, ordered),
        facets.facet(request, "namespace", "Namespace", analysis.tallies(seen, "namespace")),
    ]
    listing = tables.listing(
        request, found.order_by(*fields, "pk"), columns=COLUMNS, sort=sort, what="objects"
    )
    refs = [(row, object_url(name, ResourceRef(row.kind, row.namespace, row.name))) for row in listing.rows]
    context = {
        "cluster": cluster,
        "crumbs": crumbs(name, "Objects"),
        "tabs": cluster_tabs(name, "cluster-objects"),
        "facets": groups,
        "tags": facets.tags(request, groups),
        "text": text,
        "listing": listing,
        "rows": refs,
        "clear_url": request.path,
        "sort": request.GET.get("sort", ""),
    }
    return page_or_fragment(request, "console/objects/page.html", "console/objects/_results.html", context)


@signed_in
def detail(request: SignedInRequest, name: str, kind: str, namespace: str, object_name: str) -> HttpResponse:
    """One object: its YAML with the lines that findings name, its field owners, its versions, and whether it
    still reads as the console wrote it."""
    cluster = cluster_or_404(request.user, name)
    namespace = namespace_of(namespace)
    if "\x00" in f"{kind}{namespace}{object_name}":
        raise Http404
    history = list(selectors.versions(request.user, cluster, kind, namespace, object_name)[:MOST_VERSIONS])
    if not history:
        raise Http404
    shown = history[0]
    text = to_yaml(shown.content.manifest)
    findings = analysis.open_findings(request.user).filter(
        cluster=cluster, kind=kind, namespace=namespace, name=object_name
    )
    marked = [(finding, line_of(text, finding.path) if finding.path else 0) for finding in findings]
    first = next(((finding, line) for finding, line in marked if line), None)
    ref = ResourceRef(kind, namespace, object_name)
    state = (
        analysis.workloads(request.user)
        .filter(cluster=cluster, kind=kind, namespace=namespace, name=object_name)
        .first()
    )
    context = {
        "cluster": cluster,
        "crumbs": [
            *crumbs(name, "Objects")[:2],
            ("Objects", reverse("console:cluster-objects", args=[name])),
            (f"{kind} {object_name}", ""),
        ],
        "ref": ref,
        **_watched(watch_of(request.user, cluster, ref)),
        "versions_url": f"{object_url(name, ref)}versions/",
        "object": shown,
        "gone": shown.valid_to is not None,
        "yaml": text,
        "findings": marked,
        "mark": first[1] if first else 0,
        "note": f"{first[0].code} {first[0].title}" if first else "",
        "owners": manifests.owners(shown.meta),
        "history": history,
        "may_propose": _may_propose(request, shown),
        "state": state,
    }
    return render(request, "console/objects/detail.html", context)


def _may_propose(request: SignedInRequest, shown: ObjectVersion) -> bool:
    where = {"environment": shown.cluster.environment, "cluster": shown.cluster.name}
    there = shown.valid_to is None and shown.kind in MESH_KINDS
    return there and allows(request.user, Permission.PROPOSE, **where, namespace=shown.namespace)


def _watched(watch: Watch | None) -> dict[str, Any]:
    """Which change wrote the object last, and what others changed since."""
    return {"watch": watch, "drift": Drift.from_json(watch.drift) if watch and watch.drift else None}
