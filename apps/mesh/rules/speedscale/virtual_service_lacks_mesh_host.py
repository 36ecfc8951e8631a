"""A VirtualService routes to a captured service from outside only.

Speedscale's Istio page asks: if a service is accessible both outside and inside of the cluster, make sure
that the VirtualService contains the same host. One that is bound to a gateway alone (naming gateways drops
the implicit `mesh`), or that holds nothing but the public name, decides for calls that come in through the
gateway. Calls from inside go by the Service's own name and know nothing of its routes, so that a replay,
which calls from inside, takes another path than the traffic that was recorded.

Add the name of the Service to `hosts` and `mesh` to `gateways`. Where another VirtualService of the mesh
already speaks of the Service there is nothing to do. Services that nothing of Speedscale captures are not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.outsideonly import outside_only
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService."""
    for found in outside_only(context.snapshot):
        yield RULE.finding(
            f"It routes to {listed(found.lacking)}, which Speedscale captures, and decides for calls from "
            f"outside only. Add {_what(found.absent, in_mesh=found.in_mesh)}.",
            found.item.ref,
            api_version=found.item.api_version,
            path="spec.hosts" if found.absent else "spec.gateways",
        )


def _what(absent: Sequence[str], *, in_mesh: bool) -> str:
    parts = [f"{listed(absent)} to hosts"] if absent else []
    if not in_mesh:
        parts.append("mesh to gateways")
    return " and ".join(parts)


RULE = Rule(
    code="SS12",
    name="virtual-service-lacks-mesh-host",
    severity=Severity.WARNING,
    title="The VirtualService of a captured service is for outside only",
    inputs=CAPTURE_INPUTS | {"GRPCRoute", "HTTPRoute", "Service", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    remedy="add-mesh-host",
)
