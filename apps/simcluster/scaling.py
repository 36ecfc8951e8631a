"""The `scale` subresource of workloads: a small object of its own over `spec.replicas`."""

from apps.simcluster.errors import not_found, object_in
from apps.simcluster.schema import Json
from apps.simcluster.writes import Write, Written
from apps.simcluster.writing import replace


def scale_of(obj: Json) -> Json:
    """The Scale of a workload."""
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = ((obj.get("spec", {}).get("selector") or {}).get("matchLabels") or {}).items()
    status = {"replicas": obj.get("status", {}).get("replicas", 0)}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in kept if name in meta},
        "spec": {"replicas": obj.get("spec", {}).get("replicas", 0)},
        "status": {**status, "selector": ",".join(f"{key}={value}" for key, value in labels)},
    }


def set_scale(write: Write, given: Json) -> Written:
    """Set `spec.replicas` from a Scale or from a merge patch of one."""
    with write.cluster.store.lock:
        before = write.cluster.store.get(write.resource.key, write.namespace, write.name)
        if before is None:
            raise not_found(write.target)
        replicas = object_in(given.get("spec"), "Scale.spec").get(
            "replicas", before["spec"].get("replicas", 0)
        )
        after = {**before, "spec": {**before["spec"], "replicas": replicas}}
        done = replace(write, before, after)
        return Written(scale_of(done.obj), done.warnings)
