"""Pods run without the proxy that a webhook would give them today.

Injection happens when a pod is created. Pods that were there before the namespace was labelled, or that
were created while istiod's webhook did not answer (with failure policy `Ignore`), go on without a proxy:
outside of mutual TLS, of policies and of `REGISTRY_ONLY`. The webhooks of all revisions and tags are
evaluated here as the API server does it, then Istio's own rules, so a pod that opted out is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS
from apps.mesh.reports import Drift
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import counted


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.injected_in(namespace):
        if report.drift is Drift.MISSING and report.expected:
            without = report.pods_total - report.pods_matching
            yield RULE.finding(
                f"{without} of {counted(report.pods_total, 'pod')} lack the proxy. {report.reason} "
                f"Restart the workload to have it injected.",
                workload.ref,
                api_version=workload.api_version,
                path="spec.template",
            )


RULE = Rule(
    code="MC010",
    name="proxy-missing",
    severity=Severity.WARNING,
    title="Pods run without the proxy they should have",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0103",),
    no_remedy=(
        "Pods get a proxy when they are replaced: a rollout restart is no change of configuration, and "
        "what it changes besides cannot be seen in a manifest."
    ),
)
