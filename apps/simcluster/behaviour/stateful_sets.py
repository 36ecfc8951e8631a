"""The StatefulSet controller: pods with numbers, one after the other, updated from the last one on.

As kubernetes/pkg/controller/statefulset; volume claims are not made. Must not know kubelets.
"""

from dataclasses import dataclass

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import available, finished, ready, terminating
from apps.simcluster.behaviour.revisions import HASH_LABEL, Revisions, forget, revisions, template_of
from apps.simcluster.behaviour.runtime import PODS, STATEFUL_SETS, Runtime, trimmed
from apps.simcluster.behaviour.templates import pod_of
from apps.simcluster.errors import ApiError
from apps.simcluster.schema import Json

SOURCE = Source("statefulset-controller")
INDEX_LABEL = "apps.kubernetes.io/pod-index"
NAME_LABEL = "statefulset.kubernetes.io/pod-name"


@dataclass(frozen=True, slots=True)
class _Set:
    """A StatefulSet with its pods by number."""

    obj: Json
    pods: dict[int, Json]
    revisions: Revisions

    @property
    def wanted(self) -> int:
        return int(self.obj["spec"].get("replicas", 1))

    @property
    def ordered(self) -> bool:
        return bool(self.obj["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady")

    @property
    def strategy(self) -> Json:
        return self.obj["spec"].get("updateStrategy") or {}

    @property
    def rolling(self) -> bool:
        return bool(self.strategy.get("type", "RollingUpdate") == "RollingUpdate")

    @property
    def partition(self) -> int:
        return int((self.strategy.get("rollingUpdate") or {}).get("partition") or 0)

    @property
    def update(self) -> str:
        return str(self.revisions.update["metadata"]["name"])

    @property
    def current(self) -> str:
        return str((self.obj.get("status") or {}).get("currentRevision") or self.update)


def sync(run: Runtime, work: Work) -> None:
    """Bring one StatefulSet a step further."""
    obj = run.get(work)
    if obj is None:
        return
    numbered = {_number(obj, pod): pod for pod in run.controlled(PODS, obj)}
    pods = {number: pod for number, pod in numbered.items() if number is not None}
    found = _Set(obj, pods, revisions(run, actors.STATEFUL_SET, "StatefulSet", obj))
    if not terminating(obj):
        try:
            if _fill(run, found) and _shorten(run, found):
                _update(run, found)
            run.queue.succeeded(work)
        except ApiError:
            run.queue.retry(work, run.cluster.now())
    _report(run, work, found)
    if not terminating(obj):
        used = {found.current, *(_revision(pod) for pod in pods.values())}
        forget(
            run, actors.STATEFUL_SET, found.revisions, used, int(obj["spec"].get("revisionHistoryLimit", 10))
        )


def _number(obj: Json, pod: Json) -> int | None:
    name, _, number = pod["metadata"]["name"].rpartition("-")
    return int(number) if name == obj["metadata"]["name"] and number.isdigit() else None


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def _fill(run: Runtime, found: _Set) -> bool:
    """Make missing pods in order; true when all that are wanted are there and, where it matters, ready."""
    for number in range(found.wanted):
        pod = found.pods.get(number)
        if pod is None:
            _make(run, found, number)
        elif finished(pod) and not terminating(pod):
            _discard(run, found, pod)
        if found.ordered and (pod is None or terminating(pod) or not ready(pod)):
            return False
    return all(number in found.pods for number in range(found.wanted))


def _make(run: Runtime, found: _Set, number: int) -> None:
    status = found.obj.get("status") or {}
    keeps = number < found.partition or (
        found.rolling and not found.partition and number < int(status.get("currentReplicas") or 0)
    )
    revision = found.revisions.named(found.current if keeps else found.update)
    name = f"{found.obj['metadata']['name']}-{number}"
    labels = {INDEX_LABEL: str(number), HASH_LABEL: revision["metadata"]["name"], NAME_LABEL: name}
    pod = pod_of("StatefulSet", found.obj, template_of(revision), labels, name)
    pod["spec"] |= {"hostname": name, "subdomain": found.obj["spec"].get("serviceName", "")}
    actors.make(run, actors.STATEFUL_SET, PODS, pod)
    _tell(run, found, "create", name)


def _discard(run: Runtime, found: _Set, pod: Json) -> None:
    actors.discard(run, actors.STATEFUL_SET, PODS, pod)
    _tell(run, found, "delete", pod["metadata"]["name"])


def _tell(run: Runtime, found: _Set, verb: str, name: str) -> None:
    text = f"{verb} Pod {name} in StatefulSet {found.obj['metadata']['name']} successful"
    about = Subject("apps/v1", "StatefulSet", found.obj)
    run.events.tell(SOURCE, about, f"Successful{verb.capitalize()}", text)


def _shorten(run: Runtime, found: _Set) -> bool:
    """Delete pods beyond the wanted size from the last one on; true when there are none."""
    beyond = sorted((number for number in found.pods if number >= found.wanted), reverse=True)
    for number in beyond:
        if not terminating(found.pods[number]):
            _discard(run, found, found.pods[number])
        if found.ordered:
            break
    return not beyond


def _update(run: Runtime, found: _Set) -> None:
    """Delete the last pod of an older revision, when those after it are ready."""
    if not found.rolling:
        return
    for number in range(found.wanted - 1, found.partition - 1, -1):
        pod = found.pods[number]
        if _revision(pod) != found.update and not terminating(pod):
            _discard(run, found, pod)
            return
        if terminating(pod) or not ready(pod):
            return


def _report(run: Runtime, work: Work, found: _Set) -> None:
    before = found.obj.get("status") or {}
    seconds = int(found.obj["spec"].get("minReadySeconds") or 0)
    living = [pod for pod in found.pods.values() if not finished(pod)]
    readies = [pod for pod in living if ready(pod) and not terminating(pod)]
    availables = [pod for pod in readies if available(run, pod, seconds)]
    if len(availables) < len(readies):
        run.later(work, 1)
    kept = [pod for pod in living if not terminating(pod)]
    updated = sum(_revision(pod) == found.update for pod in kept)
    current = sum(_revision(pod) == found.current for pod in kept)
    name = found.current
    if found.rolling and updated == len(living) == len(readies) == found.wanted:
        name, current = found.update, updated
    status = {
        "observedGeneration": found.obj["metadata"].get("generation", 1),
        "replicas": len(living),
        "readyReplicas": len(readies),
        "availableReplicas": len(availables),
        "currentReplicas": current,
        "updatedReplicas": updated,
        "currentRevision": name,
        "updateRevision": found.update,
        "collisionCount": before.get("collisionCount", 0),
        "conditions": before.get("conditions"),
    }
    if trimmed(status) != trimmed(before):
        written = {**trimmed(status), "replicas": len(living), "availableReplicas": len(availables)}
        actors.report(run, actors.STATEFUL_SET, STATEFUL_SETS, found.obj, written | {"collisionCount": 0})
