"""A proxy's image is to be filled in by injection, and injection does not happen.

Gateways are often deployed with a container `istio-proxy` whose image is `auto`: the injection webhook puts
the right image and settings in when a pod is created. If no webhook takes the pod (the namespace is not
labelled, refuses injection, or asks for a revision that is gone) `auto` stays, and the pod cannot start
because there is no such image. On a gateway that means that nothing comes into the mesh any more, though
pods that were there before go on running.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS, PROXY_CONTAINER
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext

AUTO = "auto"


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.injected_in(namespace):
        proxy = workload.template.container(PROXY_CONTAINER)
        if proxy is None or proxy.image != AUTO or report.expected is not False:
            continue
        yield RULE.finding(
            f"The image of {PROXY_CONTAINER} is auto, and nothing fills it in: new pods cannot start. "
            f"{report.reason} Label the namespace or the pods for injection.",
            workload.ref,
            api_version=workload.api_version,
            path="spec.template.spec.containers",
        )


RULE = Rule(
    code="MC229",
    name="proxy-image-auto",
    severity=Severity.ERROR,
    title="A proxy's image is left to injection, which does not happen",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0146", "IST0147"),
    no_remedy="Whether injection should happen, or the image be written, only the owner knows.",
)
