"""Controllers of long-running workloads: Deployment with its replica sets, StatefulSet, DaemonSet; and pods.

Told everything in a `Build`; must not know scenario words other than the kind.
"""

from apps.simcluster.shapes.batch import cron_job, job
from apps.simcluster.shapes.build import Build, condition
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.options import WorkloadKind

HASH_LENGTH = 10
SUFFIX_LENGTH = 5
# How a ControllerRevision is marked with the hash of its template.
HASH_LABELS = {"StatefulSet": "controller.kubernetes.io/hash", "DaemonSet": "controller-revision-hash"}
REVISION = "deployment.kubernetes.io/revision"


def controller(build: Build) -> list[Manifest]:
    """The controller object, then what it owns."""
    match build.options.kind:
        case WorkloadKind.DEPLOYMENT:
            return _deployment(build)
        case WorkloadKind.STATEFUL_SET:
            return _stateful_set(build)
        case WorkloadKind.DAEMON_SET:
            return _daemon_set(build)
        case WorkloadKind.JOB:
            return job(build, build.name, finished=build.options.finished)
        case WorkloadKind.CRON_JOB:
            return cron_job(build)


def _deployment(build: Build) -> list[Manifest]:
    generation = 4 if build.older else 3
    meta = build.metadata("Deployment", generation=generation)
    meta["annotations"] = meta.get("annotations", {}) | {REVISION: str(generation)}
    status: Manifest = {
        "observedGeneration": generation,
        "replicas": build.count,
        "readyReplicas": build.count,
        "availableReplicas": build.count,
        "updatedReplicas": build.updated,
        "conditions": [condition("Available", "MinimumReplicasAvailable", meta)],
    }
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}
    manifest["spec"] = {
        "replicas": build.options.replicas,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "selector": {"matchLabels": build.selector},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": _limits(build)},
        "template": build.current,
    }
    if build.older:
        manifest["spec"]["paused"] = True
        paused = condition("Progressing", "DeploymentPaused", meta)
        status["conditions"].append(paused | {"status": "Unknown", "message": "Deployment is paused"})
    else:
        status["conditions"].append(condition("Progressing", "NewReplicaSetAvailable", meta))
    manifest["status"] = status
    made = [manifest]
    if build.updated or not build.older:
        made += _replica_set(build, manifest, build.current, build.updated, "current", generation)
    if build.older:
        made += _replica_set(
            build, manifest, build.older, build.count - build.updated, "older", generation - 1
        )
    return made


def _limits(build: Build) -> Manifest:
    """A rollout that is paused half way rests only where nothing may be added: otherwise it fills up."""
    if build.older and build.updated:
        return {"maxSurge": 0, "maxUnavailable": 1}
    return {"maxSurge": "25%", "maxUnavailable": "25%"}


def _replica_set(
    build: Build, owner: Manifest, template: Manifest, count: int, which: str, revision: int
) -> list[Manifest]:
    stamp = build.cluster.stamp
    digest = stamp.letters(f"{build.namespace}/{build.name}/{which}", HASH_LENGTH)
    labels = template["metadata"]["labels"] | {"pod-template-hash": digest}
    age = build.age(new=which == "current")
    name = f"{build.name}-{digest}"
    meta = metadata(
        stamp,
        "ReplicaSet",
        build.namespace,
        name,
        labels=labels,
        annotations=_replica_set_annotations(build, owner, revision),
        owner=owner,
        age=age,
        generation=1,
    )
    spec = {
        "replicas": count,
        "selector": {"matchLabels": build.selector | {"pod-template-hash": digest}},
        "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
    }
    counts = dict.fromkeys(("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"), count)
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    manifest["status"] = {"observedGeneration": 1, **counts}
    names = [f"{name}-{stamp.letters(f'{name}/{index}', SUFFIX_LENGTH)}" for index in range(count)]
    marks = {"pod-template-hash": digest}
    return [manifest, *(build.pod(manifest, pod_name, template, marks, age) for pod_name in names)]


def _replica_set_annotations(build: Build, owner: Manifest, revision: int) -> dict[str, str]:
    """Those of the Deployment, and the sizes that the ReplicaSet was made for."""
    more = 0 if _limits(build)["maxSurge"] == 0 else -(-build.count // 4)
    copied = {name: value for name, value in owner["metadata"]["annotations"].items() if name != REVISION}
    return copied | {
        REVISION: str(revision),
        "deployment.kubernetes.io/desired-replicas": str(build.count),
        "deployment.kubernetes.io/max-replicas": str(build.count + more),
    }


def _revisions(build: Build, owner: Manifest, new: str, old: str) -> list[Manifest]:
    """The ControllerRevisions of a workload: its template, and the one that older pods come from."""
    rows = [(new, build.current, 2 if build.older else 1, True)]
    if build.older:
        rows.insert(0, (old, build.older, 1, False))
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": metadata(
                build.cluster.stamp,
                "ControllerRevision",
                build.namespace,
                f"{build.name}-{digest}",
                labels=template["metadata"]["labels"] | {HASH_LABELS[owner["kind"]]: digest},
                owner=owner,
                age=build.age(new=latest),
            ),
            "data": {"spec": {"template": {**template, "$patch": "replace"}}},
            "revision": number,
        }
        for digest, template, number, latest in rows
    ]


def _stateful_set(build: Build) -> list[Manifest]:
    meta = build.metadata("StatefulSet", generation=2)
    hashes = [build.cluster.stamp.letters(f"{build.name}/{which}", HASH_LENGTH) for which in ("new", "old")]
    current = hashes[1] if build.older else hashes[0]
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta}
    manifest["spec"] = {
        "replicas": build.options.replicas,
        "serviceName": build.name,
        "podManagementPolicy": "OrderedReady",
        "selector": {"matchLabels": build.selector},
        "updateStrategy": {"type": "OnDelete" if build.older else "RollingUpdate"},
        "template": build.current,
    }
    manifest["status"] = {
        "observedGeneration": 2,
        "replicas": build.count,
        "readyReplicas": build.count,
        "availableReplicas": build.count,
        "currentReplicas": build.count - (build.updated if build.older else 0),
        "updatedReplicas": build.updated,
        "currentRevision": f"{build.name}-{current}",
        "updateRevision": f"{build.name}-{hashes[0]}",
    }
    made = [manifest, *_revisions(build, manifest, *hashes)]
    for index in range(build.count):
        # A rolling update of a StatefulSet starts at its last pod.
        new = index >= build.count - build.updated
        name = f"{build.name}-{index}"
        marks = {
            "apps.kubernetes.io/pod-index": str(index),
            "controller-revision-hash": f"{build.name}-{hashes[0] if new else hashes[1]}",
            "statefulset.kubernetes.io/pod-name": name,
        }
        template = build.current if new else build.older or build.current
        made.append(build.pod(manifest, name, template, marks, build.age(new=new)))
    return made


def _daemon_set(build: Build) -> list[Manifest]:
    meta = build.metadata("DaemonSet", generation=2)
    stamp = build.cluster.stamp
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta}
    manifest["spec"] = {
        "selector": {"matchLabels": build.selector},
        "updateStrategy": {"type": "OnDelete" if build.older else "RollingUpdate"},
        "template": build.current,
    }
    scheduled = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberAvailable")
    manifest["status"] = {
        "observedGeneration": 2,
        "numberMisscheduled": 0,
        "updatedNumberScheduled": build.updated,
        **dict.fromkeys(scheduled, build.count),
    }
    hashes = [stamp.letters(f"{build.name}/{which}", HASH_LENGTH) for which in ("new", "old")]
    made = [manifest, *_revisions(build, manifest, *hashes)]
    for index in range(build.count):
        new = index < build.updated
        name = f"{build.name}-{stamp.letters(f'{build.namespace}/{build.name}/{index}', SUFFIX_LENGTH)}"
        marks = {
            "controller-revision-hash": hashes[0] if new else hashes[1],
            "pod-template-generation": "2" if new else "1",
        }
        template = build.current if new else build.older or build.current
        made.append(build.pod(manifest, name, template, marks, build.age(new=new), node=index))
    return made
