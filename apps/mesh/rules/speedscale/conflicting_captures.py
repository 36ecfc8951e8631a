"""A workload asks to be captured by the sidecar and by eBPF at once.

`sidecar.speedscale.com/inject: "true"` puts Speedscale's proxy into the pod;
`capture.speedscale.com/enabled: "true"` (and `java-agent`) lets the node's collector read the traffic.
Both would record every call twice, so Speedscale's webhook refuses the pair ("cannot be used in
conjunction with sidecar.speedscale.com/inject"), and replays of the workload fail from the start. It
happens when a workload is moved from the sidecar to eBPF and one annotation is forgotten, or when one
sits on the workload and the other on its pod template.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.reports import CaptureCause
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.captured_in(namespace):
        if report.cause is CaptureCause.CONFLICTING_ANNOTATIONS:
            yield RULE.finding(
                f"{report.reason} Keep one of them; for a new installation with Istio, Speedscale "
                "recommends eBPF.",
                workload.ref,
                api_version=workload.api_version,
                path=report.path,
            )


RULE = Rule(
    code="SS07",
    name="conflicting-captures",
    severity=Severity.ERROR,
    title="Two ways of capture exclude each other",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy="Which of the two ways of capture is meant only the owner of the workload knows.",
)
