"""Annotations of Speedscale on workloads: only they are written, and only where the operator acts on them.

Where Istio's webhooks would make other pods of the workload than those that run, nothing is written: pods
that are replaced would change in more than what was asked for. Knows no remedy.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.mesh.admission import operator_of
from apps.mesh.capture import CaptureReader
from apps.mesh.findings import Finding
from apps.mesh.injection import injections
from apps.mesh.objects.workloads import Workload
from apps.mesh.patches import ManifestPatch, updated
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError
from apps.mesh.reports import Drift
from apps.mesh.rules.wording import counted, listed

KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def workload_of(context: RemedyContext, finding: Finding) -> Workload:
    """The workload of a finding, where an annotation on it does what it says. Raises DoubtError."""
    workload = context.snapshot.get(finding.ref)
    if not isinstance(workload, Workload) or context.snapshot.manifest(finding.ref) is None:
        raise DoubtError("it is known through its pods only")
    if workload.kind not in KINDS:
        raise DoubtError(f"the console annotates {listed(sorted(KINDS))} only")
    if operator_of(context.snapshot, workload) is None:
        raise DoubtError("no operator of Speedscale is there that would read the annotation")
    if (hindrance := CaptureReader(context.snapshot).hindrance(workload)) is not None:
        raise DoubtError(hindrance[1].rstrip("."))
    report = context.snapshot.derived(injections)[workload.ref]
    if report.drift is not Drift.NONE:
        reason = report.reason.rstrip(".")
        raise DoubtError(f"pods that replace its own would differ in Istio's proxy as well ({reason})")
    return workload


def annotated(context: RemedyContext, workload: Workload, more: Mapping[str, str]) -> ManifestPatch:
    """The workload with these annotations on its own metadata; nothing else differs."""
    before = context.snapshot.manifest(workload.ref) or {}
    metadata = before["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **more}
    return updated(before, {**before, "metadata": {**metadata, "annotations": annotations}})


def replaced(workload: Workload, *, surely: bool) -> str:
    """What writing the annotation does to the pods, as a sentence an approver must read."""
    pods = f"its {counted(workload.pods_total, 'pod')}" if workload.pods_total else "its pods"
    will = "changes" if surely else "may change"
    how = "are replaced" if surely else "would then be replaced"
    return (
        f"Speedscale's operator {will} the pod template of {workload.ref} when it is written: {pods} {how}, "
        "in the way the workload's update strategy says."
    )
