"""Reading clusters: only those that the asker may see."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission, cluster_filter
from apps.clusters.models import Cluster


def visible(user: User, permission: Permission = Permission.VIEW) -> QuerySet[Cluster]:
    """The clusters in which the person holds the permission somewhere, by name."""
    return Cluster.objects.filter(cluster_filter(user, permission)).order_by("name")
