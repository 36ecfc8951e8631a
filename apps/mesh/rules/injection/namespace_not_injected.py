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
from dataclasses import dataclass

from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, IGNORED_NAMESPACES, WEBHOOK_KIND, injected
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.config import Namespace
from apps.mesh.reports import DataPlane
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import INPUTS
from apps.mesh.webhooks import REVISION_LABEL

LABELS = ("istio-injection", REVISION_LABEL, DATAPLANE_LABEL)
SYSTEM_PREFIXES = ("kube-", "openshift-", "istio-")


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    found = context.snapshot.parts(_found)
    if context.snapshot.missing(WEBHOOK_KIND) or not any(item.chosen for item in found.values()):
        return
    own = {plane.namespace for plane in control_planes(context.snapshot)}
    own |= {install.namespace for install in context.installs}
    for name, item in found.items():
        if item.outside is not None and name not in own:
            yield RULE.finding(
                f"{counted(item.pods, 'pod')} run outside of the mesh, and no label says whether that is "
                "meant. Label the namespace istio-injection=enabled, or =disabled to say so.",
                item.outside.ref,
                api_version=item.outside.api_version,
                path="metadata.labels",
            )


@dataclass(frozen=True, slots=True)
class _Standing:
    """`chosen` is True of a namespace that a label puts into the mesh; `outside` is the namespace, if pods of
    it run outside and no label says so."""

    chosen: bool = False
    outside: Namespace | None = None
    pods: int = 0


@EachNamespace
def _found(snapshot: Snapshot, namespace: str) -> _Standing:
    known = snapshot.namespace(namespace)
    if known is None:
        return _Standing()
    if any(_takes_part(report.actual, report.expected) for report in snapshot.part(injected, namespace)):
        return _Standing(chosen=any(key in known.labels for key in LABELS))
    pods = sum(workload.pods_total for workload in snapshot.workloads_in(namespace))
    return _Standing() if _excluded(known) or not pods else _Standing(outside=known, pods=pods)


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
