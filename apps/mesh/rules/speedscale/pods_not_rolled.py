"""The template carries Speedscale's capture, and some running pods are older than it.

The operator changes the workload's template. Pods that were running before keep running as they are
until something replaces them: a rollout that is stuck, a StatefulSet or DaemonSet with `OnDelete`, or a
namespace where several ReplicaSets are alive. Traffic that those pods serve is not recorded, so a
snapshot shows only a part of the calls.
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
        if report.cause is CaptureCause.NOT_ROLLED:
            target = f"{workload.kind.lower()}/{workload.name}"
            yield RULE.finding(
                f"{report.reason} Run kubectl -n {workload.namespace} rollout restart {target}.",
                workload.ref,
                api_version=workload.api_version,
                path=report.path,
            )


RULE = Rule(
    code="SS09",
    name="pods-not-rolled",
    severity=Severity.WARNING,
    title="Running pods are older than the capture",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    follows_pods=True,
    no_remedy=(
        "Pods get what the template has when they are replaced: a rollout restart is no change of "
        "configuration."
    ),
)
