"""A workload asks for Speedscale's sidecar and its template does not have it.

The sidecar is added to the *workload* (not to its pods) by the operator's admission webhook when the
workload is written. The webhook's failure policy is `Ignore`: whenever it is not called, or does not
answer, the workload is stored unchanged and nobody is told. The causes that can be seen from outside:
the webhook is missing or its selectors leave the namespace or the workload out; the operator is told to
ignore the workload; the annotation is on the pod template, where Speedscale does not look; the kind is
one it cannot inject; or the operator was away when the workload was last written, and a rollout restart
is all it takes.

In a directory of manifests the template is without the sidecar as it should be: the operator adds it when the
workload is written. There only what would keep it from that is reported.

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
from apps.mesh.selection import any_pods
from apps.mesh.speedscale import sidecar_webhooks

OWN = {
    CaptureCause.IGNORED: "Remove that annotation.",
    CaptureCause.KIND_UNSUPPORTED: "Capture it by eBPF, or run it as a kind that is injected.",
    CaptureCause.TEMPLATE_ONLY: "Move it to metadata.annotations of the workload.",
    CaptureCause.NOT_INJECTED: "",
}
OF_CRON_JOBS = "Annotate its Jobs, in spec.jobTemplate.metadata.annotations."
SHARED = {
    CaptureCause.WEBHOOK_MISSING: "Reinstall the operator's webhook.",
    CaptureCause.WEBHOOK_EXCLUDES: "Widen the selector, or do not capture there.",
}
BY_CLUSTER = frozenset({CaptureCause.NOT_INJECTED, CaptureCause.WEBHOOK_MISSING})
"""What is no mistake of manifests that nobody has written to a cluster yet."""
WEBHOOK = ResourceRef("MutatingWebhookConfiguration", "", "speedscale-operator")


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One for each workload with a cause of its own, one for each namespace that the webhook leaves out."""
    shared: dict[tuple[CaptureCause, str], list[Workload]] = {}
    written = context.whole or context.snapshot.derived(any_pods)
    for workload, report in context.captured_in(namespace):
        if report.cause in BY_CLUSTER and not written:
            continue
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
    unsupported = report.cause is CaptureCause.KIND_UNSUPPORTED
    cure = OF_CRON_JOBS if unsupported and workload.kind == "CronJob" else OWN[report.cause]
    return RULE.finding(
        f"It asks for Speedscale's capture ({report.path}) and is not captured. {report.reason} "
        f"{cure}".rstrip(),
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
