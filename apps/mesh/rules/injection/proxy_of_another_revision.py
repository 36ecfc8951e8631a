"""Pods carry the proxy of another revision than the one that would inject them today.

After a revision label or a tag has moved, running pods keep their old proxy and their old control plane
until they are created again. As long as that control plane runs they work; once it is removed they get
no configuration any more. Tags are resolved to the revision they stand for, so a pod that was injected
through a tag is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS
from apps.mesh.reports import Drift
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.injected_in(namespace):
        if report.drift is Drift.REVISION:
            yield RULE.finding(
                f"{report.pods_total - report.pods_matching} of {report.pods_total} pods run the proxy of "
                f"another revision (seen: {report.revision_actual}; wanted: {report.revision_expected}). "
                "Restart the workload to move it.",
                workload.ref,
                api_version=workload.api_version,
                path="spec.template",
            )


RULE = Rule(
    code="MC011",
    name="proxy-of-another-revision",
    severity=Severity.WARNING,
    title="Pods run the proxy of another revision",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy=(
        "Pods change their revision when they are replaced: a rollout restart is no change of "
        "configuration, and when to take it is the owner's decision."
    ),
)
