"""A namespace runs pods outside of the mesh, and does not say that it wants to.

Where other namespaces of the cluster are injected, one without any label of Istio is either outside of the
mesh on purpose or was forgotten when it was created; nobody can tell by looking. Its pods take no part in
mutual TLS, in policies and in `REGISTRY_ONLY`. Label it `istio-injection=enabled` (or with a revision, or for
ambient mode), or write down the decision with `istio-injection=disabled`, which silences this hint.

Namespaces of Kubernetes and of the control planes, Speedscale's own, those without pods, and those in which
a single workload takes part in the mesh are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, IGNORED_NAMESPACES, WEBHOOK_KIND
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.config import Namespace
from apps.mesh.reports import DataPlane
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted
from apps.mesh.speedscale import INPUTS
from apps.mesh.webhooks import REVISION_LABEL

LABELS = ("istio-injection", REVISION_LABEL, DATAPLANE_LABEL)
SYSTEM_PREFIXES = ("kube-", "openshift-", "istio-")


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    namespaces = context.snapshot.namespaces
    meshed = {w.namespace for w, report in context.injected() if _takes_part(report.actual, report.expected)}
    if not meshed & {name for name, item in namespaces.items() if any(k in item.labels for k in LABELS)}:
        return
    if context.snapshot.missing(WEBHOOK_KIND):
        return
    own = {plane.namespace for plane in control_planes(context.snapshot)}
    own |= {install.namespace for install in context.installs}
    for name, namespace in namespaces.items():
        if name in own or name in meshed or _excluded(namespace):
            continue
        pods = sum(workload.pods_total for workload in context.selection.of_namespace(name))
        if pods:
            yield RULE.finding(
                f"{counted(pods, 'pod')} run outside of the mesh, and no label says whether that is meant. "
                "Label the namespace istio-injection=enabled, or =disabled to say so.",
                namespace.ref,
                api_version=namespace.api_version,
                path="metadata.labels",
            )


def _takes_part(actual: DataPlane, expected: bool | None) -> bool:
    return actual is not DataPlane.NONE or expected is not False


def _excluded(namespace: Namespace) -> bool:
    if namespace.name in IGNORED_NAMESPACES or namespace.name.startswith(SYSTEM_PREFIXES):
        return True
    return any(key in namespace.labels for key in LABELS)


RULE = Rule(
    code="MC228",
    name="namespace-not-injected",
    severity=Severity.INFO,
    title="A namespace is outside of the mesh and does not say why",
    inputs=INPUTS | {"Namespace"},
    doc=__doc__ or "",
    check=check,
    references=("IST0102",),
    follows_pods=True,
    no_remedy="Whether the namespace should be in the mesh is the owner's decision.",
)
