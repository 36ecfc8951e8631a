"""Reading the inventory for pages and the API, by permission and namespace."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from apps.accounts.permissions import Permission, Person, cluster_filter, object_filter
from apps.clusters.models import Cluster
from apps.inventory.models import ObjectVersion, RefreshRun

# What the inventory makes of pods is no object that people know.
HIDDEN_KINDS = ("PodGroups",)


def visible_objects(user: Person) -> QuerySet[ObjectVersion]:
    """Every version of every object the person may see. Objects without a namespace are seen by those
    who see at least one namespace of the cluster."""
    unscoped = Q(namespace="") & cluster_filter(user, Permission.VIEW, prefix="cluster__")
    seen = object_filter(user, Permission.VIEW) | unscoped
    return ObjectVersion.objects.filter(seen).select_related("cluster")


def current(
    user: Person, cluster: Cluster, *, kind: str = "", namespace: str = "", text: str = ""
) -> QuerySet[ObjectVersion]:
    """What is there now, ordered by kind, namespace and name, without the content."""
    found = visible_objects(user).filter(cluster=cluster, valid_to__isnull=True)
    found = found.exclude(kind__in=HIDDEN_KINDS)
    if kind:
        found = found.filter(kind=kind)
    if namespace:
        found = found.filter(namespace=namespace)
    for word in text.split()[:5]:
        found = found.filter(Q(name__icontains=word) | Q(namespace__icontains=word) | Q(kind__icontains=word))
    return found.order_by("kind", "namespace", "name", "pk")


def versions(user: Person, cluster: Cluster, kind: str, namespace: str, name: str) -> QuerySet[ObjectVersion]:
    """All versions of an object, newest first, with their contents."""
    return (
        visible_objects(user)
        .filter(cluster=cluster, kind=kind, namespace=namespace, name=name)
        .select_related("cluster", "content")
        .order_by("-valid_from", "-pk")
    )


def latest_run(cluster: Cluster) -> RefreshRun | None:
    """The run that was asked for last, whatever became of it."""
    return RefreshRun.objects.filter(cluster=cluster).order_by("-requested_at", "-pk").first()


def latest_reading(cluster: Cluster) -> RefreshRun | None:
    """The run that was asked for last and that asks the cluster."""
    readings = RefreshRun.objects.filter(cluster=cluster).exclude(trigger=RefreshRun.ANALYSIS)
    return readings.order_by("-requested_at", "-pk").first()
