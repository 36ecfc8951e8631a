"""A namespace or a workload asks for a revision of Istio that nobody serves.

`istio.io/rev` names a revision or a tag. Which of them there are is said by the injection webhooks: each
selects the namespaces (and pods) with its own name. A name that no webhook selects leads to nothing, not to
the default revision: the API server calls nobody, pods start without a proxy, and no message is given. It
happens when a revision was removed after an upgrade while its name was still in use, and by misspelling.

`istioctl analyze` does not report it: for a namespace with a revision label it takes injection for granted.
Where `istio-injection` is set too, the revision label is not looked at, which is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, INPUTS, WEBHOOK_KIND, hooks_of
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.config import Namespace
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.webhooks import REVISION_LABEL, InjectionHook, namespace_labels

LEGACY = "istio-injection"


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for the namespace, and for each workload that asks by itself."""
    hooks = context.snapshot.derived(hooks_of)
    if not hooks or context.snapshot.missing(WEBHOOK_KIND):
        return
    served = _served(context)
    known = context.snapshot.namespace(namespace)
    if known is None:
        return
    if _unserved(known, hooks):
        yield _namespace(context, known, served)
    elif LEGACY not in known.labels:
        yield from _workloads(context, namespace, served)


def _unserved(namespace: Namespace, hooks: tuple[InjectionHook, ...]) -> bool:
    """Whether the namespace asks for a revision and no webhook takes it."""
    labels = namespace.labels
    if not labels.get(REVISION_LABEL) or LEGACY in labels or labels.get(DATAPLANE_LABEL) == "ambient":
        return False
    full = namespace_labels(namespace.name, labels)
    return not any(hook.webhook.namespace_selector.matches(full) for hook in hooks)


def _namespace(context: RuleContext, namespace: Namespace, served: list[str]) -> Finding:
    workloads = context.snapshot.workloads_in(namespace.name)
    hit = f" {counted(len(workloads), 'workload')} get no proxy when their pods start." if workloads else ""
    return RULE.finding(
        f"No webhook serves the revision or tag {namespace.labels[REVISION_LABEL]}.{hit} There are "
        f"{listed(served) or 'none'}. Correct the label, or create the tag.",
        namespace.ref,
        api_version=namespace.api_version,
        severity=Severity.ERROR if workloads else Severity.WARNING,
        path=f"metadata.labels[{REVISION_LABEL}]",
        affected=tuple(workload.ref for workload in workloads),
    )


def _workloads(context: RuleContext, namespace: str, served: list[str]) -> Iterator[Finding]:
    """The pod's own label is looked at only in a namespace without injection labels."""
    for workload, report in context.injected_in(namespace):
        revision = workload.template.labels.get(REVISION_LABEL, "")
        if not revision or report.expected is not False or not workload.observed or revision in served:
            continue
        yield RULE.finding(
            f"Its pods ask for the revision or tag {revision}, which no webhook serves, and start without a "
            f"proxy. There are {listed(served) or 'none'}. Correct the label.",
            workload.ref,
            api_version=workload.api_version,
            path=f"spec.template.metadata.labels[{REVISION_LABEL}]",
        )


def _served(context: RuleContext) -> list[str]:
    planes = control_planes(context.snapshot)
    return sorted({name for plane in planes for name in (plane.revision, *plane.tags)})


RULE = Rule(
    code="MC223",
    name="revision-not-served",
    severity=Severity.ERROR,
    title="A revision is asked for that nobody serves",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy="Which revision should take the namespace is the owner's decision.",
)
