"""The proxies of a captured workload are set up by Istio's CNI agent, and Speedscale was not told.

With the CNI agent there is no `istio-init` container: the agent redirects traffic before the first init
container starts (the pod shows `istio-validation` instead). Speedscale's own redirection has to be
written differently then, and its operator does that only for workloads with the annotation
`sidecar.speedscale.com/istio-cni: "true"`. Without it the two redirections may overwrite each other:
the pod is ready, and traffic bypasses one of the proxies. On the pod template the annotation is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS as INJECTION_INPUTS
from apps.mesh.objects.workloads import Workload
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import ISTIO_CNI, is_true

CNI_DAEMONSET = "istio-cni-node"
CNI_INIT = "istio-validation"
CLASSIC_INIT = "istio-init"


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each captured workload behind a proxy that the CNI agent sets up."""
    agent = context.snapshot.derived(_any_agent)
    reports = zip(context.captured_in(namespace), context.injected_in(namespace), strict=True)
    for (workload, report), (_, place) in reports:
        if report.expected is not CaptureKind.SIDECAR or not place.meshed:
            continue
        if _by_cni(workload, agent) and not is_true(workload.annotations.get(ISTIO_CNI)):
            elsewhere = is_true(workload.template.annotations.get(ISTIO_CNI))
            what = "The annotation on the pod template is not read: annotate" if elsewhere else "Annotate"
            yield RULE.finding(
                "Istio's CNI agent redirects this workload's traffic, but Speedscale's sidecar is set up as "
                f'if istio-init did. {what} the workload itself with {ISTIO_CNI}: "true".',
                workload.ref,
                api_version=workload.api_version,
                path="metadata.annotations",
            )


@EachNamespace
def _agent(snapshot: Snapshot, namespace: str) -> bool:
    found = snapshot.workloads_in(namespace)
    return any(workload.kind == "DaemonSet" and workload.name == CNI_DAEMONSET for workload in found)


def _any_agent(snapshot: Snapshot) -> bool:
    return any(snapshot.parts(_agent).values())


def _by_cni(workload: Workload, agent: bool) -> bool:
    """What the pods show; without pods, whether the agent is on the cluster."""
    inits = {container.name for group in workload.live_groups for container in group.pod.init_containers}
    if CNI_INIT in inits:
        return True
    return agent and not workload.pods_total and CLASSIC_INIT not in inits


RULE = Rule(
    code="SS06",
    name="istio-cni-not-declared",
    severity=Severity.ERROR,
    title="Speedscale is not told of Istio's CNI agent",
    inputs=CAPTURE_INPUTS | INJECTION_INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    remedy="declare-istio-cni",
)
