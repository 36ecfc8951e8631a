"""An injection webhook calls an istiod that is not there.

The API server calls the Service that a MutatingWebhookConfiguration names. If the Service is gone, or no pod
of a control plane stands behind it, the call fails, and `failurePolicy` says what happens to every pod that
the webhook selects: with `Fail`, Istio's default, it is refused, so nothing new starts in those namespaces,
not even after a node is lost; with `Ignore` it starts without a proxy. A webhook of a revision that was
removed by hand is the usual cause.

Pods that run are not touched, which is why this is often noticed only when they are replaced.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import WEBHOOK_KIND, hooks_of
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Service
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.selection import any_pods
from apps.mesh.webhooks import InjectionHook, namespace_labels


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each configuration."""
    if not context.snapshot.derived(any_pods):
        return  # files of a repository: they rarely hold the control plane
    by_configuration: dict[ResourceRef, list[tuple[InjectionHook, str]]] = {}
    for hook in context.snapshot.derived(hooks_of):
        reason = _gone(context, hook)
        if reason:
            by_configuration.setdefault(hook.ref, []).append((hook, reason))
    for ref, found in sorted(by_configuration.items(), key=lambda pair: pair[0]):
        yield _finding(context, context.snapshot.get(ref), found)


def _gone(context: RuleContext, hook: InjectionHook) -> str:
    """Why nobody answers; "" where somebody may."""
    namespace, name = hook.webhook.service_namespace, hook.webhook.service_name
    if not name or context.snapshot.missing("Service", namespace):
        return ""
    ref = ResourceRef("Service", namespace, name)
    service = context.snapshot.get(ref)
    if not isinstance(service, Service):
        return f"{ref} is not there"
    if not service.selector or context.snapshot.missing("Pod", namespace):
        return ""  # its endpoints are written by somebody else: an external control plane
    if any(workload.pods_total for workload in context.services.behind(service)):
        return ""
    return f"no pod stands behind {ref}"


def _finding(
    context: RuleContext, configuration: MeshObject | None, found: list[tuple[InjectionHook, str]]
) -> Finding:
    hook, reason = found[0]
    hit = [name for name in context.snapshot.namespaces if _selects(context, name, found)]
    refused = hook.webhook.failure_policy == "Fail"
    outcome = "every new pod is refused" if refused else "new pods start without a proxy"
    where = f" in {counted(len(hit), 'namespace')} ({listed(hit)})" if hit else " where it selects one"
    return RULE.finding(
        f"{reason[0].upper()}{reason[1:]}, so {outcome}{where} (failurePolicy {hook.webhook.failure_policy})."
        " Bring that control plane back, or delete this configuration and move the namespaces.",
        hook.ref,
        api_version=configuration.api_version if configuration is not None else "",
        severity=Severity.ERROR if hit else Severity.WARNING,
        path=f"{hook.path}.clientConfig.service",
    )


def _selects(context: RuleContext, name: str, found: list[tuple[InjectionHook, str]]) -> bool:
    """Whether one of the webhooks is called for pods of a namespace."""
    labels = namespace_labels(name, context.snapshot.namespaces[name].labels)
    hooks = [hook.webhook for hook, _ in found if hook.webhook.namespace_selector.matches(labels)]
    return any(
        hook.object_selector.matches(workload.template.labels)
        for hook in hooks
        for workload in context.selection.of_namespace(name)
    )


RULE = Rule(
    code="MC227",
    name="injection-webhook-unreachable",
    severity=Severity.ERROR,
    title="Nobody answers an injection webhook",
    inputs=frozenset({WEBHOOK_KIND, "Namespace", "Service", "Workload"}),
    doc=__doc__ or "",
    check=check,
    references=("IST0139",),
    follows_pods=True,
    no_remedy="What stopped the control plane is not in its configuration.",
)
