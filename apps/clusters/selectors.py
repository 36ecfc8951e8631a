"""Reading registered clusters, by permission."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.accounts.permissions import Permission, Person, cluster_filter
from apps.clusters.models import Cluster
from apps.common.clock import now

EXPIRY_WARNING = timedelta(days=14)


def visible(user: Person, permission: Permission = Permission.VIEW) -> QuerySet[Cluster]:
    """The clusters for which the permission is held, at least for some of their namespaces, by name."""
    return Cluster.objects.filter(cluster_filter(user, permission)).order_by("name")


def cluster_for(user: Person, name: str, permission: Permission = Permission.VIEW) -> Cluster | None:
    """The cluster of that name, or None: a stranger learns nothing of what exists."""
    return visible(user, permission).select_related("credential").filter(name=name).first()


def refreshable() -> QuerySet[Cluster]:
    """The clusters that are to be kept up to date."""
    return Cluster.objects.filter(paused=False).order_by("pk")


def credential_warning(cluster: Cluster, moment: datetime | None = None) -> str:
    """A sentence when the credential has expired or soon will, else ""."""
    credential = getattr(cluster, "credential", None)
    end = credential.expires_at if credential is not None else None
    if end is None:
        return ""
    left = end - (moment or now())
    if left <= timedelta(0):
        return "The credential has expired. Replace it, or the cluster cannot be read any more."
    if left <= EXPIRY_WARNING:
        days = max(left.days, 0)
        return f"The credential expires in {days} day{'' if days == 1 else 's'}. Replace it in time."
    return ""
