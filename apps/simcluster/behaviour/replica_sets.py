"""The ReplicaSet controller: as many pods as wanted, and what it says of them.

Must not know rollouts.
"""

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import (
    active,
    available,
    condition_of,
    ready,
    terminating,
    with_condition,
)
from apps.simcluster.behaviour.runtime import PODS, REPLICA_SETS, Runtime, trimmed
from apps.simcluster.behaviour.templates import pod_of, reference
from apps.simcluster.errors import ApiError
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds

# So many pods are made in one go, so that a large set does not hold up everybody else.
BURST = 10
FAILURE = "ReplicaFailure"
SOURCE = Source("replicaset-controller")


def sync(run: Runtime, work: Work) -> None:
    """Bring one ReplicaSet nearer to what it wants."""
    replica_set = run.get(work)
    if replica_set is None:
        return
    if not terminating(replica_set):
        _adopt(run, replica_set)
    pods = active(run.controlled(PODS, replica_set))
    failure = ""
    if not terminating(replica_set):
        failure = _manage(run, work, replica_set, pods)
    _report(run, work, replica_set, pods, failure)


def _adopt(run: Runtime, replica_set: Json) -> None:
    for pod in active(run.orphans(PODS, replica_set)):
        owners = [*(pod["metadata"].get("ownerReferences") or ()), reference("ReplicaSet", replica_set)]
        adopted = {**pod, "metadata": {**pod["metadata"], "ownerReferences": owners}}
        actors.change(run, actors.REPLICA_SET, PODS, pod, adopted)


def _manage(run: Runtime, work: Work, replica_set: Json, pods: list[Json]) -> str:
    """Make or delete pods; the text of a refusal, or nothing."""
    about = Subject("apps/v1", "ReplicaSet", replica_set)
    missing = replica_set["spec"].get("replicas", 1) - len(pods)
    if missing < 0:
        for pod in sorted(pods, key=deletion_rank)[:-missing]:
            actors.discard(run, actors.REPLICA_SET, PODS, pod)
            text = f"Deleted pod: {pod['metadata']['name']}"
            run.events.tell(SOURCE, about, "SuccessfulDelete", text)
        return ""
    for _ in range(min(missing, BURST)):
        pod = pod_of("ReplicaSet", replica_set, replica_set["spec"]["template"], {})
        try:
            made = actors.make(run, actors.REPLICA_SET, PODS, pod)
        except ApiError as error:
            run.queue.retry(work, run.cluster.now())
            text = str(error.body()["message"])
            run.events.tell(SOURCE, about, "FailedCreate", f"Error creating: {text}", warning=True)
            return text
        run.events.tell(SOURCE, about, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
    run.queue.succeeded(work)
    if missing > BURST:
        run.queue.add(work)
    return ""


def deletion_rank(pod: Json) -> tuple[bool, bool, bool, tuple[int, ...]]:
    """Who goes first: without node, not running, not ready, then the youngest."""
    meta, status = pod["metadata"], pod.get("status") or {}
    youngest_first = tuple(-ord(letter) for letter in meta["creationTimestamp"])
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        ready(pod),
        youngest_first,
    )


def _report(run: Runtime, work: Work, replica_set: Json, pods: list[Json], failure: str) -> None:
    spec, before = replica_set["spec"], replica_set.get("status") or {}
    seconds = spec.get("minReadySeconds") or 0
    labels = {"matchLabels": (spec["template"].get("metadata") or {}).get("labels") or {}}
    readies = [pod for pod in pods if ready(pod)]
    availables = [pod for pod in readies if available(run, pod, seconds)]
    if len(availables) < len(readies):
        run.later(work, 1)
    conditions = list(before.get("conditions") or ())
    known = condition_of(replica_set, FAILURE)
    if failure and known is None:
        new = {"type": FAILURE, "status": "True", "lastTransitionTime": run.cluster.timestamp()}
        conditions = with_condition(conditions, new | {"reason": "FailedCreate", "message": failure})
    elif not failure and known is not None:
        conditions = [item for item in conditions if item is not known]
    matching = [pod for pod in pods if label_selector_holds(labels, pod["metadata"].get("labels") or {})]
    counts: Json = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(matching),
        "readyReplicas": len(readies),
        "availableReplicas": len(availables),
        "conditions": conditions,
    }
    status = {**trimmed(counts), "replicas": len(pods)}
    status["observedGeneration"] = replica_set["metadata"].get("generation", 1)
    if trimmed(status) != trimmed(before):
        actors.report(run, actors.REPLICA_SET, REPLICA_SETS, replica_set, status)


def scale(run: Runtime, replica_set: Json, replicas: int, annotations: dict[str, str]) -> Json:
    """Set the size and the annotations of a ReplicaSet as the Deployment controller does; returns it."""
    meta = {**replica_set["metadata"]}
    meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
    after = {**replica_set, "metadata": meta, "spec": {**replica_set["spec"], "replicas": replicas}}
    if after == replica_set:
        return replica_set
    return actors.change(run, actors.DEPLOYMENT, REPLICA_SETS, replica_set, after)
