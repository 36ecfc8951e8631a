"""One writer an object: which change is being applied that writes something this one writes as well.

The API server's resourceVersion already keeps two writes apart; this keeps apart what surrounds them,
the dry run, the record and the retry, so that no change is judged by the other's half-done work.
"""

from __future__ import annotations

from django.db.models import F, QuerySet

from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet
from apps.clusters.models import Cluster

PLACE = ("cluster_id", "kind", "namespace", "name")


def holder(change: ChangeSet) -> ChangeSet | None:
    """The change in `applying` that has an object in common with this one; None when there is none.

    Call it in the transaction that claims: it locks the rows of the clusters, in order, so that of two
    claims at once the second sees the first.
    """
    places = set(_items(change).values_list(*PLACE))
    clusters = sorted({place[0] for place in places})
    list(Cluster.objects.select_for_update(no_key=True).filter(pk__in=clusters).order_by("pk"))
    writing = ChangeItem.objects.filter(
        cluster__in=clusters,
        revision__change__state=State.APPLYING,
        revision__number=F("revision__change__revision_number"),
    ).exclude(revision__change=change)
    for number, *place in writing.values_list("revision__change", *PLACE):
        if tuple(place) in places:
            return ChangeSet.objects.get(pk=number)
    return None


def _items(change: ChangeSet) -> QuerySet[ChangeItem]:
    return ChangeItem.objects.filter(revision__change=change, revision__number=change.revision_number)
