"""The scheduler and the kubelets in small: pods find a node, start, end and go.

An image with `broken` in its tag cannot be pulled. Must not know controllers; a Job's pod ends by itself.
"""

from collections.abc import Iterator
from datetime import timedelta

from apps.simcluster.behaviour import actors, pod_events
from apps.simcluster.behaviour.daemon_sets import node_of
from apps.simcluster.behaviour.nodes import choose, internal_address
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import condition_of, finished, with_condition
from apps.simcluster.behaviour.runtime import NODES, PODS, Runtime, moment
from apps.simcluster.schema import Json
from apps.simcluster.shapes.meta import Stamp
from apps.simcluster.shapes.pods import pod_status

START, END = "start-pod", "end-pod"
BROKEN = "broken"
BLOCK = 250
# An unfinished run that is older goes on for ever: a scenario says of a Job that it is running.
LONGEST_RUN = timedelta(minutes=1)


def sync(run: Runtime, work: Work) -> None:
    """Bring one pod a step further."""
    pod = run.get(work)
    if pod is None:
        return
    if "deletionTimestamp" in pod["metadata"]:
        _stop(run, work, pod)
    elif finished(pod):
        return
    elif not pod["spec"].get("nodeName"):
        _schedule(run, pod)
    elif not (pod.get("status") or {}).get("containerStatuses"):
        _accept(run, pod)
    elif _waits(pod):
        run.later(Work(START, work.namespace, work.name), run.options.pod_start)
    elif _will_end(run, pod):
        run.later(Work(END, work.namespace, work.name), run.options.pod_start)


def _schedule(run: Runtime, pod: Json) -> None:
    nodes = [item.object() for item in run.index.of(NODES)]
    node = choose(nodes, pod, node_of(pod))
    status = dict(pod.get("status") or {})
    new: Json = {"type": "PodScheduled", "lastProbeTime": None, "lastTransitionTime": run.cluster.timestamp()}
    if node is None:
        known = condition_of(pod, "PodScheduled")
        if known and known.get("reason") == "Unschedulable":
            return
        text = f"0/{len(nodes)} nodes are available: no node is ready and fits the pod."
        new |= {"status": "False", "reason": "Unschedulable", "message": text}
        status["conditions"] = with_condition(status.get("conditions") or (), new)
        actors.report(run, actors.SCHEDULER, PODS, pod, status)
        pod_events.unschedulable(run, pod, text)
        return
    status["conditions"] = with_condition(status.get("conditions") or (), new | {"status": "True"})
    # A binding is no update of the pod: nobody owns the node's name.
    bound = {**pod["spec"], "nodeName": node["metadata"]["name"]}
    actors.overwrite(run, PODS, pod, {**pod, "spec": bound, "status": status})
    pod_events.scheduled(run, pod, bound["nodeName"])


def _node(run: Runtime, pod: Json) -> Json | None:
    found = run.index.get(NODES, "", pod["spec"]["nodeName"])
    return found.object() if found else None


def _accept(run: Runtime, pod: Json) -> None:
    """The kubelet saw the pod: its containers are being created."""
    node = _node(run, pod)
    if node is None:
        return
    reason = "PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating"
    status = _running(run, pod, node, run.cluster.timestamp())
    for name, row in _rows(status):
        _not_running(row, {"reason": "PodInitializing" if name == "initContainerStatuses" else reason})
    status = {key: value for key, value in status.items() if key not in ("podIP", "podIPs")}
    _not_ready(status)
    actors.report(run, actors.KUBELET, PODS, pod, status)


def _rows(status: Json) -> Iterator[tuple[str, Json]]:
    for name in ("initContainerStatuses", "containerStatuses"):
        for row in status.get(name) or ():
            yield name, row


def _not_running(row: Json, waiting: Json) -> None:
    for name in ("containerID", "imageID"):
        row[name] = ""
    row |= {"ready": False, "started": False, "state": {"waiting": waiting}}


def _not_ready(status: Json) -> None:
    """A pod that is starting: its conditions name the containers that are not there yet."""
    names = [row["name"] for name, row in _rows(status) if name == "containerStatuses" and not row["ready"]]
    inits = [name for name, row in _rows(status) if name == "initContainerStatuses" and not row["ready"]]
    why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(names)}]"}
    for row in status["conditions"]:
        waits = row["type"] in ("Ready", "ContainersReady") and names
        if waits or (row["type"] == "Initialized" and inits):
            row |= {"status": "False"} | (why if waits else {"reason": "ContainersNotInitialized"})
    status["phase"] = "Pending"


def _running(run: Runtime, pod: Json, node: Json, started: str, *, ended: bool = False) -> Json:
    """The status of a pod that runs or has run, with the address it has or gets."""
    stamp = Stamp(run.cluster.name, run.cluster.now())
    before = pod.get("status") or {}
    address = internal_address(node)
    status = pod_status(stamp, pod, address, started, finished=ended)
    status["startTime"] = before.get("startTime") or started
    status["qosClass"] = before.get("qosClass") or status["qosClass"]
    own = address if pod["spec"].get("hostNetwork") else before.get("podIP") or _new_address(run)
    status |= {"podIP": own, "podIPs": [{"ip": own}]}
    known = {row["type"]: row for row in before.get("conditions") or ()}
    for row in status["conditions"]:
        old = known.get(row["type"])
        if old and old["status"] == row["status"]:
            row["lastTransitionTime"] = old["lastTransitionTime"]
        row["lastProbeTime"] = None
    return status


def _new_address(run: Runtime) -> str:
    """An address that no other pod got: each is made of the store's revision. Scenarios use up to 10.40."""
    number = run.cluster.store.revision
    second = 128 + number // BLOCK // BLOCK % 128
    return f"10.{second}.{number // BLOCK % BLOCK}.{number % BLOCK + 1}"


def _waits(pod: Json) -> bool:
    """Whether the containers are being created (and not held up by their image)."""
    states = [(row.get("state") or {}).get("waiting") for _, row in _rows(pod.get("status") or {})]
    reasons = {state.get("reason") for state in states if state}
    return bool(reasons) and "ImagePullBackOff" not in reasons


def start(run: Runtime, work: Work) -> None:
    """The containers of a pod were created: they run, or their image cannot be had."""
    pod = run.get(work, PODS)
    if pod is None or "deletionTimestamp" in pod["metadata"] or not _waits(pod):
        return
    node = _node(run, pod)
    if node is None:
        return
    status = _running(run, pod, node, run.cluster.timestamp())
    if any(_is_broken(row["image"]) for _, row in _rows(status)):
        _hold_up(status)
        _not_ready(status)
    actors.report(run, actors.KUBELET, PODS, pod, status)
    pod_events.started(run, pod, status)


def _is_broken(image: str) -> bool:
    return BROKEN in image.rpartition("/")[2].partition(":")[2]


def _hold_up(status: Json) -> None:
    """Containers with a broken image wait for it; what comes after such an init container waits too."""
    held = False
    for name, row in _rows(status):
        if _is_broken(row["image"]) and not held:
            text = f'Back-off pulling image "{row["image"]}"'
            _not_running(row, {"reason": "ImagePullBackOff", "message": text})
            held = name == "initContainerStatuses"
        elif held:
            _not_running(row, {"reason": "PodInitializing"})


def _will_end(run: Runtime, pod: Json) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    started = (pod.get("status") or {}).get("startTime")
    if not started or not any(owner.get("kind") == "Job" and owner.get("controller") for owner in owners):
        return False
    runs = (pod.get("status") or {}).get("phase") == "Running"
    return (
        runs and moment(started) + LONGEST_RUN + timedelta(seconds=run.options.pod_start) > run.cluster.now()
    )


def end(run: Runtime, work: Work) -> None:
    """The containers of a Job's pod are done."""
    pod = run.get(work, PODS)
    if pod is None or finished(pod) or "deletionTimestamp" in pod["metadata"]:
        return
    node = _node(run, pod)
    if node is not None:
        status = _running(run, pod, node, run.cluster.timestamp(), ended=True)
        actors.report(run, actors.KUBELET, PODS, pod, status)


def _stop(run: Runtime, work: Work, pod: Json) -> None:
    """A pod that was deleted is gone when its containers ended: at the end of its grace at the latest."""
    pod_events.stopping(run, pod)
    meta = pod["metadata"]
    grace = float(meta.get("deletionGracePeriodSeconds") or 0)
    asked = moment(meta["deletionTimestamp"]) - timedelta(seconds=grace)
    due = asked + timedelta(seconds=min(grace, run.options.pod_stop))
    if run.cluster.now() < due:
        run.queue.at(work, due)
    elif not meta.get("finalizers"):
        run.cluster.store.remove(PODS, meta["namespace"], meta["name"])
