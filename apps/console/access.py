"""Finding what an address names, or answering that there is nothing: the two look alike."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404

from apps.accounts.models import User
from apps.clusters import selectors
from apps.clusters.models import Cluster


def visible_clusters(user: User) -> QuerySet[Cluster]:
    """Clusters with what pages say of them."""
    return selectors.visible(user).select_related("summary", "credential")


def cluster_or_404(user: User, name: str) -> Cluster:
    """The cluster of that name if this person may see it."""
    cluster = visible_clusters(user).filter(name=name).first()
    if cluster is None:
        raise Http404
    return cluster
