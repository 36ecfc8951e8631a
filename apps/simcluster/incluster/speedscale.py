"""Speedscale's operator at its webhooks: who asks for capture gets it, who stopped asking loses it.

Annotations are read on the workload only, never on the pod template. Not public, hence chosen here: an object
that another workload owns is left to its owner, and a Job, whose template is immutable, is changed at its
creation only.
"""

import copy

from apps.simcluster.cluster import Cluster
from apps.simcluster.incluster.backends import ready_pods
from apps.simcluster.incluster.reading import config_map, image_tag
from apps.simcluster.schema import Json
from apps.simcluster.shapes import capture
from apps.simcluster.shapes.capture import Operator, TemplateChange
from apps.simcluster.shapes.speedscale import COMPONENT, NETTAP, SETTINGS
from apps.simcluster.shapes.uncapture import change_of, restored
from apps.simcluster.webhooks import ALLOWED, Verdict, patched, refused

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Rollout")
REPLAY_PATHS = ("/mutate-speedscale-com-v1-trafficreplay", "/validate-speedscale-com-v1-trafficreplay")
PROXY = "sidecar.speedscale.com/inject"
ON_NODE, JAVA = "capture.speedscale.com/enabled", "capture.speedscale.com/java-agent"
REPLAY = "replay.speedscale.com/env-id"


class Conflict(Exception):
    """Annotations that the operator refuses together."""


def runs_in(pod: Json) -> bool:
    """Whether this pod is the operator."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get(COMPONENT) == "operator" and bool(image_tag(pod, "operator", "operator"))


def running(cluster: Cluster, namespace: str) -> Operator | None:
    """The operator that runs in a namespace, ready to act."""
    pods = ready_pods(cluster, namespace, {COMPONENT: "operator"})
    return next((operator_of(cluster, pod) for pod in pods if runs_in(pod)), None)


def operator_of(cluster: Cluster, pod: Json) -> Operator:
    """What an operator's pod and its ConfigMap say."""
    namespace = pod["metadata"]["namespace"]
    settings = config_map(cluster, namespace, SETTINGS)
    tag = settings.get("IMAGE_TAG") or image_tag(pod, "operator", "operator")
    return Operator(
        namespace=namespace,
        version=tag.removeprefix("v"),
        instance=settings.get("INSTANCE_ID", ""),
        node_capture=cluster.store.stored("daemonsets.apps", namespace, NETTAP) is not None,
    )


def answer(cluster: Cluster, pod: Json, path: str, request: Json) -> Verdict | None:
    """What the operator says to a workload at `/mutate`; it has no objection to any replay."""
    if path in REPLAY_PATHS:
        return ALLOWED
    if path != "/mutate":
        return None
    asked = request.get("object")
    if not asked or request["kind"]["kind"] not in WORKLOADS or _left_alone(asked, request):
        return ALLOWED
    try:
        changed = reviewed(asked, operator_of(cluster, pod))
    except Conflict as error:
        return refused(str(error))
    return patched(changed) if changed != asked else ALLOWED


def _left_alone(obj: Json, request: Json) -> bool:
    meta = obj["metadata"]
    owned = any(
        row.get("controller") and row.get("kind") in WORKLOADS for row in meta.get("ownerReferences") or ()
    )
    told = capture.IGNORE.items() <= (meta.get("annotations") or {}).items()
    running_job = request["kind"]["kind"] == "Job" and request["operation"] != "CREATE"
    template = (obj.get("spec") or {}).get("template") or {}
    whole = "metadata" in template and (template.get("spec") or {}).get("containers")
    return owned or told or running_job or not whole


def wanted(annotations: dict[str, str], operator: Operator) -> TemplateChange:
    """The change of the template that a workload's annotations ask for; raises `Conflict`."""
    on_node = [name for name in (ON_NODE, JAVA) if annotations.get(name) == "true"]
    if annotations.get(PROXY) == "true":
        if on_node:
            raise Conflict(f"{on_node[0]} cannot be used in conjunction with {PROXY}")
        return TemplateChange.GOPROXY
    agent = on_node == [ON_NODE, JAVA] and operator.node_capture
    return TemplateChange.JAVA_AGENT if agent else TemplateChange.NOTHING


def reviewed(obj: Json, operator: Operator) -> Json:
    """A workload as the operator leaves it; raises `Conflict`."""
    annotations = obj["metadata"].get("annotations") or {}
    change = wanted(annotations, operator)
    tls_out = capture.TLS_OUT.items() <= annotations.items()
    template = obj["spec"]["template"]
    found = change_of(template, operator, tls_out=tls_out)
    if found is TemplateChange.NOTHING and change is TemplateChange.NOTHING:
        return obj
    if found is not change:
        template = capture.mutated(restored(template), change, operator, tls_out=tls_out)
    obj = copy.deepcopy(obj)
    obj["spec"]["template"] = template
    _mark(obj["metadata"], change, operator)
    return obj


def _mark(meta: Json, change: TemplateChange, operator: Operator) -> None:
    """The operator's labels and annotations on the workload; a replay keeps its own."""
    labels, annotations = dict(meta.get("labels") or {}), dict(meta.get("annotations") or {})
    in_replay = REPLAY in labels
    for name in {**capture.INJECTED_LABEL, **({} if in_replay else capture.SUT_LABEL)}:
        labels.pop(name, None)
    for name in () if in_replay else capture.mark(operator):
        annotations.pop(name, None)
    labels |= capture.labels_for(change)
    if change is not TemplateChange.NOTHING:
        annotations |= capture.mark(operator)
    for field, value in (("labels", labels), ("annotations", annotations)):
        meta.pop(field, None)
        if value:
            meta[field] = value
