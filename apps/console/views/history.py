"""Every version of an object since it was first read, and the difference between any two of them."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.changes import history
from apps.console import tables
from apps.console.access import cluster_or_404
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import namespace_of, object_url
from apps.console.navigation import crumbs
from apps.inventory import selectors
from apps.inventory.models import ObjectVersion
from apps.mesh.patches import to_yaml
from apps.mesh.refs import ResourceRef

COLUMNS = (
    tables.Column("From", "", "narrow"),
    tables.Column("To", "", "narrow"),
    tables.Column("Read first"),
    tables.Column("Until"),
    tables.Column("By"),
    tables.Column("Content"),
)


@signed_in
def versions(
    request: SignedInRequest, name: str, kind: str, namespace: str, object_name: str
) -> HttpResponse:
    """The versions, newest first; two of them compared: those that were chosen, or the newest with the one
    before."""
    cluster = cluster_or_404(request.user, name)
    ref = ResourceRef(kind, namespace_of(namespace), object_name)
    if "\x00" in str(ref):
        raise Http404
    found = selectors.versions(request.user, cluster, ref.kind, ref.namespace, ref.name)
    listing = tables.listing(request, found, columns=COLUMNS, what="versions")
    if not listing.rows:
        raise Http404
    before = found.filter(valid_from__lt=listing.rows[-1].valid_from).first()
    told = history.told(listing.rows, before)
    newest, next_one = [*listing.rows, before][:2]
    new = _chosen(request, found, "new") or newest
    old = _chosen(request, found, "old") or next_one or new
    url = object_url(name, ref)
    context = {
        "cluster": cluster,
        "crumbs": [
            *crumbs(name, "Objects")[:2],
            ("Objects", reverse("console:cluster-objects", args=[name])),
            (f"{kind} {object_name}", url),
            ("Versions", ""),
        ],
        "ref": ref,
        "object_url": url,
        "listing": listing,
        "told": told,
        "old": old,
        "new": new,
        "changes": history.compared(old, new),
        "before": to_yaml(old.content.manifest),
        "after": to_yaml(new.content.manifest),
    }
    return render(request, "console/objects/history.html", context)


def _chosen(request: SignedInRequest, found: QuerySet[ObjectVersion], name: str) -> ObjectVersion | None:
    wanted = request.GET.get(name, "")
    return found.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) <= 18 else None
