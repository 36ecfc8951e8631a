"""Reading what changes watch: which objects others have changed since, and which change wrote an object."""

from __future__ import annotations

from apps.accounts.models import User
from apps.changes import access
from apps.changes.models import ChangeSet, Watch
from apps.clusters.models import Cluster
from apps.mesh.refs import ResourceRef


def drifted(change: ChangeSet) -> tuple[Watch, ...]:
    """The objects that no longer read as the change wrote them; asks only where there are some."""
    if change.drifted_at is None:
        return ()
    found = Watch.objects.filter(change=change, drifted_at__isnull=False)
    return tuple(found.select_related("cluster", "item", "item__cluster").order_by("pk"))


def nothing_drifted(change: ChangeSet) -> str:
    """Why nothing can be done about drift; "" when something has drifted."""
    return "" if change.drifted_at is not None else "Everything that it wrote reads as it was written."


def watch_of(user: User, cluster: Cluster, ref: ResourceRef) -> Watch | None:
    """The watch of an object, when the person may see the whole change that wrote it."""
    place = {"cluster": cluster, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    seen = access.visible_changes(user)
    return Watch.objects.filter(**place, change__in=seen).select_related("change").first()
