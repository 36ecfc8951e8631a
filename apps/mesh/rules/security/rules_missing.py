"""A DENY, AUDIT or CUSTOM policy without rules does nothing.

The rules of a policy say which requests it takes. Without any, it takes none: a DENY policy denies
nothing, and a CUSTOM policy asks its provider about nothing. What was meant is one empty rule,
`rules: [{}]`, which takes every request. Istio's validation (pkg/config/validation,
ValidateAuthorizationPolicy) refuses such objects, but not while its webhook is away, and not in a
repository that nobody has applied yet.

An ALLOW policy without rules is another matter: it refuses everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import AUDIT, CUSTOM, DENY
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.rules.base import Rule, RuleContext

IDLE = {DENY: "denies nothing", AUDIT: "logs nothing", CUSTOM: "asks its provider about nothing"}


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    for policy in context.snapshot.each(AuthorizationPolicy):
        if policy.action in IDLE and not policy.rules:
            yield RULE.finding(
                f"Without rules a {policy.action} policy takes no request: it {IDLE[policy.action]}. "
                "Add the rules, or one empty rule ([{}]) for every request.",
                policy.ref,
                api_version=policy.api_version,
                path="spec.rules",
            )


RULE = Rule(
    code="MC208",
    name="rules-missing",
    severity=Severity.ERROR,
    title="The policy has no rules and does nothing",
    inputs=frozenset({"AuthorizationPolicy"}),
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy="What should be refused, or asked of the provider, only the owner knows.",
)
