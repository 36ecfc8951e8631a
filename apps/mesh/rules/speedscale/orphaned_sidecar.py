"""A workload carries Speedscale's sidecar and nothing asks for it.

Removing the annotation normally takes the sidecar out again, because the operator's webhook sees the
change. If the operator was gone or unreachable at that moment, or if the injected template was copied
into a repository, the sidecar stays: it keeps redirecting the pod's traffic, is never upgraded, and
restarts with the pod.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.reports import CaptureState
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.captured_in(namespace):
        if report.state is CaptureState.ORPHAN:
            yield RULE.finding(
                f"{report.reason} Annotate the workload if it shall be captured; otherwise write it again "
                "without the container speedscale-goproxy and its init containers.",
                workload.ref,
                api_version=workload.api_version,
                path="spec.template.spec.containers",
            )


RULE = Rule(
    code="SS10",
    name="orphaned-sidecar",
    severity=Severity.WARNING,
    title="A sidecar that nothing asks for",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy="Whether the workload should be captured is the question; nothing asks for it.",
)
