"""Pods ask for the proxy in a namespace that refuses injection.

`istio-injection: disabled` on a namespace keeps every injection webhook away from it
(manifests/charts/istio-control/istio-discovery, mutatingwebhook.yaml). A pod in it that asks for the proxy
by `sidecar.istio.io/inject: "true"` or by a revision label is not heard, because nobody is called for it:
the label on the pod opens nothing that the namespace closes. The pods start without a proxy, and outside of
mutual TLS and of all policies.

Remove the label from the namespace (without any label only pods that ask are injected), or the wish from
the pods.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INJECT_KEY, INPUTS
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.webhooks import REVISION_LABEL

LEGACY = "istio-injection"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    for namespace in context.snapshot.namespaces.values():
        value = namespace.labels.get(LEGACY, "enabled")
        if value == "enabled":
            continue
        asking = [
            workload
            for workload in context.selection.of_namespace(namespace.name)
            if _asks(workload) and context.injections[workload.ref].expected is False
        ]
        if asking:
            yield RULE.finding(
                f"{counted(len(asking), 'workload')} ({listed(w.name for w in asking)}) ask for the proxy "
                f"and get none, because {LEGACY}={value} keeps the webhooks away. Remove that label, "
                "or the wish.",
                namespace.ref,
                api_version=namespace.api_version,
                path=f"metadata.labels[{LEGACY}]",
                affected=tuple(workload.ref for workload in asking),
            )


def _asks(workload: Workload) -> bool:
    template = workload.template
    asked = template.labels.get(INJECT_KEY) or template.annotations.get(INJECT_KEY)
    return asked == "true" or (asked is None and workload.observed and REVISION_LABEL in template.labels)


RULE = Rule(
    code="MC225",
    name="namespace-refuses-pods",
    severity=Severity.WARNING,
    title="Pods ask for the proxy in a namespace that refuses it",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="Whether the namespace or the workload has the last word is the owner's decision.",
)
