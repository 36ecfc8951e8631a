"""A waypoint is named that does not exist.

`istio.io/use-waypoint` names a Gateway of the Gateway API, in the same namespace unless
`istio.io/use-waypoint-namespace` says another. Where there is none, ztunnel sends the traffic on without one:
policies and routes that are meant for the waypoint are enforced for nobody, and nothing says so.

Create the Gateway (`istioctl waypoint apply` does), or correct the label. Where nothing is in ambient mode
another check speaks of the label.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS
from apps.mesh.knownhosts import whole
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Service, ServiceEntry
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.snapshot import Snapshot
from apps.mesh.waypoints import LABEL, named_by


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace, Service and ServiceEntry with the label."""
    labelled = (item for part in context.snapshot.parts(_labelled).values() for item in part)
    found = [(item, ref) for item in labelled if (ref := named_by(item)) is not None]
    if not found or not whole(context.snapshot) or not context.any_ambient:
        return
    for item, ref in found:
        if context.snapshot.exists(ref) or context.snapshot.missing("KubernetesGateway", ref.namespace):
            continue
        yield RULE.finding(
            f"The waypoint {ref.path} does not exist: ztunnel sends the traffic on without one, and what is "
            "meant for the waypoint is enforced for nobody. Create the Gateway, or correct the label.",
            item.ref,
            api_version=item.api_version,
            path=f"metadata.labels[{LABEL}]",
        )


@EachNamespace
def _labelled(snapshot: Snapshot, namespace: str) -> tuple[MeshObject, ...]:
    """What of a namespace names a waypoint, the namespace itself included."""
    known = snapshot.namespace(namespace)
    own = (known,) if known is not None else ()
    found = (*own, *snapshot.each_in(Service, namespace), *snapshot.each_in(ServiceEntry, namespace))
    return tuple(item for item in found if item.labels.get(LABEL))


RULE = Rule(
    code="MC231",
    name="waypoint-missing",
    severity=Severity.ERROR,
    title="A waypoint is named that does not exist",
    inputs=INPUTS | {"KubernetesGateway", "Service", "ServiceEntry"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1313",),
    no_remedy="Whether the waypoint or the label is missing only the owner of the namespace knows.",
)
