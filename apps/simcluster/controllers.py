"""What runs beside a real API server and clients come to see.

Definitions are accepted, namespaces end, pods go, service accounts appear; workloads are what
`behaviour` is for.
Called now and then by the fleet; each step works on the store alone.
"""

from collections import Counter
from datetime import timedelta

from apps.simcluster.behaviour.loop import Loop
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.cluster import DEFINITIONS, TIME_FORMAT, Cluster
from apps.simcluster.definitions import established
from apps.simcluster.deleting import empty_namespace, finish_pods
from apps.simcluster.fieldsets import Path
from apps.simcluster.nettap import tell_nodes
from apps.simcluster.ownership import Manager, Operation, Ownership, entries_of, owners_of
from apps.simcluster.redirection import redirect
from apps.simcluster.schema import Json

# A namespace controller comes some seconds after the deletion; until then content can still be changed.
NAMESPACE_DELAY = timedelta(seconds=3)
MANAGER = "kube-controller-manager"
_CALM = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class Controllers:
    """All controllers of one cluster. `tick` does nothing while nothing changed and nothing is due."""

    def __init__(self, cluster: Cluster, behaviour: Behaviour, *, resume: bool = False) -> None:
        """With `resume` the store was filled in an earlier life, and work may be under way."""
        self._cluster = cluster
        self._loop = Loop(cluster, behaviour) if behaviour.workloads else None
        self._seen = -1
        self._waiting = False
        if self._loop and resume:
            self._loop.look_at_everything()

    @property
    def idle(self) -> bool:
        return not self._waiting and self._seen == self._cluster.store.revision and not self._due

    @property
    def busy(self) -> bool:
        """Whether more could be done right now."""
        return self._due

    @property
    def _due(self) -> bool:
        due = self._loop.next_due if self._loop else None
        return due is not None and due <= self._cluster.now()

    def tick(self) -> None:
        """Let every controller do its part."""
        # What is written meanwhile is looked at the next time.
        revision = self._cluster.store.revision
        if self._waiting or self._seen != revision:
            self._waiting = settle(self._cluster, pods=self._loop is None)
        self._seen = revision
        if self._loop:
            self._loop.step()


def settle(cluster: Cluster, *, pods: bool = True) -> bool:
    """Let the controllers beside those of workloads do their part once; true when something is still
    waiting (for time or finalizers). `pods` tells whether deleted pods are to be finished here.
    """
    with cluster.store.lock:
        _accept_definitions(cluster)
        _default_service_accounts(cluster)
        tell_nodes(cluster)
        redirect(cluster)
        due = (cluster.now() - NAMESPACE_DELAY).strftime(TIME_FORMAT)
        for namespace in cluster.store.each("namespaces"):
            if namespace.deleted_at and namespace.deleted_at <= due:
                _finish_namespace(cluster, namespace.object())
        if pods:
            finish_pods(cluster)
        keys = ("namespaces", "pods") if pods else ("namespaces",)
        return any(item.deleted_at for key in keys for item in cluster.store.each(key))


def _accept_definitions(cluster: Cluster) -> None:
    for stored in cluster.store.each(DEFINITIONS):
        obj = stored.object()
        if not (obj.get("status") or {}).get("conditions"):
            cluster.store.put(DEFINITIONS, {**obj, "status": established(obj, cluster.timestamp())})


def _default_service_accounts(cluster: Cluster) -> None:
    have = {item.namespace for item in cluster.store.each("serviceaccounts") if item.name == "default"}
    for namespace in cluster.store.each("namespaces"):
        if namespace.name in have or namespace.deleted_at:
            continue
        meta = {
            "name": "default",
            "namespace": namespace.name,
            "uid": cluster.new_uid(),
            "creationTimestamp": cluster.timestamp(),
        }
        cluster.store.put("serviceaccounts", {"metadata": meta})


def _finish_namespace(cluster: Cluster, namespace: Json) -> None:
    """Empty a namespace that is being deleted; drop it, or say in its status what holds it."""
    name = namespace["metadata"]["name"]
    left = empty_namespace(cluster, name)
    if not left:
        cluster.store.remove("namespaces", "", name)
        return
    if (namespace.get("status") or {}).get("conditions"):
        return
    conditions = _conditions(left, cluster.timestamp())
    meta = dict(namespace["metadata"])
    owners = owners_of(meta.get("managedFields"))
    keeper = Manager(MANAGER, Operation.UPDATE, "v1", "status")
    top = ("f:status", "f:conditions")
    paths: set[Path] = {top}
    for item in conditions:
        element = f'k:{{"type":"{item["type"]}"}}'
        paths.add((*top, element))
        paths |= {(*top, element, f"f:{field}") for field in item}
    owners[keeper.identity] = Ownership(keeper, frozenset(paths), cluster.timestamp())
    meta["managedFields"] = entries_of(owners)
    status = {**namespace["status"], "conditions": conditions}
    cluster.store.put("namespaces", {**namespace, "metadata": meta, "status": status})


def _conditions(left: list[tuple[str, Json]], timestamp: str) -> list[Json]:
    resources = Counter(resource for resource, _ in left)
    finalizers = Counter(name for _, obj in left for name in obj["metadata"].get("finalizers") or ())
    remaining = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(resources.items())
    )
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    texts = (
        ("NamespaceContentRemaining", "SomeResourcesRemain", f"Some resources are remaining: {remaining}"),
        (
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {held}",
        ),
    )
    rows = [(*row, "False") for row in _CALM] + [(*row, "True") for row in texts]
    return [
        {
            "type": kind,
            "status": status,
            "lastTransitionTime": timestamp,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message, status in rows
    ]
