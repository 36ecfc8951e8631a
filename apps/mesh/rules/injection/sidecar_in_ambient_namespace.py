"""A namespace is labelled for ambient mode and for sidecars at once.

`istio.io/dataplane-mode: ambient` hands the pods of a namespace to ztunnel; `istio-injection: enabled` (or
a revision label that a webhook answers) puts a sidecar into each of them. Istio lets the sidecar win: a pod
that has one is left out by ztunnel (cni/pkg/util, PodRedirectionEnabled). So the namespace says ambient and
runs sidecars, pod by pod, depending on when each was created, and policies on waypoints do not reach those.

Decide for one: remove the injection label to move to ambient (and restart the workloads), or the
`dataplane-mode` label to stay with sidecars.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, WEBHOOK_KIND
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.webhooks import REVISION_LABEL, injection_hooks

LEGACY = "istio-injection"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    hooks = context.snapshot.derived(injection_hooks)
    unread = context.snapshot.missing(WEBHOOK_KIND) is not None
    for namespace in context.snapshot.namespaces.values():
        labels = namespace.labels
        if labels.get(DATAPLANE_LABEL) != "ambient":
            continue
        asked = LEGACY if labels.get(LEGACY) == "enabled" else REVISION_LABEL
        if LEGACY in labels and asked != LEGACY:
            continue  # refused, whatever the revision says
        called = any(hook.webhook.namespace_selector.matches(labels) for hook in hooks)
        if asked in labels and (called or (unread and asked == LEGACY)):
            injected = [w.ref for w in context.selection.of_namespace(namespace.name)]
            yield RULE.finding(
                f"{DATAPLANE_LABEL}=ambient and {asked}={labels[asked]} contradict each other; pods get a "
                "sidecar, and ztunnel leaves those out. Remove one of the labels, then restart what runs.",
                namespace.ref,
                api_version=namespace.api_version,
                path=f"metadata.labels[{asked}]",
                affected=tuple(injected),
            )


RULE = Rule(
    code="MC220",
    name="sidecar-in-ambient-namespace",
    severity=Severity.WARNING,
    title="A namespace asks for ambient mode and for sidecars",
    inputs=frozenset({"MutatingWebhookConfiguration", "Namespace", "Workload"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA1311",),
    no_remedy=(
        "Which data plane is meant is the owner's decision, and a label that somebody else wrote cannot "
        "be taken off by an apply."
    ),
)
