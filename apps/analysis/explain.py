"""Why a connection from a workload is let out or not, asked of the last reading of its cluster.

Asks no cluster and writes nothing. Who may see the workload is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.accounts.permissions import Permission, Person, allows
from apps.analysis.hosteditions import hostset_for
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.objects.workloads import Workload
from apps.mesh.verdicts import Destination, EgressAnswer

UNSEEN = "There is no workload {name} in {cluster} that you may see."


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer with the workload it was asked for and the scope that shares it."""

    workload: Workload
    scope: EgressScope
    answer: EgressAnswer


def explain(user: Person, cluster: Cluster, *, workload: str, destination: Destination) -> Explanation:
    """`workload` is `namespace/name` or `Kind namespace/name`. Raises InvalidInputError (field `workload`)
    for one that is not there or may not be seen; the two look alike."""
    kind, _, path = workload.strip().rpartition(" ")
    namespace, _, name = path.partition("/")
    if not namespace or not name:
        raise InvalidInputError("Name the workload as namespace/name.", field="workload")
    place = {"environment": cluster.environment, "cluster": cluster.name, "namespace": namespace}
    unseen = InvalidInputError(UNSEEN.format(name=path, cluster=cluster.name), field="workload")
    if not allows(user, Permission.VIEW, **place):
        raise unseen
    snapshot = store.load(cluster)
    found = snapshot.workload(namespace, name, kind or None)
    if found is None:
        raise unseen
    engine = snapshot.derived(EgressEngine)
    asked = hostset_for(cluster).known(destination)
    return Explanation(found, engine.scope_of(found), engine.answer(found, asked))
