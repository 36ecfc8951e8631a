"""The Job controller: pods until enough of them succeeded.

Failed pods and back-off are not played: pods of a simulated cluster succeed. Must not know kubelets.
"""

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import active, condition_of, ready, terminating
from apps.simcluster.behaviour.runtime import JOBS, PODS, Runtime, trimmed
from apps.simcluster.behaviour.templates import pod_of
from apps.simcluster.errors import ApiError
from apps.simcluster.schema import Json

SOURCE = Source("job-controller")
DONE = ("Complete", "Failed")


def sync(run: Runtime, work: Work) -> None:
    """Bring one Job a step further; a finished one is left as it is."""
    job = run.get(work)
    if job is None or any((condition_of(job, kind) or {}).get("status") == "True" for kind in DONE):
        return
    pods = run.controlled(PODS, job)
    if not terminating(job):
        try:
            _manage(run, job, pods)
            run.queue.succeeded(work)
        except ApiError:
            run.queue.retry(work, run.cluster.now())
    _report(run, job, pods)


def _succeeded(pods: list[Json]) -> int:
    return sum((pod.get("status") or {}).get("phase") == "Succeeded" for pod in pods)


def _completions(job: Json) -> int:
    """How many must succeed; a Job that does not say it is done with the first."""
    return int(job["spec"].get("completions") or 1)


def _manage(run: Runtime, job: Json, pods: list[Json]) -> None:
    living, spec, meta = active(pods), job["spec"], job["metadata"]
    if spec.get("suspend"):
        for pod in living:
            actors.discard(run, actors.JOB, PODS, pod)
        return
    about = Subject("batch/v1", "Job", job)
    labels = {
        "batch.kubernetes.io/controller-uid": meta["uid"],
        "batch.kubernetes.io/job-name": meta["name"],
        "job-name": meta["name"],
    }
    wanted = min(int(spec.get("parallelism", 1)), _completions(job) - _succeeded(pods))
    for _ in range(wanted - len(living)):
        made = actors.make(run, actors.JOB, PODS, pod_of("Job", job, spec["template"], labels))
        run.events.tell(SOURCE, about, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")


def _report(run: Runtime, job: Json, pods: list[Json]) -> None:
    before, now = job.get("status") or {}, run.cluster.timestamp()
    living = active(pods)
    status: Json = {
        **{name: value for name, value in before.items() if name not in ("active", "ready", "succeeded")},
        "startTime": before.get("startTime") or now,
        "active": len(living),
        "ready": sum(ready(pod) for pod in living),
        "succeeded": _succeeded(pods),
    }
    if status["succeeded"] >= _completions(job) and not living:
        said = ("CompletionsReached", "Reached expected number of succeeded pods")
        rows = [
            {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
            | {"reason": said[0], "message": said[1]}
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        status |= {"completionTime": now, "conditions": [*(before.get("conditions") or ()), *rows]}
    if trimmed(status) != trimmed(before):
        actors.report(run, actors.JOB, JOBS, job, trimmed(status))
        if "completionTime" in status:
            run.events.tell(SOURCE, Subject("batch/v1", "Job", job), "Completed", "Job completed")
