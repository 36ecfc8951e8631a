"""A Sidecar of the root namespace has a workload selector, and reaches nothing outside that namespace.

The Sidecar of the root namespace (`istio-system`, unless MeshConfig says otherwise) is the default of
all namespaces that have none of their own, but only the one without a selector. One with a selector is
read as a Sidecar of the root namespace itself: it holds for pods there, which are mostly istiod, that has
no proxy, and gateways, that ignore Sidecars. Whoever writes it usually wants certain workloads of the
whole mesh, which is not possible. Istio accepts it without a word; Kiali reports it as KIA1006.

An empty `workloadSelector: {}` is a selector as well. See pilot/pkg/model/push_context.go
(initSidecarScopes).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each such Sidecar."""
    for sidecar in context.snapshot.each(Sidecar):
        if sidecar.workload_selector is None or not context.reads(sidecar):
            continue
        if sidecar.namespace == context.mesh_config(sidecar.namespace).root_namespace:
            yield RULE.finding(
                f"With a selector this Sidecar holds for pods of {sidecar.namespace} only, not for those of "
                "the other namespaces. Take the selector out to make it the default of the mesh, or put one "
                "into each namespace whose workloads are meant.",
                sidecar.ref,
                api_version=sidecar.api_version,
                path="spec.workloadSelector",
            )


RULE = Rule(
    code="MC115",
    name="root-sidecar-with-selector",
    severity=Severity.WARNING,
    title="A selector keeps the root namespace's Sidecar from the mesh",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1006",),
    no_remedy="Without its selector the Sidecar would narrow every namespace of the mesh at once.",
)
