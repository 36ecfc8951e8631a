"""Job and CronJob, with the pod of the last run.

Must not know Istio or Speedscale.
"""

from apps.simcluster.shapes.build import Build, condition
from apps.simcluster.shapes.meta import Manifest, metadata

ONE_HOUR = 1 / 24
SUFFIX_LENGTH = 5


def cron_job(build: Build) -> list[Manifest]:
    """The CronJob, the Job of its last run, and that Job's finished pod."""
    stamp = build.cluster.stamp
    template = {"backoffLimit": 2, "template": build.current}
    spec = {
        "schedule": f"{stamp.number(build.name, 60)} * * * *",
        "concurrencyPolicy": "Forbid",
        "suspend": False,
        "successfulJobsHistoryLimit": 1,
        "jobTemplate": {"metadata": {"labels": build.selector}, "spec": template},
    }
    meta = build.metadata("CronJob", generation=1)
    manifest: Manifest = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": spec}
    manifest["status"] = {"lastScheduleTime": stamp.base.strftime("%Y-%m-%dT%H:00:00Z")}
    # The controller names a Job after the minute it was scheduled for.
    minute = int(stamp.base.timestamp()) // 60
    return [manifest, *job(build, f"{build.name}-{minute}", owner=manifest)]


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
