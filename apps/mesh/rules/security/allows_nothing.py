"""A policy without rules refuses every request to its workloads.

An ALLOW policy (the default action) without rules takes no request, and where any ALLOW policy selects a
workload everything that none of them takes is refused. `spec: {}` in a namespace is therefore the way to
deny by default; other ALLOW policies then open what is wanted. Kept in the mesh's root namespace it does
that for the whole mesh. The check names the workloads that no other ALLOW policy opens again: they answer
every request with 403, or close the connection.

An empty rule (`rules: [{}]`) is the opposite and lets everything in. A hint, not a mistake: a workload may
be closed on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import ALLOW, INPUTS, AuthorizationPolicies, enforced
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy that closes workloads."""
    if context.snapshot.missing("AuthorizationPolicy"):
        return  # another one may open what this one closes
    policies = context.snapshot.derived(AuthorizationPolicies)
    for policy in context.snapshot.each(AuthorizationPolicy):
        if policy.action != ALLOW or policy.rules or not enforced(policy):
            continue
        closed = [
            workload.ref
            for workload in policies.taken(policy)
            if context.injections[workload.ref].meshed and not _opened(policies, workload)
        ]
        if closed:
            yield RULE.finding(
                f"Without rules this policy refuses every request to {counted(len(closed), 'workload')} "
                f"({listed(ref.path for ref in closed)}), and no other ALLOW policy opens "
                f"{'it' if len(closed) == 1 else 'them'}. Add a policy for the callers that are wanted.",
                policy.ref,
                api_version=policy.api_version,
                path="spec.rules",
                affected=tuple(closed),
            )


def _opened(policies: AuthorizationPolicies, workload: Workload) -> bool:
    return any(item.action == ALLOW and item.rules for item in policies.before(workload))


RULE = Rule(
    code="MC207",
    name="allows-nothing",
    severity=Severity.INFO,
    title="The policy refuses every request",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    follows_pods=True,
    no_remedy="It may be meant: an empty policy is the usual way to refuse everything but what others allow.",
)
