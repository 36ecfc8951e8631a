"""The DaemonSet controller: one pod a node, replaced a few at a time.

As kubernetes/pkg/controller/daemon, without surge. Must not know kubelets.
"""

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.nodes import fits
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import available, finished, ready, terminating
from apps.simcluster.behaviour.revisions import HASH_LABEL, Revisions, forget, hash_of, revisions
from apps.simcluster.behaviour.rollout import resolved
from apps.simcluster.behaviour.runtime import DAEMON_SETS, NODES, PODS, Runtime, trimmed
from apps.simcluster.behaviour.templates import pod_of
from apps.simcluster.errors import ApiError
from apps.simcluster.schema import Json

SOURCE = Source("daemonset-controller")
GENERATION_LABEL = "pod-template-generation"
_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


def sync(run: Runtime, work: Work) -> None:
    """Bring one DaemonSet a step further."""
    obj = run.get(work)
    if obj is None:
        return
    found = revisions(run, actors.DAEMON_SET, "DaemonSet", obj)
    nodes = [
        node.name for node in run.index.of(NODES) if fits(node.object(), obj["spec"]["template"]["spec"])
    ]
    pods = run.controlled(PODS, obj)
    if not terminating(obj):
        try:
            _place(run, obj, found, nodes, pods)
            run.queue.succeeded(work)
        except ApiError:
            run.queue.retry(work, run.cluster.now())
        _update(run, obj, found, nodes, pods)
    _report(run, work, obj, found, nodes, pods)
    if not terminating(obj):
        used = {item["metadata"]["name"] for item in found.known if _uses(item, pods)}
        forget(run, actors.DAEMON_SET, found, used, int(obj["spec"].get("revisionHistoryLimit", 10)))


def _uses(revision: Json, pods: list[Json]) -> bool:
    return any(_hash(pod) == hash_of(revision) for pod in pods)


def _hash(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def node_of(pod: Json) -> str:
    """The node of a daemon's pod: where it is, or where it is to go."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name":
                return str((field.get("values") or [""])[0])
    return ""


def _place(run: Runtime, obj: Json, found: Revisions, nodes: list[str], pods: list[Json]) -> None:
    for pod in pods:
        if not terminating(pod) and (finished(pod) or node_of(pod) not in nodes):
            _discard(run, obj, pod)
    occupied = {node_of(pod) for pod in pods}
    for node in nodes:
        if node not in occupied:
            made = actors.make(run, actors.DAEMON_SET, PODS, _pod(obj, found, node))
            _tell(run, obj, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")


def _discard(run: Runtime, obj: Json, pod: Json) -> None:
    actors.discard(run, actors.DAEMON_SET, PODS, pod)
    _tell(run, obj, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def _tell(run: Runtime, obj: Json, reason: str, text: str) -> None:
    run.events.tell(SOURCE, Subject("apps/v1", "DaemonSet", obj), reason, text)


def _pod(obj: Json, found: Revisions, node: str) -> Json:
    labels = {
        HASH_LABEL: hash_of(found.update),
        GENERATION_LABEL: str(obj["metadata"].get("generation", 1)),
    }
    pod = pod_of("DaemonSet", obj, obj["spec"]["template"], labels)
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    pod["spec"]["affinity"] = {**(pod["spec"].get("affinity") or {}), "nodeAffinity": required}
    tolerated = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
        for key, effect in _TOLERATED
    ]
    pod["spec"]["tolerations"] = [*(pod["spec"].get("tolerations") or ()), *tolerated]
    return pod


def _update(run: Runtime, obj: Json, found: Revisions, nodes: list[str], pods: list[Json]) -> None:
    """Delete as many pods of older revisions as may be away at once."""
    strategy = obj["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return
    asked = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
    most = max(1, resolved(asked, len(nodes), up=True))
    seconds = int(obj["spec"].get("minReadySeconds") or 0)
    living = [pod for pod in pods if not terminating(pod) and node_of(pod) in nodes]
    well = [pod for pod in living if available(run, pod, seconds)]
    old = [pod for pod in living if _hash(pod) != hash_of(found.update)]
    for pod in (item for item in old if item not in well):
        _discard(run, obj, pod)
    room = most - (len(nodes) - len(well))
    for pod in [item for item in old if item in well][: max(0, room)]:
        _discard(run, obj, pod)


def _report(
    run: Runtime, work: Work, obj: Json, found: Revisions, nodes: list[str], pods: list[Json]
) -> None:
    before = obj.get("status") or {}
    seconds = int(obj["spec"].get("minReadySeconds") or 0)
    placed = {node_of(pod): pod for pod in pods if not terminating(pod) and node_of(pod) in nodes}
    readies = [pod for pod in placed.values() if ready(pod)]
    availables = [pod for pod in readies if available(run, pod, seconds)]
    if len(availables) < len(readies):
        run.later(work, 1)
    updated = sum(_hash(pod) == hash_of(found.update) for pod in placed.values())
    status: Json = {
        "observedGeneration": obj["metadata"].get("generation", 1),
        "currentNumberScheduled": len(placed),
        "desiredNumberScheduled": len(nodes),
        "numberMisscheduled": 0,
        "numberReady": len(readies),
        "numberAvailable": len(availables),
        "numberUnavailable": len(nodes) - len(availables),
        "updatedNumberScheduled": updated,
        "conditions": before.get("conditions"),
    }
    if trimmed(status) != trimmed(before):
        always = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
        written = {**trimmed(status), **{name: status[name] for name in always}}
        actors.report(run, actors.DAEMON_SET, DAEMON_SETS, obj, written)
