"""Writes of programs that run in the cluster: stored at once, the changed fields owned by the program.

No webhook is asked, for one could keep the caller waiting. It knows no program.
"""

from apps.simcluster.cluster import Cluster
from apps.simcluster.comparing import compare
from apps.simcluster.kinds import Resource
from apps.simcluster.ownership import Manager, Operation, after_update, entries_of, owners_of
from apps.simcluster.schema import Json


def put_as(cluster: Cluster, resource: Resource, before: Json, after: Json, manager: str) -> None:
    """Store `after` in place of `before` (both without type). Call with the store's lock held."""
    change = compare(before, after, resource.schema)
    writer = Manager(manager, Operation.UPDATE, resource.api_version(resource.versions[0]))
    owners = owners_of(before["metadata"].get("managedFields"))
    owners = after_update(owners, change, writer, cluster.timestamp(), ())
    meta = {**after["metadata"], "managedFields": entries_of(owners)}
    cluster.store.put(resource.key, {**after, "metadata": meta})
