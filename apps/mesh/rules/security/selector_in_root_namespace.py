"""A PeerAuthentication in the mesh's root namespace selects workloads, and has no effect at all.

In the root namespace a PeerAuthentication without a selector is the policy of the whole mesh. One with a
selector is neither that nor a policy for workloads: istiod leaves it out
(pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication), for workloads of other namespaces
as well as for those of the root namespace itself. An AuthorizationPolicy or a RequestAuthentication in
the root namespace does select workloads of all namespaces, which makes the mistake easy.

Which namespace is the root is read from the mesh configuration (`rootNamespace`), not assumed. Put the
policy into the namespace of its workloads.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    for policy in context.snapshot.each(PeerAuthentication):
        config = context.mesh_config(policy.namespace)
        if policy.selector and policy.namespace == config.root_namespace and not config.unread:
            mode = policy.mode or "its ports' modes"
            yield RULE.finding(
                f"{policy.namespace} is the root namespace of the mesh, where a PeerAuthentication with a "
                f"selector is left out: {mode} holds nowhere. Put it into the namespace of its workloads.",
                policy.ref,
                api_version=policy.api_version,
                path="spec.selector",
            )


RULE = Rule(
    code="MC214",
    name="selector-in-root-namespace",
    severity=Severity.ERROR,
    title="A policy with a selector does nothing in the root namespace",
    inputs=INPUTS | {"PeerAuthentication"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Which namespace was meant is a guess, and elsewhere the policy would begin to refuse callers.",
)
