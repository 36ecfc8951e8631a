"""What the scheduler and the kubelets tell about a pod. Must not know how pods are kept."""

from collections.abc import Iterator

from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.runtime import PODS, Runtime
from apps.simcluster.schema import Json

SCHEDULER = Source("default-scheduler", modern=True)
_PLACES = (("initContainerStatuses", "initContainers"), ("containerStatuses", "containers"))


def scheduled(run: Runtime, pod: Json, node: str) -> None:
    meta = pod["metadata"]
    text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
    run.events.tell(SCHEDULER, Subject("v1", "Pod", pod), "Scheduled", text)


def unschedulable(run: Runtime, pod: Json, why: str) -> None:
    run.events.tell(SCHEDULER, Subject("v1", "Pod", pod), "FailedScheduling", why, warning=True)


def started(run: Runtime, pod: Json, status: Json) -> None:
    """The images of a pod are there and its containers run, up to the first whose image cannot be had."""
    for subject, row in _containers(pod, status):
        waiting = (row.get("state") or {}).get("waiting")
        if waiting and waiting["reason"] != "ImagePullBackOff":
            continue
        if waiting:
            _held_up(run, pod, subject, row["image"], waiting["message"])
            continue
        _pulled(run, pod, subject, row["image"])
        for reason, text in (("Created", "Created container: "), ("Started", "Started container ")):
            run.events.tell(_kubelet(pod), subject, reason, text + row["name"])


def stopping(run: Runtime, pod: Json) -> None:
    """The containers of a pod that was deleted are being stopped; told once."""
    for subject, row in _containers(pod, pod.get("status") or {}):
        text = f"Stopping container {row['name']}"
        if "running" in (row.get("state") or {}) and not run.events.told(
            _kubelet(pod), subject, "Killing", text
        ):
            run.events.tell(_kubelet(pod), subject, "Killing", text)


def _kubelet(pod: Json) -> Source:
    return Source("kubelet", str(pod["spec"].get("nodeName", "")))


def _containers(pod: Json, status: Json) -> Iterator[tuple[Subject, Json]]:
    for rows, place in _PLACES:
        for row in status.get(rows) or ():
            yield Subject("v1", "Pod", pod, f"spec.{place}{{{row['name']}}}"), row


def _pulled(run: Runtime, pod: Json, subject: Subject, image: str) -> None:
    if _is_there(run, pod, image):
        text = f'Container image "{image}" already present on machine'
        run.events.tell(_kubelet(pod), subject, "Pulled", text)
        return
    seconds = f"{run.options.pod_start:g}s"
    run.events.tell(_kubelet(pod), subject, "Pulling", f'Pulling image "{image}"')
    text = f'Successfully pulled image "{image}" in {seconds} ({seconds} including waiting)'
    run.events.tell(_kubelet(pod), subject, "Pulled", text)


def _is_there(run: Runtime, pod: Json, image: str) -> bool:
    """Whether another pod of the namespace runs, or ran, the image on the node."""
    meta, node = pod["metadata"], f'"nodeName":"{pod["spec"].get("nodeName", "")}"'.encode()
    wanted = f'"image":"{image}"'.encode()
    return any(
        item.name != meta["name"] and node in item.body and wanted in item.body and b'"running"' in item.body
        for item in run.index.of(PODS, meta["namespace"])
    )


def _held_up(run: Runtime, pod: Json, subject: Subject, image: str, back_off: str) -> None:
    who = _kubelet(pod)
    run.events.tell(who, subject, "Pulling", f'Pulling image "{image}"')
    for text in (f'Failed to pull image "{image}": not found', "Error: ErrImagePull"):
        run.events.tell(who, subject, "Failed", text, warning=True)
    run.events.tell(who, subject, "BackOff", back_off)
    run.events.tell(who, subject, "Failed", "Error: ImagePullBackOff", warning=True)
