"""The selector of a Gateway takes no workload, so that no proxy opens its ports.

A Gateway is configuration for proxies that run somewhere else: `selector` has to be in the labels of the
pods of an ingress or egress gateway, in any namespace. A common mistake is `istio: ingressgateway` where the
installed gateway carries another label, as gateways of the Helm chart do (their release's name). Pods count,
not the labels of their Deployment, and a Deployment without replicas by its template. Where istiod runs with
PILOT_SCOPE_GATEWAY_TO_NAMESPACE, only pods of the Gateway's own namespace do.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.gatewayproxies import gateway_workloads, stays_home
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import Gateway
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Gateway; none while workloads could not be read."""
    if not context.knows_workloads():
        return
    for gateway in in_force(context.snapshot, Gateway):
        if gateway.selector and not gateway_workloads(context.snapshot, gateway):
            wanted = listed(f"{key}={value}" for key, value in sorted(gateway.selector.items()))
            home = stays_home(context.snapshot, gateway.namespace)
            where = f"in {gateway.namespace}" if home else "of the cluster"
            yield RULE.finding(
                f"No pod {where} has {wanted}, so that nothing listens for this Gateway. Use the labels of "
                "the gateway's pods, or install the gateway.",
                gateway.ref,
                api_version=gateway.api_version,
                path="spec.selector",
            )


RULE = Rule(
    code="MC162",
    name="gateway-selects-nothing",
    severity=Severity.WARNING,
    title="A Gateway selects no workload",
    inputs=INPUTS | {"Gateway"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0302", "IST0101"),
    no_remedy=(
        "Whether the selector or the labels of the proxies are wrong cannot be seen, and a Gateway that "
        "selects publishes."
    ),
)
