"""Job and CronJob, with the pod of the last run.

Must not know Istio or Speedscale.
"""

from apps.simcluster.shapes.build import Build, condition
from apps.simcluster.shapes.meta import Manifest, metadata, written

ONE_HOUR = 1 / 24
SECONDS_A_MINUTE = 60
SUFFIX_LENGTH = 5


def cron_job(build: Build) -> list[Manifest]:
    """The CronJob, the Job of its last run, and that Job's finished pod."""
    stamp = build.cluster.stamp
    run = stamp.moment(ONE_HOUR, f"run/{build.namespace}/{build.name}").replace(second=0)
    template = {"backoffLimit": 2, "template": build.current}
    spec = {
        "schedule": f"{run.minute} * * * *",
        "concurrencyPolicy": "Forbid",
        "suspend": False,
        "successfulJobsHistoryLimit": 1,
        "jobTemplate": {"metadata": {"labels": build.selector}, "spec": template},
    }
    meta = build.metadata("CronJob", generation=1)
    manifest: Manifest = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec}
    manifest["status"] = {"lastScheduleTime": written(run), "lastSuccessfulTime": written(run)}
    # The controller names a Job after the minute it was scheduled for.
    name = f"{build.name}-{int(run.timestamp()) // SECONDS_A_MINUTE}"
    return [manifest, *job(build, name, owner=manifest)]


def job(build: Build, name: str, *, owner: Manifest | None = None, finished: bool = True) -> list[Manifest]:
    """A Job and its one pod, completed unless told otherwise."""
    stamp = build.cluster.stamp
    age = ONE_HOUR if owner else float(build.options.age)
    uid = stamp.uid("Job", build.namespace, name)
    marks = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "job-name": name,
    }
    meta = metadata(
        stamp,
        "Job",
        build.namespace,
        name,
        labels=build.selector if owner else build.labels,
        annotations=None if owner else build.annotations,
        owner=owner,
        age=age,
        generation=1,
    )
    if owner:
        meta["creationTimestamp"] = owner["status"]["lastScheduleTime"]
    labels = build.current["metadata"]["labels"] | marks
    spec = {
        "backoffLimit": 2,
        "completions": 1,
        "parallelism": 1,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "template": {**build.current, "metadata": {**build.current["metadata"], "labels": labels}},
    }
    manifest: Manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}
    started = meta["creationTimestamp"]
    manifest["status"] = {"startTime": started, "active": 1, "ready": 1}
    if finished:
        manifest["status"] = {
            "succeeded": 1,
            "startTime": started,
            "completionTime": started,
            "conditions": [condition("Complete", "CompletionsReached", meta)],
        }
    pod_name = f"{name}-{stamp.letters(f'{build.namespace}/{name}', SUFFIX_LENGTH)}"
    pod = build.pod(manifest, pod_name, build.current, marks, age, finished=finished)
    return [manifest, pod]
