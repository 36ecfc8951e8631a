"""What every controller works with: the cluster, what is in it, and what is to be looked at later.

Must not know single controllers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from apps.simcluster.behaviour.events import Recorder
from apps.simcluster.behaviour.index import Index
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.behaviour.queue import Work, WorkQueue
from apps.simcluster.cluster import TIME_FORMAT, Cluster
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.store import Stored

PODS = "pods"
NODES = "nodes"
DEPLOYMENTS = "deployments.apps"
REPLICA_SETS = "replicasets.apps"
STATEFUL_SETS = "statefulsets.apps"
DAEMON_SETS = "daemonsets.apps"
REVISIONS = "controllerrevisions.apps"
JOBS = "jobs.batch"
KIND_KEYS = {
    "Pod": PODS,
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": REPLICA_SETS,
    "StatefulSet": STATEFUL_SETS,
    "DaemonSet": DAEMON_SETS,
    "Job": JOBS,
}


class Reference(msgspec.Struct):
    """An owner reference as far as controllers read it."""

    kind: str
    name: str
    uid: str
    controller: bool | None = None
    blockOwnerDeletion: bool | None = None  # noqa: N815


class Identity(msgspec.Struct):
    """What metadata says of identity and ownership."""

    name: str
    uid: str = ""
    ownerReferences: list[Reference] | None = None  # noqa: N815
    finalizers: list[str] | None = None

    @property
    def owners(self) -> list[Reference]:
        return self.ownerReferences or []

    @property
    def controller(self) -> Reference | None:
        return next((owner for owner in self.owners if owner.controller), None)


class _Head(msgspec.Struct):
    metadata: Identity


def identity(stored: Stored) -> Identity:
    """Who an object is and who owns it, without decoding the rest. Of a wrong shape it has no owner."""
    try:
        return msgspec.json.decode(stored.body, type=_Head).metadata
    except msgspec.ValidationError:
        return Identity(stored.name)


@dataclass(slots=True)
class Runtime:
    cluster: Cluster
    options: Behaviour
    index: Index
    queue: WorkQueue
    events: Recorder

    def get(self, work: Work, key: str = "") -> Json | None:
        """The object that a work is about."""
        found = self.index.get(key or work.task, work.namespace, work.name)
        return found.object() if found else None

    def controlled(self, key: str, owner: Json) -> list[Json]:
        """The objects that `owner` controls, oldest first."""
        return sorted(self._controlled(key, owner), key=_by_age)

    def _controlled(self, key: str, owner: Json) -> Iterator[Json]:
        meta = owner["metadata"]
        marker = meta["uid"].encode()
        for item in self.index.of(key, meta["namespace"]):
            if marker in item.body and (found := identity(item).controller) and found.uid == meta["uid"]:
                yield item.object()

    def orphans(self, key: str, owner: Json) -> list[Json]:
        """Objects that nobody controls and the owner's selector selects."""
        selector = owner["spec"].get("selector")
        if not selector:
            return []
        return [
            item.object()
            for item in self.index.of(key, owner["metadata"]["namespace"])
            if label_selector_holds(selector, item.labels)
            and not item.deleted_at
            and identity(item).controller is None
        ]

    def later(self, work: Work, seconds: float) -> None:
        self.queue.at(work, self.cluster.now() + timedelta(seconds=seconds))


def _by_age(obj: Json) -> tuple[str, str]:
    return obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]


def moment(text: str) -> datetime:
    """A time of an object."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def trimmed(status: dict[str, Any]) -> dict[str, Any]:
    """A status as it is written: counts of zero are left out, as are empty lists."""
    return {name: value for name, value in status.items() if value not in (0, None, [], "")}
