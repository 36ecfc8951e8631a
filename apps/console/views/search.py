"""Search over what one may see: clusters, workloads, findings, changes, objects. A page without script."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.models import User
from apps.analysis import selectors as analysis
from apps.changes import selectors as changes
from apps.clusters import selectors as clusters_of
from apps.console import facets
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.inventory import selectors as inventory
from apps.mesh.refs import ResourceRef

MOST = 8
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Hit:
    icon: str
    label: str
    note: str
    url: str


@signed_in
def search(request: SignedInRequest) -> HttpResponse:
    """At most eight of a kind; a longer text finds fewer."""
    text = facets.typed(request)
    groups = _groups(request.user, text) if len(text) >= SHORTEST else []
    context = {
        "search_text": text,
        "groups": [(title, hits) for title, hits in groups if hits],
        "shortest": SHORTEST,
    }
    return render(request, "console/search/page.html", context)


def _groups(user: User, text: str) -> list[tuple[str, list[Hit]]]:
    return [
        ("Clusters", _clusters(user, text)),
        ("Workloads", _workloads(user, text)),
        ("Objects", _objects(user, text)),
        ("Findings", _findings(user, text)),
        ("Changes", _changes(user, text)),
    ]


def _clusters(user: User, text: str) -> list[Hit]:
    found = clusters_of.visible(user).filter(Q(name__icontains=text) | Q(owner_team__icontains=text))
    return [
        Hit("cluster", c.name, c.get_environment_display(), reverse("console:cluster", args=[c.name]))
        for c in found[:MOST]
    ]


def _workloads(user: User, text: str) -> list[Hit]:
    found = analysis.workloads(user).filter(analysis.matching(text)).order_by("namespace", "name", "pk")
    return [
        Hit(
            "workload",
            f"{w.namespace}/{w.name}",
            f"{w.kind}, {w.cluster.name}",
            object_url(w.cluster.name, ResourceRef(w.kind, w.namespace, w.name)),
        )
        for w in found[:MOST]
    ]


def _objects(user: User, text: str) -> list[Hit]:
    found = (
        inventory.visible_objects(user).filter(valid_to__isnull=True).exclude(kind__in=inventory.HIDDEN_KINDS)
    )
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(namespace__icontains=word) | Q(kind__iexact=word))
    return [
        Hit(
            "file",
            str(ResourceRef(o.kind, o.namespace, o.name)),
            o.cluster.name,
            object_url(o.cluster.name, ResourceRef(o.kind, o.namespace, o.name)),
        )
        for o in found.order_by("kind", "namespace", "name", "pk")[:MOST]
    ]


def _findings(user: User, text: str) -> list[Hit]:
    found = analysis.open_findings(user).filter(
        Q(title__icontains=text) | Q(code__iexact=text) | Q(name__icontains=text)
    )
    return [
        Hit("finding", f.title, f"{f.code}, {f.cluster.name}", reverse("console:finding", args=[f.pk]))
        for f in found[:MOST]
    ]


def _changes(user: User, text: str) -> list[Hit]:
    found = changes.inbox(user, text=text)
    return [
        Hit("change", f"{c.number} {c.title}", c.get_state_display(), reverse("console:change", args=[c.pk]))
        for c in found[:MOST]
    ]
