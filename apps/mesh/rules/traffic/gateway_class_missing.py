"""A Gateway of the Gateway API is of a class that does not exist, so that nobody serves it.

`gatewayClassName` names a GatewayClass, and with it the controller that is to build the gateway. istiod makes
those of its own (`istio`, `istio-waypoint`) where the kinds of the Gateway API are installed, and knows them
without the object too. Any other name without a GatewayClass belongs to nobody: no proxy is started, no
address is given, and no condition in the status says why. Kiali compares with a list in its own configuration
and reports classes that are there.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.gatewayapi import GatewayClass, KubernetesGateway
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

BUILT_IN = frozenset(
    {"istio", "istio-waypoint", "istio-remote", "istio-east-west"}
    | {"istio-agentgateway", "istio-agentgateway-waypoint"}
)
"""Classes that istiod serves without an object (pilot/pkg/config/kube/gatewaycommon GetAllClasses)."""


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Gateway; none where classes could not be read."""
    if not context.whole or context.snapshot.missing("GatewayClass"):
        return
    classes = sorted(item.name for item in context.snapshot.each(GatewayClass))
    for gateway in in_force(context.snapshot, KubernetesGateway):
        if gateway.class_name not in BUILT_IN and gateway.class_name not in classes:
            known = f"There {'is' if len(classes) == 1 else 'are'} {listed(classes)}; c" if classes else "C"
            yield RULE.finding(
                f"There is no GatewayClass {gateway.class_name or 'without a name'}, so that no controller "
                f"serves this Gateway. {known}orrect the name, or install what brings the class.",
                gateway.ref,
                api_version=gateway.api_version,
                path="spec.gatewayClassName",
            )


RULE = Rule(
    code="MC182",
    name="gateway-class-missing",
    severity=Severity.ERROR,
    title="A Gateway is of a class that is not there",
    inputs=INPUTS | {"GatewayClass", "KubernetesGateway"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1504",),
    no_remedy="Which controller should serve the Gateway is its owner's decision.",
)
