"""A namespace has two labels for injection, and only one of them counts.

Istio's webhooks for revisions select namespaces that have `istio.io/rev` and *not* `istio-injection`
(manifests/charts/istio-control/istio-discovery, mutatingwebhook.yaml). So `istio-injection`, with whatever
value, decides alone: `enabled` gives the proxy of the default revision or tag, `disabled` gives none, and
the revision label is dead. During a canary upgrade the namespace looks as if it had moved and has not.

Where both labels mean the same control plane it is a hint only; the next move will go wrong. `istioctl
analyze` calls the outcome undefined (IST0123); it is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL
from apps.mesh.meshconfig import control_plane_for
from apps.mesh.objects.config import Namespace
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.webhooks import DEFAULT_REVISION, REVISION_LABEL

LEGACY = "istio-injection"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    for namespace in context.snapshot.namespaces.values():
        labels = namespace.labels
        if LEGACY not in labels or not labels.get(REVISION_LABEL):
            continue
        if labels.get(DATAPLANE_LABEL) == "ambient" and labels[LEGACY] != "enabled":
            continue  # the revision then says which control plane ztunnel and waypoints go by
        yield _finding(context, namespace)


def _finding(context: RuleContext, namespace: Namespace) -> Finding:
    revision, legacy = namespace.labels[REVISION_LABEL], namespace.labels[LEGACY]
    wanted = control_plane_for(context.snapshot, revision, namespace.name)
    default = control_plane_for(context.snapshot, DEFAULT_REVISION, namespace.name)
    same = legacy == "enabled" and wanted is not None and wanted == default
    outcome = "the default revision injects" if legacy == "enabled" else "nothing is injected"
    return RULE.finding(
        f"{LEGACY}={legacy} decides alone: {outcome}, and {REVISION_LABEL}={revision} is not looked at. "
        + ("Both mean the same control plane today. " if same else "")
        + f"Remove {LEGACY} to use the revision, or the revision.",
        namespace.ref,
        api_version=namespace.api_version,
        severity=Severity.INFO if same else Severity.WARNING,
        path=f"metadata.labels[{REVISION_LABEL}]",
    )


RULE = Rule(
    code="MC224",
    name="two-injection-labels",
    severity=Severity.WARNING,
    title="A namespace has two injection labels",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0123",),
    no_remedy=(
        "Taking off the label that loses is no change that an apply can make, because the console does "
        "not own it."
    ),
)
