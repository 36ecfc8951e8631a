"""A PeerAuthentication without a selector sets modes of ports, which are ignored.

`portLevelMtls` counts only in a policy that selects workloads. In one for a namespace or for the mesh it is
never looked at (pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication), so that every port
has the mode of the policy as a whole. Istio's validation refuses such an object; it exists where the
validation webhook was away, or in a repository that nobody has applied yet.

Give the policy a selector, or write one policy for the namespace and another for the workloads whose
ports need a mode of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    for policy in context.snapshot.each(PeerAuthentication):
        if policy.port_modes and not policy.selector:
            ports = listed(str(port) for port in sorted(policy.port_modes))
            yield RULE.finding(
                f"The mode of port {ports} is ignored, because the policy selects no workloads: all ports "
                f"are {policy.mode or 'as the mesh says'}. Select the workloads that have the port.",
                policy.ref,
                api_version=policy.api_version,
                path="spec.portLevelMtls",
            )


RULE = Rule(
    code="MC213",
    name="port-mode-without-selector",
    severity=Severity.ERROR,
    title="Modes of ports are ignored without a selector",
    inputs=frozenset({"PeerAuthentication"}),
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy="Which workloads the modes are for only the owner knows.",
)
