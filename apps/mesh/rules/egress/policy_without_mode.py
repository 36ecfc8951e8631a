"""A Sidecar has an `outboundTrafficPolicy` without a mode, which means REGISTRY_ONLY.

The mode of a policy that is there and says none is the zero value of its enum, and that is
`REGISTRY_ONLY`: hosts that the registry does not know are refused. It is not "as the mesh has it" and
not the documented default `ALLOW_ANY`; that one holds only where there is no policy at all. Kiali calls
an empty policy ambiguous (KIA1007), but Istio reads it in one way only. Somebody who wrote `{}` to take
a setting back, or gave only `egressProxy`, closed the workloads of this Sidecar.

Write the mode that is meant. `egressProxy` is allowed with `ALLOW_ANY` only. See istio/api
networking/v1alpha3/sidecar.proto and pilot/pkg/model/sidecar.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.meshconfig import ALLOW_ANY
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar."""
    for sidecar in context.snapshot.each(Sidecar):
        policy = sidecar.outbound_policy
        if policy is None or policy.mode_given or not context.reads(sidecar):
            continue
        mesh = context.mesh_config(sidecar.namespace).outbound
        against = ", although the mesh says ALLOW_ANY" if mesh is not None and mesh.mode == ALLOW_ANY else ""
        proxy = " Its egressProxy is used with ALLOW_ANY only." if policy.egress_proxy else ""
        yield RULE.finding(
            f"A policy without a mode is REGISTRY_ONLY: what the registry does not know is refused{against}."
            f"{proxy} Write the mode that is meant, or take outboundTrafficPolicy out to have the mesh's.",
            sidecar.ref,
            api_version=sidecar.api_version,
            path="spec.outboundTrafficPolicy",
        )


RULE = Rule(
    code="MC116",
    name="policy-without-mode",
    severity=Severity.INFO,
    title="An outbound traffic policy without a mode is REGISTRY_ONLY",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1007",),
    no_remedy=(
        "Whether REGISTRY_ONLY was meant is the question; either answer opens or closes hosts for good."
    ),
)
