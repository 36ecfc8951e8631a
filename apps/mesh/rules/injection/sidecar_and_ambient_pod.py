"""A workload's pods ask for a sidecar and for ambient mode, or carry a sidecar where ztunnel is meant.

A pod takes part in a mesh in one way: by a sidecar of its own or by ztunnel on its node. A pod label
`sidecar.istio.io/inject: "true"` beside `istio.io/dataplane-mode: ambient` asks for both; the sidecar wins,
and ztunnel leaves the pod out. Pods that carry a sidecar in an ambient namespace were mostly created before
the namespace was moved: they go on as they are until they are restarted, and policies on a waypoint do not
reach them. A pod that has both a sidecar and the mark that its traffic is redirected to ztunnel is broken.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, INJECT_KEY, INPUTS, REDIRECTION_ANNOTATION, data_plane
from apps.mesh.objects.workloads import Workload
from apps.mesh.reports import InjectionReport
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.injected_in(namespace):
        found = _found(context, workload, report)
        if found is not None:
            text, path, code = found
            yield RULE.finding(
                text,
                workload.ref,
                api_version=workload.api_version,
                path=path,
                references=(code,),
            )


def _found(context: RuleContext, workload: Workload, report: InjectionReport) -> tuple[str, str, str] | None:
    labels = workload.template.labels
    pods = [group.pod for group in workload.live_groups if data_plane(group.pod).proxied]
    if any(pod.annotations.get(REDIRECTION_ANNOTATION) == "enabled" for pod in pods):
        return (
            "Its pods carry a sidecar and are redirected to ztunnel as well; traffic passes two proxies that "
            "do not expect each other. Restart the workload with only one of the labels.",
            "spec.template",
            "KIA1314",
        )
    if labels.get(DATAPLANE_LABEL) == "ambient" and labels.get(INJECT_KEY) == "true":
        return (
            f"The pods ask for a sidecar ({INJECT_KEY}) and for ambient mode; the sidecar wins. "
            "Remove one of the two labels.",
            f"spec.template.metadata.labels[{DATAPLANE_LABEL}]",
            "KIA1315",
        )
    if pods and report.expected is False and report.ambient_expected:
        return (
            f"Namespace {workload.namespace} is in ambient mode, and pods still carry a sidecar, so ztunnel "
            "leaves them out. Restart the workload.",
            "spec.template",
            "KIA1316",
        )
    return None


RULE = Rule(
    code="MC221",
    name="sidecar-and-ambient-pod",
    severity=Severity.WARNING,
    title="Pods carry a sidecar where ambient mode is meant",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("KIA1314", "KIA1315", "KIA1316"),
    no_remedy="Which data plane is meant is the owner's decision, and pods have to be replaced for either.",
)
