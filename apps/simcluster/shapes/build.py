"""All that a controller's shape needs to know about one workload, and the pods it makes from it.

Must not know what the controllers look like.
"""

from dataclasses import dataclass

from apps.simcluster.shapes.capture import Rolled
from apps.simcluster.shapes.cluster import Cluster
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.options import WorkloadKind, WorkloadOptions
from apps.simcluster.shapes.pods import Injection, pod

# Ages are spread by up to a tenth: divided by this, a pod's is always less than its owner's.
YOUNGER = 1.2


@dataclass(frozen=True, slots=True)
class Build:
    """`current` is the template on the workload; `older`, if set, the one that (some) pods come from."""

    cluster: Cluster
    namespace: str
    name: str
    options: WorkloadOptions
    labels: dict[str, str]
    annotations: dict[str, str]
    selector: dict[str, str]
    current: Manifest
    older: Manifest | None
    older_pods: Rolled
    injection: Injection

    @property
    def count(self) -> int:
        daemon = self.options.kind is WorkloadKind.DAEMON_SET
        return len(self.cluster.nodes) if daemon else self.options.replicas

    @property
    def updated(self) -> int:
        """How many pods come from the current template."""
        if self.older is None:
            return self.count
        return 0 if self.older_pods is Rolled.NONE else min(1, self.count)

    def age(self, *, new: bool) -> float:
        """Days since a pod from the current (or the older) template started."""
        return self.options.age / (4 if new else 2)

    def metadata(self, kind: str, *, generation: int) -> Manifest:
        return metadata(
            self.cluster.stamp,
            kind,
            self.namespace,
            self.name,
            labels=self.labels,
            annotations=self.annotations,
            age=self.options.age,
            generation=generation,
        )

    def pod(
        self,
        owner: Manifest,
        name: str,
        template: Manifest,
        labels: dict[str, str],
        age: float,
        *,
        node: int | None = None,
        finished: bool = False,
    ) -> Manifest:
        """One pod of an owner that is `age` days old; without a `node` it lands on one chosen by its name."""
        nodes = self.cluster.nodes
        if node is None:
            node = self.cluster.stamp.number(f"{self.namespace}/{name}", len(nodes))
        return pod(
            self.cluster,
            owner,
            name,
            template,
            self.injection,
            labels=labels,
            node=nodes[node],
            age=age / YOUNGER,
            finished=finished,
        )


def condition(kind: str, reason: str, meta: Manifest) -> Manifest:
    """A true condition of a controller's status."""
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "lastTransitionTime": meta["creationTimestamp"],
        "lastUpdateTime": meta["creationTimestamp"],
    }
