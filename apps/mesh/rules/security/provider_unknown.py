"""A CUSTOM policy names a provider that the mesh configuration does not have.

With the action CUSTOM a proxy asks an external service whether a request may pass. Which one is said by
`provider.name`, and that name has to be one of `extensionProviders` in the mesh configuration. If it is
not, istiod does not leave the policy out: it makes the proxies refuse every request that the policy's
rules take (pilot/pkg/security/authz/builder, getBadCustomDenyRules). The workload then answers 403 and the
cause stands only in istiod's log.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import CUSTOM
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    for policy in context.snapshot.each(AuthorizationPolicy):
        if policy.action != CUSTOM or not policy.rules:
            continue
        config = context.mesh_config(policy.namespace)
        if config.unread or policy.provider in config.external_authorizers:
            continue
        known = listed(config.external_authorizers) or "none"
        name = policy.provider or "none"
        yield RULE.finding(
            f"The policy names the provider {name}, and the mesh configuration has these that decide about "
            f"requests: {known}. Every request that the policy's rules take is refused. Add the provider to "
            "extensionProviders, or correct the name.",
            policy.ref,
            api_version=policy.api_version,
            path="spec.provider.name" if policy.provider else "spec.provider",
        )


RULE = Rule(
    code="MC209",
    name="provider-unknown",
    severity=Severity.ERROR,
    title="The policy's provider is not configured",
    inputs=INPUTS | {"AuthorizationPolicy"},
    doc=__doc__ or "",
    check=check,
    no_remedy="The provider is configured in the mesh's own configuration, which the console does not write.",
)
