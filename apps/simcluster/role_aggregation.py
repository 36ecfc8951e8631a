"""Keeps the roles of a cluster: the default ones are there, and collected ones hold what they collect.

What an API server does when it starts, and its ClusterRole aggregation controller afterwards.
"""

from dataclasses import dataclass

from apps.simcluster.cluster import Cluster
from apps.simcluster.default_roles import DEFAULT_ROLES
from apps.simcluster.kinds import GROUP_RBAC
from apps.simcluster.ownership import Manager, Operation, Ownership, entries_of, owners_of
from apps.simcluster.schema import Json
from apps.simcluster.seeding import seed
from apps.simcluster.selectors import label_selector_holds

CLUSTER_ROLES = f"clusterroles.{GROUP_RBAC}"
CONTROLLER = "clusterrole-aggregation-controller"
_RULES = ("f:rules",)
_LONGEST_CHAIN = 10  # roles that collect roles that collect roles


@dataclass(frozen=True, slots=True)
class _Server:
    """The server itself, as field manager."""

    name: str = "kube-apiserver"
    operation: str = Operation.UPDATE.value


def ensure_default_roles(cluster: Cluster) -> None:
    """Add the default roles and bindings that the cluster lacks, and collect."""
    missing = []
    for manifest in DEFAULT_ROLES:
        name, resource = manifest["metadata"]["name"], cluster.by_kind(GROUP_RBAC, manifest["kind"])
        if resource is not None and cluster.store.get(resource.key, "", name) is None:
            missing.append(manifest)
    writers = {(item["kind"], "", item["metadata"]["name"]): _Server() for item in missing}
    seed(cluster, missing, writers)
    aggregate_roles(cluster)


def aggregate_roles(cluster: Cluster) -> None:
    """Give every role with an aggregation rule the rules of the roles it selects."""
    for _ in range(_LONGEST_CHAIN):
        roles = [stored.object() for stored in cluster.store.each(CLUSTER_ROLES)]
        stale = [
            (role, rules)
            for role in roles
            if role.get("aggregationRule") and (rules := _collected(role, roles)) != (role.get("rules") or [])
        ]
        if not stale:
            return
        for role, rules in stale:
            meta = _owned(role["metadata"], cluster.timestamp())
            cluster.store.put(CLUSTER_ROLES, {**role, "metadata": meta, "rules": rules})


def _collected(role: Json, roles: list[Json]) -> list[Json]:
    selectors = role["aggregationRule"].get("clusterRoleSelectors") or ()
    found: list[Json] = []
    for selector in selectors:
        for other in roles:
            labels = other["metadata"].get("labels") or {}
            if other["metadata"]["name"] == role["metadata"]["name"]:
                continue
            if label_selector_holds(selector, labels):
                found += [rule for rule in other.get("rules") or () if rule not in found]
    return found


def _owned(meta: Json, timestamp: str) -> Json:
    """The metadata after the controller has taken the rules."""
    owners = owners_of(meta.get("managedFields"))
    manager = Manager(CONTROLLER, Operation.APPLY, f"{GROUP_RBAC}/v1")
    left = {
        identity: Ownership(owner.manager, owner.fields - {_RULES}, owner.time)
        for identity, owner in owners.items()
    }
    left[manager.identity] = Ownership(manager, frozenset({_RULES}), timestamp)
    return {**meta, "managedFields": entries_of(left)}
