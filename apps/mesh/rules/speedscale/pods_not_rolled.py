"""The template carries Speedscale's capture, and some running pods are older than it.

The operator changes the workload's template. Pods that were running before keep running as they are
until something replaces them: a rollout that is stuck, a StatefulSet or DaemonSet with `OnDelete`, or a
namespace where several ReplicaSets are alive. Traffic that those pods serve is not recorded, so a
snapshot shows only a part of the calls.

Pods that run the sidecar in another version than the template are reported as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.workloads import Workload
from apps.mesh.reports import CaptureCause, CaptureKind
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.speedscalepods import sidecar_version


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.captured_in(namespace):
        if report.cause is CaptureCause.NOT_ROLLED:
            yield RULE.finding(
                f"{report.reason} {_restart(workload)}",
                workload.ref,
                api_version=workload.api_version,
                path=report.path,
            )
        elif report.cause is CaptureCause.NONE and report.expected is CaptureKind.SIDECAR:
            yield from _of_another_version(workload)


def _of_another_version(workload: Workload) -> Iterator[Finding]:
    """Pods whose sidecar has another version than the template's; an image by digest alone says nothing."""
    wanted = sidecar_version(workload.template)
    groups = [(sidecar_version(group.pod), group.count) for group in workload.live_groups]
    others = {version for version, _ in groups if wanted and version not in ("", wanted)}
    if others:
        number = sum(count for version, count in groups if version in others)
        yield RULE.finding(
            f"{number} of {workload.pods_total} pods run the sidecar in version {listed(sorted(others))}; "
            f"the template has {wanted}. {_restart(workload)}",
            workload.ref,
            api_version=workload.api_version,
            path="spec.template.spec.containers",
        )


def _restart(workload: Workload) -> str:
    target = f"{workload.kind.lower()}/{workload.name}"
    return f"Run kubectl -n {workload.namespace} rollout restart {target}."


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
