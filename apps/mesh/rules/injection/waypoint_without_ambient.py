"""A waypoint is named, and nothing in the cluster is in ambient mode.

`istio.io/use-waypoint` on a Namespace, a Service or a workload tells ztunnel to send traffic through a
waypoint proxy. Sidecars do not look at it. Where no namespace and no pod of the cluster is in ambient mode
the label has no effect, and policies that are attached to the waypoint are enforced for nobody.

Kiali (KIA1312) reports the label on every namespace that is not ambient itself. That is too much: ztunnel
looks at the label of the *destination*, so a Service outside of ambient mode may well have a waypoint for
its ambient callers. Only a cluster without any ambient pod is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Service
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.snapshot import Snapshot

LABEL = "istio.io/use-waypoint"
NO_WAYPOINT = "none"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace and Service with the label."""
    found = [item for part in context.snapshot.parts(_labelled).values() for item in part]
    if not found or context.snapshot.missing("Namespace") or context.any_ambient:
        return
    for item in found:
        yield RULE.finding(
            f"It names the waypoint {item.labels[LABEL]}, and nothing in this cluster is in ambient mode: "
            "sidecars do not look at the label. Label the namespace istio.io/dataplane-mode=ambient, or "
            "remove the label.",
            item.ref,
            api_version=item.api_version,
            path=f"metadata.labels[{LABEL}]",
        )


@EachNamespace
def _labelled(snapshot: Snapshot, namespace: str) -> tuple[MeshObject, ...]:
    """What of a namespace names a waypoint, the namespace itself included."""
    known = snapshot.namespace(namespace)
    own = (known,) if known is not None else ()
    found = (*own, *snapshot.each_in(Service, namespace))
    return tuple(item for item in found if item.labels.get(LABEL, NO_WAYPOINT) != NO_WAYPOINT)


RULE = Rule(
    code="MC222",
    name="waypoint-without-ambient",
    severity=Severity.WARNING,
    title="A waypoint is named and nothing is in ambient mode",
    inputs=INPUTS | {"Service"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1312",),
    no_remedy="Whether the waypoint or ambient mode is wanted only the owner knows.",
)
