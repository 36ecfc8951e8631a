"""A workload asks for Speedscale's sidecar and its template does not have it.

The sidecar is added to the *workload* (not to its pods) by the operator's admission webhook when the
workload is written. The webhook's failure policy is `Ignore`: whenever it is not called, or does not
answer, the workload is stored unchanged and nobody is told. The causes that can be seen from outside:
the webhook is missing or its selectors leave the namespace or the workload out; the operator is told to
ignore the workload; the annotation is on the pod template, where Speedscale does not look; the kind is
one it cannot inject; or the operator was away when the workload was last written, and a rollout restart
is all it takes.

That no operator runs at all is a finding of its own (SS21), not one for each workload.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureCause, CaptureReport
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.speedscale import sidecar_webhooks

OWN = {
    CaptureCause.IGNORED: "Remove that annotation.",
    CaptureCause.KIND_UNSUPPORTED: "Annotate the workload that creates its pods.",
    CaptureCause.TEMPLATE_ONLY: "Move it to metadata.annotations of the workload.",
    CaptureCause.NOT_INJECTED: "",
}
SHARED = {
    CaptureCause.WEBHOOK_MISSING: "Reinstall the operator's webhook.",
    CaptureCause.WEBHOOK_EXCLUDES: "Widen the selector, or do not capture there.",
}
WEBHOOK = ResourceRef("MutatingWebhookConfiguration", "", "speedscale-operator")


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One for each workload with a cause of its own, one for each namespace that the webhook leaves out."""
    shared: dict[tuple[CaptureCause, str], list[Workload]] = {}
    for workload, report in context.captured_in(namespace):
        if report.cause in OWN and report.wanted:
            yield _own(workload, report)
        elif report.cause in SHARED:
            shared.setdefault((report.cause, report.reason), []).append(workload)
    webhook = next(iter(context.snapshot.derived(sidecar_webhooks)), None)
    for (cause, reason), workloads in sorted(shared.items(), key=lambda pair: pair[0]):
        selector = "objectSelector" if "objectSelector" in reason else "namespaceSelector"
        yield RULE.finding(
            f"{counted(len(workloads), 'workload')} in {namespace} "
            f"({listed(w.name for w in workloads)}) cannot get the sidecar of Speedscale they ask for. "
            f"{reason} {SHARED[cause]}",
            webhook.ref if webhook is not None else WEBHOOK,
            api_version="admissionregistration.k8s.io/v1",
            path=f"{webhook.path}.{selector}" if webhook is not None else "webhooks",
            key=f"{cause} {namespace} {selector}",
            affected=tuple(workload.ref for workload in workloads),
            remedy="",
        )


def _own(workload: Workload, report: CaptureReport) -> Finding:
    return RULE.finding(
        f"It asks for Speedscale's capture ({report.path}) and is not captured. {report.reason} "
        f"{OWN[report.cause]}".rstrip(),
        workload.ref,
        api_version=workload.api_version,
        path=report.path,
        key=report.cause,
        remedy=RULE.remedy if report.cause is CaptureCause.TEMPLATE_ONLY else "",
    )


RULE = Rule(
    code="SS08",
    name="annotated-not-injected",
    severity=Severity.WARNING,
    title="Annotated for capture, and not injected",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    remedy="move-capture-annotation",
    no_remedy=(
        "Other causes lie in the operator, its webhook, or a wish that says the opposite; only an "
        "annotation in the wrong place can be moved."
    ),
)
